// The server's side of one exchange of SCRAM-SHA-256: what a client says in, what it is told out.
// GNU SASL speaks the mechanism; this and scram_prep.h are its only users. It knows no users: whose
// keys count is asked. RFC 5802, RFC 7677
//
// Channels are not bound: a client says "n" or "y" in front, and "p=" is malformed. The name is
// taken as the client wrote it, "=2C" and "=3D" undone, without SASLprep; but one that SASLprep
// does not allow is refused.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "mta/intake/scram_keys.h"

struct Gsasl;
struct Gsasl_session;

namespace fulmar::intake {

/// GNU SASL as a whole. Does not change after it was made, so that any thread may use it. Exchanges
/// keep it alive.
class ScramMechanism {
 public:
  /// Errc::internal when the library cannot be used, or has no SCRAM-SHA-256.
  static Result<ScramMechanism> create();

 private:
  friend class ScramExchange;
  struct Close {
    void operator()(Gsasl* library) const;
  };
  explicit ScramMechanism(Gsasl* library) : library_(library, Close()) {}

  // Shared, because a session that the program's end cuts off is destroyed after what began it.
  std::shared_ptr<Gsasl> library_;
};

/// On one thread. Each step takes microseconds, as the client does the slow part; up to 6 ms for a
/// long name in rare letters.
class ScramExchange {
 public:
  enum class Fault : std::uint8_t {
    malformed,   ///< Not what RFC 5802 §7 asks for, or a name that no user can have.
    denied,      ///< The client wants to act for somebody else.
    held_back,   ///< FindKeys gave none: this client has to wait.
    wrong,       ///< The proof is not of that user's password, or not of this exchange.
    unavailable  ///< GNU SASL cannot do it.
  };
  /// The server's message. After a fault the exchange is over.
  using Step = std::expected<std::string, Fault>;
  /// The keys of the user of that name; empty: this client has to wait. Does not throw.
  using FindKeys = std::function<std::optional<ScramKeys>(const std::string& user)>;

  /// `find_keys` is called once at most, within first(). Errc::internal when GNU SASL cannot begin.
  static Result<ScramExchange> create(const ScramMechanism& mechanism, FindKeys find_keys);
  ~ScramExchange();
  ScramExchange(ScramExchange&&) noexcept;
  ScramExchange& operator=(ScramExchange&&) = delete;

  /// To the client's first message.
  [[nodiscard]] Step first(const std::string& message);
  /// To its second and last: the proof was right unless there is a fault. REQUIRES: first() had
  /// none.
  [[nodiscard]] Step last(const std::string& message);

  /// Who the client says it is. REQUIRES: first() had no fault.
  [[nodiscard]] const std::string& user() const;

 private:
  struct Hook;
  struct Close {
    void operator()(Gsasl_session* session) const;
  };
  ScramExchange(std::shared_ptr<Gsasl> library, std::unique_ptr<Hook> hook, Gsasl_session* session);
  [[nodiscard]] Step step(const std::string& message, int wanted);

  friend class ScramMechanism;

  // Before the session, which knows where they are.
  std::shared_ptr<Gsasl> library_;
  std::unique_ptr<Hook> hook_;
  std::unique_ptr<Gsasl_session, Close> session_;
};

}  // namespace fulmar::intake
