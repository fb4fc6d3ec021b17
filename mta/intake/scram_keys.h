// What a server keeps of a password for SCRAM-SHA-256, as a line of the users file writes it:
//
//   SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
//
// the last three in base64 (RFC 5803 §3; PostgreSQL writes the same). Pure. RFC 5802 §3, RFC 7677
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fulmar::intake {

struct ScramKeys {
  using Key = std::array<std::uint8_t, 32>;

  /// RFC 7677 §4.
  static constexpr std::uint32_t kFewestIterations = 4096;
  /// A check of one with more would keep everybody waiting who logs in by PLAIN.
  static constexpr std::uint32_t kMostIterations = 5'000'000;
  /// What Cyrus SASL, and so Postfix, does at most when it logs in; 20 to 100 ms for the client.
  /// Many programs do more, but one that refuses cannot send mail. RFC 7677 §4 asks for what takes
  /// 100 ms, and took 15,000 for that in 2015.
  static constexpr std::uint32_t kUsualIterations = 65'536;
  static constexpr std::size_t kShortestSalt = 8;  ///< Octets.
  static constexpr std::size_t kLongestSalt = 64;
  static constexpr std::size_t kUsualSalt = 16;

  std::uint32_t iterations = 0;
  std::string salt;  ///< Octets.
  Key stored{};
  Key server{};

  friend bool operator==(const ScramKeys&, const ScramKeys&) = default;
};

/// What a client that does not know the password sees of a user's keys, beside the salt itself.
struct ScramCost {
  std::uint32_t iterations = ScramKeys::kUsualIterations;
  std::size_t salt_size = ScramKeys::kUsualSalt;  ///< Octets.
  friend auto operator<=>(const ScramCost&, const ScramCost&) = default;
};

/// Whether `hash` says that it is such keys, rather than a hash of crypt(5).
[[nodiscard]] bool is_scram(std::string_view hash);

/// Errc::syntax with the reason, which never shows `text`, unless `text` is the whole form above
/// with everything within its bounds, and base64 in its strict form.
[[nodiscard]] Result<ScramKeys> parse_scram_keys(std::string_view text);

/// The form above.
[[nodiscard]] std::string to_string(const ScramKeys& keys);

/// In base64.
[[nodiscard]] std::string to_string(const ScramKeys::Key& key);

/// The keys of `password`, as every client derives them. The password is prepared by SASLprep, as
/// RFC 5802 §2.2 wants it; one that SASLprep does not allow is taken as it is, for clients that do
/// not prepare. Takes as long as `iterations` want, milliseconds to seconds. Errc::internal when
/// OpenSSL cannot do it. REQUIRES: no NUL in `password`.
[[nodiscard]] Result<ScramKeys> derive_scram_keys(const std::string& password, std::string salt,
                                                  std::uint32_t iterations);

/// For a name that nobody has: one of `costs`, those of the users there are, so that such names
/// show each cost as often as users do; the usual one when there are none. The same for the same
/// `secret`, name and costs.
[[nodiscard]] ScramCost stand_in_scram_cost(std::span<const std::uint8_t> secret,
                                            std::string_view user,
                                            std::span<const ScramCost> costs);

/// For such a name, keys that no password fits; always the same ones for a `secret`, name and cost.
/// Who does not know `secret` cannot tell their salt from a real one. Errc::internal when OpenSSL
/// cannot make them.
[[nodiscard]] Result<ScramKeys> stand_in_scram_keys(std::span<const std::uint8_t> secret,
                                                    std::string_view user, const ScramCost& cost);

}  // namespace fulmar::intake
