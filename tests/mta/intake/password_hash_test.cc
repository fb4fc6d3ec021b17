// Which hashes may be kept, what they cost, and whether a password fits one.
#include "mta/intake/password_hash.h"

#include <gmock/gmock.h>

#include <array>

#include "tests/mta/intake/users_file.h"

namespace fulmar::intake {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

struct Method {
  const char* prefix;
  unsigned long cost;  ///< As low as it goes.
};
constexpr Method kMethods[] = {{"$y$", 1},  {"$gy$", 1}, {"$7$", 6},    {"$2b$", 4},
                               {"$2a$", 4}, {"$2y$", 4}, {"$6$", 1000}, {"$5$", 1000}};

std::string hash_by(const Method& method, const std::string& password) {
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  EXPECT_NE(crypt_gensalt_rn(method.prefix, method.cost, nullptr, 0, setting.data(),
                             static_cast<int>(setting.size())),
            nullptr);
  return hash_of(password, setting.data());
}

TEST(PasswordHash, strong_methods_are_taken_and_tell_right_from_wrong) {
  for (const Method& method : kMethods) {
    const std::string hash = hash_by(method, "secret");
    EXPECT_TRUE(check_hash(hash)) << hash;
    EXPECT_THAT(hash, StartsWith(method.prefix));
    EXPECT_TRUE(fits("secret", hash).value()) << hash;
    EXPECT_FALSE(fits("Secret", hash).value()) << hash;
    EXPECT_FALSE(fits("secret ", hash).value()) << hash;
    EXPECT_FALSE(check_hash(hash.substr(0, hash.size() - 1))) << "cut off: " << hash;
    EXPECT_FALSE(check_hash(hash + "x")) << hash;
    EXPECT_FALSE(check_hash(hash + ":")) << hash;
    EXPECT_FALSE(check_hash(' ' + hash)) << hash;
  }
}

TEST(PasswordHash, weak_methods_are_refused_by_name) {
  struct Case {
    std::string_view hash;
    std::string_view name;
  };
  const Case cases[] = {
      {"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "MD5 is too weak"},
      {"$apr1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "MD5 (Apache) is too weak"},
      {"$md5,rounds=904$salt$$qjXMvbEw8oaL.CzflDtaK/", "MD5 (Sun) is too weak"},
      {"$sha1$40000$salt$qjXMvbEw8oaL.CzflDtaK/xxxxxx", "SHA-1 is too weak"},
      {"$3$$8846f7eaee8fb117ad06bdd830b7586c", "NT hash is too weak"},
      {"$2x$04$saltsaltsaltsaltsaltsO1234567890123456789012345678901", "flawed bcrypt"},
      {"_J9..salt01234567890", "DES (BSDi) is too weak"},
      {"saAbCdEfGhIjk", "DES is too weak"},
  };
  for (const Case& each : cases) {
    const auto checked = check_hash(each.hash);
    ASSERT_FALSE(checked) << each.hash;
    EXPECT_THAT(checked.error().detail, StartsWith(std::string(each.name)));
  }
}

TEST(PasswordHash, what_is_no_hash_is_refused_and_not_shown) {
  for (const std::string_view text :
       {"", "*", "!", "!!", "x", "hunter2", "{PLAIN}hunter2", "$", "$6$", "$6$hunter2", "$9$a$b",
        "$y$", "$y$j9T$hunter2", "$2b$12$hunter2", "$6$rounds=1000$hunter2$"}) {
    const auto checked = check_hash(text);
    ASSERT_FALSE(checked) << text;
    EXPECT_THAT(checked.error().detail, testing::Not(HasSubstr("hunter2")));
  }
  EXPECT_FALSE(check_hash(hash_of("secret") + '\0'));
}

TEST(PasswordHash, the_cost_is_method_and_parameters_without_salt) {
  struct Case {
    std::string_view setting;
    std::string_view cost;
  };
  const Case cases[] = {
      {"$6$saltsalt", "$6$"},
      {"$6$rounds=1000$saltsalt", "$6$rounds=1000$"},
      {"$5$saltsalt", "$5$"},
      {"$5$rounds=1000$saltsalt", "$5$rounds=1000$"},
      {"$2b$04$saltsaltsaltsaltsaltsO", "$2b$04$"},
  };
  EXPECT_EQ(cost_of(scram_line("", "x", 5000).substr(1)), "SCRAM-SHA-256$5000:");
  for (const Case& each : cases) {
    const std::string hash = hash_of("secret", std::string(each.setting));
    ASSERT_TRUE(check_hash(hash)) << hash;
    EXPECT_EQ(cost_of(hash), each.cost);
  }
  for (const Method& method : kMethods) {
    const std::string one = hash_by(method, "one");
    const std::string other = hash_by(method, "other");
    EXPECT_NE(one, other);
    EXPECT_EQ(cost_of(one), cost_of(other)) << "the salt is no part of it";
  }
}

TEST(PasswordHash, new_hashes_can_be_kept_and_fit) {
  for (const HashMethod method :
       {HashMethod::yescrypt, HashMethod::sha512, HashMethod::bcrypt, HashMethod::scram_sha_256}) {
    const std::string hash = hash_password("correct horse", method).value();
    EXPECT_TRUE(check_hash(hash)) << hash;
    EXPECT_TRUE(fits("correct horse", hash).value()) << hash;
  }
  EXPECT_THAT(hash_password("x", HashMethod::yescrypt).value(), StartsWith("$y$"));
  EXPECT_NE(hash_password("x", HashMethod::yescrypt).value(),
            hash_password("x", HashMethod::yescrypt).value())
      << "each has its own salt";
}

TEST(PasswordHash, SCRAM_keys_tell_right_from_wrong) {
  const std::string hash = scram_line("", "secret").substr(1, std::string::npos);
  const std::string keys = hash.substr(0, hash.size() - 1);
  EXPECT_TRUE(check_hash(keys));
  EXPECT_TRUE(fits("secret", keys).value());
  for (const char* wrong : {"Secret", "secret ", "secre", "x"})
    EXPECT_FALSE(fits(wrong, keys).value()) << wrong;
  EXPECT_FALSE(check_hash(hash)) << "its line's end";
  const std::string fresh = hash_password("secret", HashMethod::scram_sha_256).value();
  EXPECT_THAT(fresh, StartsWith("SCRAM-SHA-256$65536:"));
  EXPECT_NE(fresh, hash_password("secret", HashMethod::scram_sha_256).value());
  EXPECT_EQ(parse_scram_keys(fresh)->salt.size(), 16U);
}

TEST(PasswordHash, passwords_that_no_client_could_use_are_refused) {
  struct Case {
    std::string password;
    HashMethod method;
    std::string_view why;
  };
  const Case cases[] = {
      {"", HashMethod::yescrypt, "is empty"},
      {std::string("a\0b", 3), HashMethod::yescrypt, "holds a NUL"},
      {std::string(512, 'x'), HashMethod::yescrypt, "over 511 octets"},
      {"\xFF", HashMethod::yescrypt, "not valid UTF-8"},
      {std::string(73, 'x'), HashMethod::bcrypt, "password over 72 octets"},
  };
  for (const Case& each : cases) {
    const auto hash = hash_password(each.password, each.method);
    ASSERT_FALSE(hash);
    EXPECT_EQ(hash.error().code, Errc::invalid_argument);
    EXPECT_THAT(hash.error().detail, EndsWith(std::string(each.why)));
  }
  EXPECT_TRUE(check_password(std::string(511, 'x')));
}

TEST(PasswordHash, redteam_40_one_whose_check_keeps_everybody_waiting_is_refused) {
  const auto refusal = [](const std::string& hash) {
    const auto checked = check_hash(hash);
    return checked ? "" : checked.error().detail;
  };
  const std::string sha = "$salt$" + std::string(86, 'a');
  EXPECT_EQ(refusal("$6$rounds=5000000" + sha), "");
  EXPECT_THAT(refusal("$6$rounds=5000001" + sha), HasSubstr("many seconds"));
  EXPECT_THAT(refusal("$6$rounds=99999999999" + sha), HasSubstr("many seconds"));
  EXPECT_EQ(refusal("$2b$16$" + std::string(53, 'a')), "");
  EXPECT_THAT(refusal("$2b$17$" + std::string(53, 'a')), HasSubstr("many seconds"));
}

}  // namespace
}  // namespace fulmar::intake
