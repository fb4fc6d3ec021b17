// Whether a client is who it says: user and password against the users file. Decides nothing about
// SMTP, nor about what the user may send (conf/user.h).
//
// A check costs what its hash was made to cost, so it never runs on a thread of the network. The
// one to four threads that do it, a quarter of the cores, have the lowest priority; they and the 64
// checks that may wait for them are all that guessers can get of this machine, and bound the
// guesses against any one user (auth_throttle.h). A client that logs in for each message does not
// pay each time: what was right is remembered for five minutes, and passes by whoever waits.
//
// A login by SCRAM costs us next to nothing (scram_login.h): the client does the slow part. So only
// the throttle bounds guesses that come that way; who guesses pays for each guess himself.
//
// Time tells little: a user that does not exist costs what the file's users cost, and digests are
// compared in constant time. Names and passwords are compared octet by octet, without SASLprep
// (RFC 4616 §2 would prepare them): what was hashed is what must be sent. Only the password behind
// SCRAM keys is prepared, as the client that proves it prepares it (scram_keys.h).
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "mta/intake/auth_throttle.h"
#include "mta/intake/recent_map.h"
#include "mta/intake/scram_exchange.h"
#include "mta/intake/scram_secret.h"
#include "mta/intake/users.h"

namespace fulmar::intake {

class Authenticator {
 public:
  static constexpr std::size_t kMaxThreads = 4;
  static constexpr std::size_t kMaxWaiting = 64;
  static constexpr std::chrono::minutes kRemembered{5};
  static constexpr std::size_t kMaxRemembered = 10'000;

  enum class Verdict : std::uint8_t {
    accepted,
    refused,      ///< No such user, or not this password: 535 5.7.8.
    try_later,    ///< Nothing was looked at: too many guesses from there, too many checks at once,
                  ///< or the end of the program: 454 4.7.0.
    unavailable,  ///< The check itself failed, which is in the log: 454 4.7.0.
  };

  /// Reads the users. An empty path: there are none, and nobody is accepted; which is what a
  /// program without a listener that offers AUTH gives. Errors as Users::load(), and Errc::internal
  /// when OpenSSL or GNU SASL cannot be used. `scram_secret`:
  /// what users that do not exist show to SCRAM clients is made of it. `clock` must outlive it, and
  /// so must the execution contexts of those who call check().
  static Result<std::unique_ptr<Authenticator>> create(const std::string& users_file,
                                                       const ScramSecret& scram_secret,
                                                       const Clock& clock);

  /// As stop(), and waits for what is under way.
  ~Authenticator();

  /// From any thread; resumes on the caller's executor. Takes until the check's turn has come, some
  /// seconds at most, and cannot be cancelled. The password is wiped wherever it stood in here.
  [[nodiscard]] boost::asio::awaitable<Verdict> check(IpAddress client, std::string user,
                                                      std::string password);

  /// Those there are now. From any thread.
  [[nodiscard]] std::shared_ptr<const Users> users();

  /// An exchange with the keys of the users there are now. A user that does not exist, or has no
  /// such keys, looks like one who has; a client that must wait gets no keys. Errc::internal when
  /// it cannot begin. Its first step must not outlive the authenticator. From any thread.
  [[nodiscard]] Result<ScramExchange> begin_scram(const IpAddress& client);

  /// For logins that are not checked here. Whether nothing of `client` at `user` is to be looked
  /// at; what became of it else. From any thread.
  [[nodiscard]] bool must_wait(const IpAddress& client, const std::string& user);
  void note_failure(const IpAddress& client, const std::string& user);
  void note_success(const IpAddress& client, const std::string& user);

  /// Reads the users anew, from a file that may be another one. With an error, as of
  /// Users::load(), those there were stay. From any thread; waits for the disk.
  Result<> reload(const std::string& users_file);

  /// Checks that have not begun end with try_later, and so do later ones. From any thread.
  void stop();

 private:
  struct Attempt;
  [[nodiscard]] static std::size_t threads();
  /// Under a key of this process, so it is of no use outside it: user, hash and password.
  using Fingerprint = std::array<std::uint8_t, 32>;
  using Key = std::array<std::uint8_t, 32>;

  Authenticator(Users users, const Key& key, const ScramSecret& scram_secret, ScramMechanism scram,
                const Clock& clock);

  [[nodiscard]] std::optional<ScramKeys> scram_keys(const IpAddress& client,
                                                    const std::string& user);
  std::shared_ptr<Attempt> make_attempt(const IpAddress& client, const std::string& user,
                                        const std::string& password);
  [[nodiscard]] std::optional<Fingerprint> fingerprint(const std::string& user,
                                                       const std::string& hash,
                                                       const std::string& password) const;
  std::optional<Verdict> judge_at_once(const Attempt& attempt);
  bool is_remembered(const Attempt& attempt, SteadyTime now);
  bool take_place();
  boost::asio::awaitable<Verdict> queue(std::shared_ptr<Attempt> attempt);
  Verdict judge(const Attempt& attempt);
  void note(const Attempt& attempt, Verdict verdict);

  const Key key_;
  const ScramSecret scram_secret_;
  const ScramMechanism scram_;
  const Clock& clock_;
  std::mutex mutex_;
  std::shared_ptr<const Users> users_;             // guarded by mutex_; shared with attempts
  AuthThrottle throttle_;                          // guarded by mutex_
  RecentMap<Fingerprint, SteadyTime> remembered_;  // guarded by mutex_; until when
  std::size_t waiting_ = 0;                        // guarded by mutex_
  bool stopped_ = false;                           // guarded by mutex_
  boost::asio::thread_pool pool_;                  // last: its threads use the others
};

}  // namespace fulmar::intake
