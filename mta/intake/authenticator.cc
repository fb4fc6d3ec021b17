#include "mta/intake/authenticator.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/wipe.h"
#include "mta/intake/password_hash.h"
#include "mta/intake/secret_octets.h"

namespace fulmar::intake {

namespace asio = boost::asio;

namespace {

constexpr int kLowestPriority = 19;

/// Hashing waits for everything else that this machine has to do. Where the system does not allow
/// that, it costs as much as anything.
void yield_to_others() {
  static thread_local const int result =
      setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLowestPriority);
  static_cast<void>(result);
}

/// Its length first, so that no two lists of parts make the same text.
void append_part(std::string& text, const std::string& part) {
  text += std::to_string(part.size()) + ':' + part;
}

Result<Users> load_users(const std::string& users_file) {
  if (users_file.empty()) return Users();
  return Users::load(users_file);
}

}  // namespace

/// One check, from its question to its answer.
struct Authenticator::Attempt {
  Attempt() = default;
  ~Attempt() { wipe(password); }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  IpAddress client;
  std::string user;
  std::string password;
  std::shared_ptr<const Users> users;
  const std::string* hash = nullptr;       ///< Of `users`; of others when the user does not exist.
  bool exists = false;                     ///< The user.
  std::optional<Fingerprint> fingerprint;  ///< Of users that exist.
};

Result<std::unique_ptr<Authenticator>> Authenticator::create(const std::string& users_file,
                                                             const ScramSecret& scram_secret,
                                                             const Clock& clock) {
  FULMAR_TRY(Users users, load_users(users_file));
  Key key{};
  FULMAR_TRY_VOID(fill_with_secret_octets(key));
  FULMAR_TRY(ScramMechanism scram, ScramMechanism::create());
  return std::unique_ptr<Authenticator>(
      new Authenticator(std::move(users), key, scram_secret, std::move(scram), clock));
}

/// A quarter of the cores: a crowd of guessers must leave the rest to those who send mail.
std::size_t Authenticator::threads() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() / 4, 1, kMaxThreads);
}

Authenticator::Authenticator(Users users, const Key& key, const ScramSecret& scram_secret,
                             ScramMechanism scram, const Clock& clock)
    : key_(key),
      scram_secret_(scram_secret),
      scram_(std::move(scram)),
      clock_(clock),
      users_(std::make_shared<const Users>(std::move(users))),
      remembered_(kMaxRemembered),
      pool_(threads()) {}

Authenticator::~Authenticator() {
  stop();
  pool_.join();
}

void Authenticator::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
}

Result<> Authenticator::reload(const std::string& users_file) {
  FULMAR_TRY(Users users, load_users(users_file));
  auto fresh = std::make_shared<const Users>(std::move(users));
  const std::lock_guard lock(mutex_);
  users_ = std::move(fresh);
  return {};
}

std::shared_ptr<const Users> Authenticator::users() {
  const std::lock_guard lock(mutex_);
  return users_;
}

Result<ScramExchange> Authenticator::begin_scram(const IpAddress& client) {
  auto find_keys = [this, client](const std::string& user) { return scram_keys(client, user); };
  return ScramExchange::create(scram_, std::move(find_keys));
}

/// The same is done for all, whether they exist or not, lest the time tell.
std::optional<ScramKeys> Authenticator::scram_keys(const IpAddress& client,
                                                   const std::string& user) {
  if (must_wait(client, user)) return std::nullopt;
  const auto users = this->users();
  const std::string* own = users->find(user);
  auto keys = parse_scram_keys(own != nullptr ? *own : users->stand_in());
  const ScramCost cost = stand_in_scram_cost(scram_secret_, user, users->scram_costs());
  auto stand_in = stand_in_scram_keys(scram_secret_, user, cost);
  if (own != nullptr && keys) return *std::move(keys);
  if (stand_in) return *std::move(stand_in);
  log_error("a login cannot be checked", {{"reason", stand_in.error().detail}});
  return std::nullopt;
}

bool Authenticator::must_wait(const IpAddress& client, const std::string& user) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  return stopped_ || throttle_.must_wait(client, user, now);
}

void Authenticator::note_failure(const IpAddress& client, const std::string& user) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  throttle_.note_failure(client, user, now);
}

void Authenticator::note_success(const IpAddress& client, const std::string& user) {
  const std::lock_guard lock(mutex_);
  throttle_.note_success(client, user);
}

