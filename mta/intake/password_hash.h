// Passwords as hashes of crypt(5), or as SCRAM keys (scram_keys.h): which methods are strong enough
// to be kept, whether a password fits a hash, and new hashes. The one user of libcrypt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fulmar::intake {

/// Errc::syntax with the reason unless `hash` is a whole hash by yescrypt, gost-yescrypt, scrypt,
/// bcrypt, SHA-512 or SHA-256, and libcrypt knows it, or keys for SCRAM-SHA-256. A weak method is
/// named. Never shows `hash`.
[[nodiscard]] Result<> check_hash(std::string_view hash);

/// The part that says what a check costs, method and parameters without salt: "$6$",
/// "$6$rounds=1000$", "$y$j9T$", "$2b$12$", "SCRAM-SHA-256$65536:". REQUIRES: check_hash() found
/// nothing.
[[nodiscard]] std::string_view cost_of(std::string_view hash);

/// Errc::invalid_argument with the reason unless libcrypt can take it: 1 to kMaxPassword octets
/// without NUL (RFC 4616 §2).
[[nodiscard]] Result<> check_password(std::string_view password);

/// Whether `password` is the one behind `hash`. Takes as long as the hash wants, milliseconds to
/// seconds, and up to its memory, so never on a thread of the network. The comparison takes the
/// same time wherever the two differ; nothing of the password is left behind. Errc::internal when
/// libcrypt or OpenSSL cannot do it. REQUIRES: check_hash() and check_password() found nothing.
[[nodiscard]] Result<bool> fits(const std::string& password, const std::string& hash);

enum class HashMethod : std::uint8_t { yescrypt, sha512, bcrypt, scram_sha_256 };

/// With a salt from the kernel's random. Errc::invalid_argument for passwords that check_password()
/// refuses, that are no valid UTF-8, which is what clients send (RFC 4616 §2), or over 72 octets
/// for bcrypt, which would not see the rest; Errc::internal when libcrypt or OpenSSL cannot do it.
[[nodiscard]] Result<std::string> hash_password(const std::string& password, HashMethod method);

}  // namespace fulmar::intake
