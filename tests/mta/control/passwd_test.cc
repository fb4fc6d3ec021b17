// A password becomes a line of the users file.
#include "mta/passwd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace fulmar::mta {
namespace {

using intake::HashMethod;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Result<std::string> from_input(const std::string& input, const std::string& name = "shop") {
  std::istringstream in(input);
  return hash_new_password({.name = name, .method = HashMethod::yescrypt}, nullptr, in);
}

TEST(Passwd, methods_have_names) {
  EXPECT_EQ(parse_hash_method("yescrypt"), HashMethod::yescrypt);
  EXPECT_EQ(parse_hash_method("sha512"), HashMethod::sha512);
  EXPECT_EQ(parse_hash_method("bcrypt"), HashMethod::bcrypt);
  EXPECT_EQ(parse_hash_method("scram-sha-256"), HashMethod::scram_sha_256);
  for (const char* other : {"", "md5", "des", "YESCRYPT", "SCRAM-SHA-256", "scram-sha-1"})
    EXPECT_FALSE(parse_hash_method(other)) << other;
}

TEST(Passwd, standard_input_holds_one_line) {
  struct Case {
    std::string input;
    std::string password;
  };
  const Case cases[] = {
      {"secret\n", "secret"},
      {"secret", "secret"},
      {"secret\r\n", "secret"},
      {" two words \nnot this\n", " two words "},
      {std::string(511, 'x') + '\n', std::string(511, 'x')},
  };
  for (const Case& each : cases) {
    const auto hash = from_input(each.input);
    ASSERT_TRUE(hash) << hash.error().detail;
    EXPECT_TRUE(intake::check_hash(*hash));
    EXPECT_TRUE(intake::fits(each.password, *hash).value());
  }
}

TEST(Passwd, what_is_no_password_or_no_name_is_refused) {
  struct Case {
    std::string input;
    std::string name;
    std::string_view why;
  };
  const Case cases[] = {
      {"", "shop", "no password on standard input"},
      {"\n", "shop", "the password is empty"},
      {std::string(512, 'x'), "shop", "over 511 octets"},
      {std::string(1'000'000, 'x'), "shop", "over 511 octets"},
      {"\xFF\n", "shop", "not valid UTF-8"},
      {std::string("a\0b\n", 4), "shop", "holds a NUL"},
      {"secret\n", "", "the name will not do: it is empty"},
      {"secret\n", "a:b", "it holds a colon"},
      {"secret\n", "a b", "it holds a space"},
  };
  for (const Case& each : cases) {
    const auto hash = from_input(each.input, each.name);
    ASSERT_FALSE(hash) << each.why;
    EXPECT_THAT(hash.error().detail, HasSubstr(std::string(each.why)));
  }
}

TEST(Passwd, a_person_types_it_twice) {
  std::istringstream unused("not this\n");
  std::vector<std::string> prompts;
  std::vector<std::string> answers = {"secret", "secret", "secret", "Secret"};
  const AskForPassword ask = [&](const std::string& prompt) -> Result<std::string> {
    prompts.push_back(prompt);
    return answers.at(prompts.size() - 1);
  };
  const PasswdRequest request{.name = "shop", .method = HashMethod::yescrypt};
  const auto hash = hash_new_password(request, ask, unused);
  ASSERT_TRUE(hash);
  EXPECT_THAT(*hash, StartsWith("$y$"));
  EXPECT_TRUE(intake::fits("secret", *hash).value());
  EXPECT_THAT(prompts, ElementsAre("Password for shop: ", "Once more: "));
  EXPECT_EQ(hash_new_password(request, ask, unused).error().detail, "the two passwords differ");
}

TEST(Passwd, a_terminal_that_fails_is_an_error_and_a_bad_name_asks_nobody) {
  std::istringstream unused;
  int asked = 0;
  const AskForPassword ask = [&](const std::string&) -> Result<std::string> {
    ++asked;
    return fail(Errc::io, "no terminal");
  };
  EXPECT_EQ(hash_new_password({.name = "shop"}, ask, unused).error().code, Errc::io);
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(hash_new_password({.name = "a:b"}, ask, unused));
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace fulmar::mta