asio::awaitable<Authenticator::Verdict> Authenticator::check(IpAddress client, std::string user,
                                                             std::string password) {
  auto attempt = make_attempt(client, user, password);
  wipe(password);
  const std::optional<Verdict> at_once = judge_at_once(*attempt);
  if (at_once) co_return *at_once;
  if (!take_place()) co_return Verdict::try_later;
  const Verdict verdict = co_await queue(std::move(attempt));
  co_return verdict;
}

std::shared_ptr<Authenticator::Attempt> Authenticator::make_attempt(const IpAddress& client,
                                                                    const std::string& user,
                                                                    const std::string& password) {
  auto attempt = std::make_shared<Attempt>();
  attempt->client = client;
  attempt->user = user;
  attempt->password = password;
  attempt->users = users();
  const std::string* own = attempt->users->find(user);
  attempt->exists = own != nullptr;
  attempt->hash = own != nullptr ? own : &attempt->users->stand_in();
  auto made = fingerprint(user, *attempt->hash, password);
  if (attempt->exists) attempt->fingerprint = made;
  return attempt;
}

std::optional<Authenticator::Fingerprint> Authenticator::fingerprint(
    const std::string& user, const std::string& hash, const std::string& password) const {
  constexpr std::size_t kLengths = 64;
  std::string text;
  text.reserve(user.size() + hash.size() + password.size() + kLengths);
  append_part(text, user);
  append_part(text, hash);
  append_part(text, password);
  Fingerprint result{};
  const auto* octets = reinterpret_cast<const unsigned char*>(text.data());
  const bool made = HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), octets,
                         text.size(), result.data(), nullptr) != nullptr;
  wipe(text);
  return made ? std::optional(result) : std::nullopt;
}

/// What is clear without a hash; empty when one has to be made.
std::optional<Authenticator::Verdict> Authenticator::judge_at_once(const Attempt& attempt) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (stopped_ || throttle_.must_wait(attempt.client, attempt.user, now)) return Verdict::try_later;
  if (is_remembered(attempt, now)) {
    throttle_.note_success(attempt.client, attempt.user);
    return Verdict::accepted;
  }
  const bool is_possible = check_password(attempt.password).has_value() && !attempt.hash->empty();
  if (is_possible) return std::nullopt;
  throttle_.note_failure(attempt.client, attempt.user, now);
  return Verdict::refused;
}

/// REQUIRES: mutex_ is held.
bool Authenticator::is_remembered(const Attempt& attempt, SteadyTime now) {
  if (!attempt.fingerprint) return false;
  const SteadyTime* until = remembered_.find(*attempt.fingerprint);
  return until != nullptr && now < *until;
}

/// Among those who wait for a thread.
bool Authenticator::take_place() {
  const std::lock_guard lock(mutex_);
  if (waiting_ >= kMaxWaiting) return false;
  ++waiting_;
  return true;
}

/// To a thread of the pool and back to the caller's executor, which is kept from running out of
/// work meanwhile.
asio::awaitable<Authenticator::Verdict> Authenticator::queue(std::shared_ptr<Attempt> attempt) {
  auto initiation = [this](auto handler, std::shared_ptr<Attempt> given) {
    auto work = asio::make_work_guard(asio::get_associated_executor(handler));
    auto job = [this, given = std::move(given), handler = std::move(handler),
                work = std::move(work)]() mutable {
      yield_to_others();
      const Verdict verdict = judge(*given);
      given.reset();
      auto executor = work.get_executor();
      auto resume = [handler = std::move(handler), work = std::move(work), verdict]() mutable {
        std::move(handler)(verdict);
      };
      asio::post(executor, std::move(resume));
    };
    asio::post(pool_, std::move(job));
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Verdict)>(
      initiation, asio::use_awaitable, std::move(attempt));
}

/// On a thread of the pool.
Authenticator::Verdict Authenticator::judge(const Attempt& attempt) {
  {
    const std::lock_guard lock(mutex_);
    --waiting_;
  }
  // While this one waited, others from there may have failed, or the same may have been right.
  if (const auto at_once = judge_at_once(attempt)) return *at_once;
  const Result<bool> right = fits(attempt.password, *attempt.hash);
  if (!right) {
    log_error("a password cannot be checked", {{"reason", right.error().detail}});
    return Verdict::unavailable;
  }
  const Verdict verdict = attempt.exists && *right ? Verdict::accepted : Verdict::refused;
  note(attempt, verdict);
  return verdict;
}

void Authenticator::note(const Attempt& attempt, Verdict verdict) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (verdict != Verdict::accepted)
    return throttle_.note_failure(attempt.client, attempt.user, now);
  throttle_.note_success(attempt.client, attempt.user);
  if (attempt.fingerprint) remembered_.renew(*attempt.fingerprint) = now + kRemembered;
}

}  // namespace fulmar::intake
