// One AUTH exchange on the server's side: lines in base64 in, challenges out, at the end a name and
// a password. Pure. RFC 4954 §4, RFC 4616 (PLAIN); LOGIN was never specified, and is all that some
// programs speak. What SCRAM says (RFC 5802, RFC 7677) is not understood here: its messages are
// handed on, and others make the challenges.
#pragma once

#include <cstddef>
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

/// A client's message of SCRAM-SHA-256, out of its base64: 0 to kMaxOctets octets, whatever they
/// are; the first one is not empty. RFC 5802 §7
struct ScramMessage {
  /// Room for the longest name with each octet escaped, twice, and for a long nonce.
  static constexpr std::size_t kMaxOctets = 2048;

  enum class Place : std::uint8_t {
    first,  ///< Begins an exchange; one that was under way is over.
    later
  } place = Place::first;
  std::string octets;
};

/// Whether SCRAM-SHA-256 is among the mechanisms.
enum class OfferScram : std::uint8_t { no, yes };

class SaslExchange {
 public:
  /// Empty for a mechanism that is not served. `name` is in upper case.
  static std::optional<SaslExchange> find(std::string_view name, OfferScram scram);

  /// The text of a 334 reply, in base64.
  struct Challenge {
    std::string text;
  };
  /// The exchange is over, and this is why.
  enum class Refusal : std::uint8_t {
    cancelled,  ///< "*": 501
    malformed,  ///< No base64, too long, or not what the mechanism asks for: 501 5.5.2
    denied,     ///< Somebody who wants to act for somebody else: 535 5.7.8
  };
  using Step = std::variant<Challenge, Credentials, ScramMessage, Refusal>;

  /// `initial` is the initial response, "=" for an empty one. RFC 4954 §4
  [[nodiscard]] Step begin(const std::optional<std::string>& initial);
  /// REQUIRES: the step before was a challenge, or a message that got one. `line` without CRLF.
  [[nodiscard]] Step answer(std::string_view line);

 private:
  enum class Mechanism : std::uint8_t { plain, login, scram };
  explicit SaslExchange(Mechanism mechanism) : mechanism_(mechanism) {}
  [[nodiscard]] Step take(const std::string& response);
  [[nodiscard]] Step hand_on(const std::string& response);

  Mechanism mechanism_;
  std::optional<std::string> user_;                         ///< LOGIN: said already.
  ScramMessage::Place place_ = ScramMessage::Place::first;  ///< SCRAM: of the next message.
};

/// What stands behind AUTH in the reply to EHLO: the strongest first, for clients that take the
/// first one they know.
[[nodiscard]] constexpr std::string_view sasl_mechanisms(OfferScram scram) {
  return scram == OfferScram::yes ? "SCRAM-SHA-256 PLAIN LOGIN" : "PLAIN LOGIN";
}

}  // namespace fulmar::smtp
