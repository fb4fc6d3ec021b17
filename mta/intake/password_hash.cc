#include "mta/intake/password_hash.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "base/login.h"
#include "mta/intake/scram_keys.h"
#include "mta/intake/secret_octets.h"

namespace fulmar::intake {
namespace {

static_assert(kMaxPassword == CRYPT_MAX_PASSPHRASE_SIZE - 1);

constexpr std::size_t kMaxBcryptPassword = 72;

/// Where the parameters of the cost stand behind the prefix.
enum class Parameters : std::uint8_t {
  field,   ///< Up to the next '$'.
  rounds,  ///< The same, if the field begins with "rounds=".
  eleven,  ///< The next 11 octets.
};

struct Method {
  std::string_view prefix;
  Parameters parameters;
  std::size_t fewest_fields;  ///< Behind the prefix, the last one counted.
  std::size_t most_fields;
  std::size_t last_field;  ///< Octets of it: the digest, for bcrypt with the salt before it.
};

constexpr std::array kMethods = {
    Method{"$y$", Parameters::field, 3, 3, 43},   // yescrypt
    Method{"$gy$", Parameters::field, 3, 3, 43},  // gost-yescrypt
    Method{"$7$", Parameters::eleven, 2, 2, 43},  // scrypt
    Method{"$2b$", Parameters::field, 2, 2, 53},  // bcrypt
    Method{"$2a$", Parameters::field, 2, 2, 53},  // bcrypt
    Method{"$2y$", Parameters::field, 2, 2, 53},  // bcrypt
    Method{"$6$", Parameters::rounds, 2, 3, 86},  // SHA-512
    Method{"$5$", Parameters::rounds, 2, 3, 43},  // SHA-256
};

struct Weak {
  std::string_view prefix;
  std::string_view name;
};

constexpr std::array kWeak = {
    Weak{"$1$", "MD5"},
    Weak{"$md5", "MD5 (Sun)"},
    Weak{"$apr1$", "MD5 (Apache)"},
    Weak{"$sha1$", "SHA-1"},
    Weak{"$3$", "NT hash"},
    Weak{"$2x$", "flawed bcrypt ($2x$)"},
    Weak{"_", "DES (BSDi)"},
    Weak{"SCRAM-SHA-1$", "SCRAM-SHA-1"},
};

constexpr std::size_t kDesLength = 13;
constexpr std::string_view kRounds = "rounds=";

const Method* find_method(std::string_view hash) {
  const auto found = std::ranges::find_if(
      kMethods, [&](const Method& method) { return hash.starts_with(method.prefix); });
  return found == kMethods.end() ? nullptr : &*found;
}

bool is_hash_letter(char c) {
  return is_alnum(c) || c == '.' || c == '/';
}

/// The name of a weak method, as far as it can be told.
std::optional<std::string_view> weak_method(std::string_view hash) {
  for (const Weak& weak : kWeak) {
    if (hash.starts_with(weak.prefix)) return weak.name;
  }
  const bool is_des = hash.size() == kDesLength && std::ranges::all_of(hash, is_hash_letter);
  return is_des ? std::optional<std::string_view>("DES") : std::nullopt;
}

/// Nothing was cut off, and nothing follows.
bool is_whole(std::string_view hash, const Method& method) {
  const std::string_view rest = hash.substr(method.prefix.size());
  const bool clean =
      std::ranges::all_of(rest, [](char c) { return is_hash_letter(c) || c == '$' || c == '='; });
  const auto fields = static_cast<std::size_t>(std::ranges::count(rest, '$')) + 1;
  return clean && fields >= method.fewest_fields && fields <= method.most_fields &&
         rest.size() - (rest.rfind('$') + 1) == method.last_field;
}

/// Room for libcrypt to work in, which it leaves the password's traces in.
struct WipeAndDelete {
  void operator()(crypt_data* data) const {
    OPENSSL_cleanse(data, sizeof(crypt_data));
    delete data;
  }
};

/// What libcrypt makes of the two; Errc::internal when it cannot.
Result<std::string> crypt_password(const std::string& password, const std::string& setting) {
  const std::unique_ptr<crypt_data, WipeAndDelete> data(new crypt_data{});
  const char* made = crypt_rn(password.c_str(), setting.c_str(), data.get(), sizeof(crypt_data));
  if (made == nullptr) {
    return fail(Errc::internal, std::string("libcrypt cannot hash: ") + std::strerror(errno));
  }
  return std::string(made);
}

struct Salting {
  const char* prefix;
  unsigned long cost;  ///< In the method's own measure; 0: libcrypt's choice.
};

/// Some 30 to 300 ms a check: dear to who guesses, cheap to who logs in.
Salting salting_of(HashMethod method) {
  switch (method) {
    case HashMethod::yescrypt:
      return {"$y$", 0};
    case HashMethod::sha512:
      return {"$6$", 200'000};  // libcrypt's 5000 are of 2007
    case HashMethod::bcrypt:
      return {"$2b$", 12};  // libcrypt's 5 are of 1999
    case HashMethod::scram_sha_256:
      break;  // not libcrypt's
  }
  std::unreachable();
}

Result<bool> fits_scram(const std::string& password, const std::string& hash) {
  FULMAR_TRY(const ScramKeys keys, parse_scram_keys(hash));
  FULMAR_TRY(const ScramKeys made, derive_scram_keys(password, keys.salt, keys.iterations));
  return CRYPTO_memcmp(made.stored.data(), keys.stored.data(), keys.stored.size()) == 0;
}

Result<std::string> make_scram_keys(const std::string& password) {
  std::array<unsigned char, ScramKeys::kUsualSalt> salt{};
  FULMAR_TRY_VOID(fill_with_secret_octets(salt));
  FULMAR_TRY(const ScramKeys keys,
             derive_scram_keys(password, std::string(salt.begin(), salt.end()),
                               ScramKeys::kUsualIterations));
  return to_string(keys);
}

/// Nobody else could log in meanwhile, nor the program stop in time.
bool is_too_costly(std::string_view hash, const Method& method) {
  constexpr unsigned kMostRounds = 5'000'000;
  constexpr unsigned kMostBcrypt = 16;
  std::string_view parameter = hash.substr(method.prefix.size());
  const bool rounds = method.parameters == Parameters::rounds;
  const bool bcrypt = method.prefix.starts_with("$2");
  if (rounds && !parameter.starts_with(kRounds)) return false;
  if (rounds) parameter.remove_prefix(kRounds.size());
  if (!rounds && !bcrypt) return false;
  unsigned cost = 0;
  const auto [end, ec] =
      std::from_chars(parameter.data(), parameter.data() + parameter.size(), cost);
  return ec != std::errc() || cost > (rounds ? kMostRounds : kMostBcrypt);
}

}  // namespace

Result<> check_hash(std::string_view hash) {
  if (is_scram(hash)) {
    FULMAR_TRY_VOID(parse_scram_keys(hash));
    return {};
  }
  if (const auto weak = weak_method(hash)) {
    return fail(Errc::syntax, std::string(*weak) +
                                  " is too weak for a password; use yescrypt, scrypt, bcrypt, "
                                  "SHA-512, SHA-256 or SCRAM-SHA-256");
  }
  const Method* method = find_method(hash);
  if (method == nullptr)
    return fail(Errc::syntax, "this is no password hash of crypt(5), and no SCRAM keys");
  if (!is_whole(hash, *method)) return fail(Errc::syntax, "the password hash is not whole");
  // Some methods that are strong enough here are "legacy" to libcrypt, so only "unknown" counts.
  const int known = crypt_checksalt(std::string(hash).c_str());
  if (known == CRYPT_SALT_INVALID || known == CRYPT_SALT_METHOD_DISABLED) {
    return fail(Errc::syntax, "libcrypt does not know the method of this password hash");
  }
  if (is_too_costly(hash, *method)) {
    return fail(Errc::syntax, "each check of this password hash would take many seconds");
  }
  return {};
}

std::string_view cost_of(std::string_view hash) {
  if (is_scram(hash)) return hash.substr(0, hash.find(':') + 1);
  const Method* method = find_method(hash);
  FULMAR_CHECK(method != nullptr);
  const std::size_t begin = method->prefix.size();
  const bool has_parameters =
      method->parameters != Parameters::rounds || hash.substr(begin).starts_with(kRounds);
  if (!has_parameters) return hash.substr(0, begin);
  if (method->parameters == Parameters::eleven) return hash.substr(0, begin + 11);
  return hash.substr(0, hash.find('$', begin) + 1);
}

Result<> check_password(std::string_view password) {
  if (password.empty()) return fail(Errc::invalid_argument, "the password is empty");
  if (password.size() > kMaxPassword) {
    return fail(Errc::invalid_argument,
                "the password is over " + std::to_string(kMaxPassword) + " octets");
  }
  if (password.find('\0') != std::string_view::npos) {
    return fail(Errc::invalid_argument, "the password holds a NUL");
  }
  return {};
}

Result<bool> fits(const std::string& password, const std::string& hash) {
  if (is_scram(hash)) return fits_scram(password, hash);
  FULMAR_TRY(const std::string made, crypt_password(password, hash));
  return made.size() == hash.size() && CRYPTO_memcmp(made.data(), hash.data(), hash.size()) == 0;
}

Result<std::string> hash_password(const std::string& password, HashMethod method) {
  FULMAR_TRY_VOID(check_password(password));
  if (!is_valid_utf8(password)) {
    return fail(Errc::invalid_argument, "the password is not valid UTF-8");
  }
  if (method == HashMethod::bcrypt && password.size() > kMaxBcryptPassword) {
    return fail(Errc::invalid_argument, "bcrypt takes no password over 72 octets");
  }
  if (method == HashMethod::scram_sha_256) return make_scram_keys(password);
  const Salting salting = salting_of(method);
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  const char* made = crypt_gensalt_rn(salting.prefix, salting.cost, nullptr, 0, setting.data(),
                                      static_cast<int>(setting.size()));
  if (made == nullptr) {
    return fail(Errc::internal, std::string("libcrypt makes no salt: ") + std::strerror(errno));
  }
  return crypt_password(password, made);
}

}  // namespace fulmar::intake
