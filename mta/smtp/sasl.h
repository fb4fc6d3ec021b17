// One AUTH exchange on the server's side: lines in base64 in, challenges out, at the end a name and
// a password. Pure. RFC 4954 §4, RFC 4616 (PLAIN); LOGIN was never specified, and is all that some
// programs speak.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace fulmar::smtp {

/// What the client says who it is. The password is wiped when this is destroyed; its base64 form
/// may outlive it in buffers of the connection.
class Credentials {
 public:
  Credentials(std::string user, std::string password)
      : user_(std::move(user)), password_(std::move(password)) {}
  ~Credentials();
  Credentials(Credentials&&) noexcept = default;
  Credentials& operator=(Credentials&&) noexcept = default;
  Credentials(const Credentials&) = default;
  Credentials& operator=(const Credentials&) = default;

  [[nodiscard]] const std::string& user() const { return user_; }
  [[nodiscard]] const std::string& password() const { return password_; }

 private:
  std::string user_;
  std::string password_;
};

class SaslExchange {
 public:
  /// Empty for a mechanism that is not served. `name` is in upper case.
  static std::optional<SaslExchange> find(std::string_view name);

  /// The text of a 334 reply, in base64.
  struct Challenge {
    std::string text;
  };
  /// The exchange is over, and this is why.
  enum class Refusal : std::uint8_t {
    cancelled,  ///< "*": 501
    malformed,  ///< No base64, or not what the mechanism asks for: 501 5.5.2
    denied,     ///< Somebody who wants to act for somebody else: 535 5.7.8
  };
  using Step = std::variant<Challenge, Credentials, Refusal>;

  /// `initial` is the initial response, "=" for an empty one. RFC 4954 §4
  [[nodiscard]] Step begin(const std::optional<std::string>& initial);
  /// REQUIRES: the step before was a challenge. `line` without CRLF.
  [[nodiscard]] Step answer(std::string_view line);

 private:
  enum class Mechanism : std::uint8_t { plain, login };
  explicit SaslExchange(Mechanism mechanism) : mechanism_(mechanism) {}
  [[nodiscard]] Step take(const std::string& response);

  Mechanism mechanism_;
  std::optional<std::string> user_;  ///< LOGIN: said already.
};

/// What stands behind AUTH in the reply to EHLO.
inline constexpr std::string_view kSaslMechanisms = "PLAIN LOGIN";

}  // namespace fulmar::smtp
