#include "mta/intake/scram_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/wipe.h"
#include "mta/intake/scram_prep.h"

namespace fulmar::intake {
namespace {

using Key = ScramKeys::Key;

constexpr std::string_view kScheme = "SCRAM-SHA-256$";

std::unexpected<Error> not_whole() {
  return fail(Errc::syntax, "the SCRAM keys are not whole");
}

/// What stands before `end`, which is taken off `text` with it; empty when `end` is not there.
std::optional<std::string_view> take_until(char end, std::string_view& text) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

/// Decimal digits without a zero in front, within the bounds.
Result<std::uint32_t> parse_iterations(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = ec == std::errc() && end == text.data() + text.size();
  if (!whole || text.starts_with('0') || number < ScramKeys::kFewestIterations ||
      number > ScramKeys::kMostIterations) {
    return fail(Errc::syntax, "the iterations of SCRAM keys are a number from " +
                                  std::to_string(ScramKeys::kFewestIterations) + " to " +
                                  std::to_string(ScramKeys::kMostIterations));
  }
  return number;
}

Result<std::string> parse_salt(std::string_view text) {
  auto salt = decode_base64(text);
  if (!salt || salt->size() < ScramKeys::kShortestSalt || salt->size() > ScramKeys::kLongestSalt) {
    return fail(Errc::syntax, "the salt of SCRAM keys is " +
                                  std::to_string(ScramKeys::kShortestSalt) + " to " +
                                  std::to_string(ScramKeys::kLongestSalt) + " octets in base64");
  }
  return *std::move(salt);
}

Result<Key> parse_key(std::string_view text) {
  const auto octets = decode_base64(text);
  Key key{};
  if (!octets || octets->size() != key.size()) return not_whole();
  std::ranges::copy(*octets, key.begin());
  return key;
}

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool hmac_sha256(std::span<const std::uint8_t> key, std::string_view text, Key& result) {
  return HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data_of(text), text.size(),
              result.data(), nullptr) != nullptr;
}

/// Octets that do not outlive their use.
struct SecretKey {
  Key octets{};
  SecretKey() = default;
  ~SecretKey() { OPENSSL_cleanse(octets.data(), octets.size()); }
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;
};

/// RFC 5802 §3: Hi(), over what SASLprep makes of the password.
bool salt_password(const std::string& password, const std::string& salt, std::uint32_t iterations,
                   SecretKey& result) {
  std::string text = saslprep(password).value_or(password);
  const bool made =
      PKCS5_PBKDF2_HMAC(text.data(), static_cast<int>(text.size()), data_of(salt),
                        static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                        static_cast<int>(result.octets.size()), result.octets.data()) == 1;
  wipe(text);
  return made;
}

std::unexpected<Error> cannot_derive() {
  return fail(Errc::internal, "OpenSSL cannot derive SCRAM keys");
}

}  // namespace

bool is_scram(std::string_view hash) {
  return hash.starts_with(kScheme);
}

Result<ScramKeys> parse_scram_keys(std::string_view text) {
  if (!is_scram(text)) return fail(Errc::syntax, "these are no keys of SCRAM-SHA-256");
  text.remove_prefix(kScheme.size());
  const auto iterations = take_until(':', text);
  const auto salt = take_until('$', text);
  const auto stored = take_until(':', text);
  if (!iterations || !salt || !stored) return not_whole();
  ScramKeys keys;
  FULMAR_TRY(keys.iterations, parse_iterations(*iterations));
  FULMAR_TRY(keys.salt, parse_salt(*salt));
  FULMAR_TRY(keys.stored, parse_key(*stored));
  FULMAR_TRY(keys.server, parse_key(text));
  return keys;
}

std::string to_string(const ScramKeys& keys) {
  return std::string(kScheme) + std::to_string(keys.iterations) + ':' + base64(keys.salt) + '$' +
         to_string(keys.stored) + ':' + to_string(keys.server);
}

std::string to_string(const ScramKeys::Key& key) {
  return base64(std::string(key.begin(), key.end()));
}

Result<ScramKeys> derive_scram_keys(const std::string& password, std::string salt,
                                    std::uint32_t iterations) {
  ScramKeys keys{.iterations = iterations, .salt = std::move(salt), .stored = {}, .server = {}};
  SecretKey salted;
  SecretKey client;
  const bool made = salt_password(password, keys.salt, iterations, salted) &&
                    hmac_sha256(salted.octets, "Client Key", client.octets) &&
                    EVP_Digest(client.octets.data(), client.octets.size(), keys.stored.data(),
                               nullptr, EVP_sha256(), nullptr) == 1 &&
                    hmac_sha256(salted.octets, "Server Key", keys.server);
  if (!made) return cannot_derive();
  return keys;
}

ScramCost stand_in_scram_cost(std::span<const std::uint8_t> secret, std::string_view user,
                              std::span<const ScramCost> costs) {
  if (costs.empty()) return {};
  Key digest{};
  if (!hmac_sha256(secret, "SCRAM cost:" + std::string(user), digest)) return costs.front();
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(number); ++i)
    number = number << 8 | digest[i];
  return costs[number % costs.size()];
}

Result<ScramKeys> stand_in_scram_keys(std::span<const std::uint8_t> secret, std::string_view user,
                                      const ScramCost& cost) {
  std::array<unsigned char, ScramKeys::kLongestSalt> salt{};
  const std::string salted = "SCRAM salt:" + std::string(user);
  ScramKeys keys;
  keys.iterations = cost.iterations;
  const bool made = HMAC(EVP_sha512(), secret.data(), static_cast<int>(secret.size()),
                         data_of(salted), salted.size(), salt.data(), nullptr) != nullptr &&
                    hmac_sha256(secret, "SCRAM stored:" + std::string(user), keys.stored) &&
                    hmac_sha256(secret, "SCRAM server:" + std::string(user), keys.server);
  if (!made) return cannot_derive();
  keys.salt.assign(salt.begin(), salt.begin() + static_cast<std::ptrdiff_t>(cost.salt_size));
  return keys;
}

}  // namespace fulmar::intake
