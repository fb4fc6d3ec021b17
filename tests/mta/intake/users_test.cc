// The users file: what a line may hold, and what is said about one that may not.
#include "mta/intake/users.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/mta/intake/users_file.h"

namespace fulmar::intake {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string error_of(const std::string& text) {
  const auto users = Users::parse(text, "users");
  if (users) return {};
  EXPECT_EQ(users.error().code, Errc::syntax);
  return users.error().detail;
}

TEST(Users, finds_the_hash_of_each_name) {
  const std::string shop = hash_of("one");
  const std::string other = hash_of("two", "$5$rounds=1000$salt");
  const Users users = Users::parse("# our users\n\nshop:" + shop +
                                       "\r\nb\u00fccher@a.example:" + other + "\n#off:" + shop,
                                   "users")
                          .value();
  EXPECT_EQ(users.size(), 2U);
  ASSERT_NE(users.find("shop"), nullptr);
  EXPECT_EQ(*users.find("shop"), shop);
  ASSERT_NE(users.find("b\u00fccher@a.example"), nullptr);
  EXPECT_EQ(*users.find("b\u00fccher@a.example"), other);
  for (const std::string_view name : {"", "Shop", "sho", "shop ", "#off", "off"})
    EXPECT_EQ(users.find(name), nullptr) << name;
}

TEST(Users, an_empty_file_holds_nobody) {
  for (const char* text : {"", "\n\n", "# nobody\n"}) {
    const Users users = Users::parse(text, "users").value();
    EXPECT_EQ(users.size(), 0U);
    EXPECT_EQ(users.stand_in(), "");
  }
}

TEST(Users, pitfall_122_what_is_wrong_names_file_and_line) {
  const std::string hash = hash_of("one");
  struct Case {
    std::string line;
    std::string want;
  };
  const Case cases[] = {
      {"shop", "users:2: must be name:hash"},
      {" ", "users:2: must be name:hash"},
      {":" + hash, "users:2: the name will not do: it is empty"},
      {"a b:" + hash, "users:2: the name will not do: it holds a space"},
      {" shop:" + hash, "users:2: the name will not do: it holds a space"},
      {"a\xFF:" + hash, "users:2: the name will not do: it is not valid UTF-8"},
      {std::string("a\0b:", 4) + hash, "users:2: the name will not do: it holds a space or a"},
      {std::string(256, 'a') + ':' + hash, "users:2: the name will not do: it is over 255"},
      {"shop:", "users:2: this is no password hash"},
      {"shop:SCRAM-SHA-256$4096:c2FsdA==", "users:2: the SCRAM keys are not whole"},
      {"shop:SCRAM-SHA-256$4095:c2FsdHNhbHQ=$x:x", "users:2: the iterations of SCRAM keys are"},
      {"shop:SCRAM-SHA-256$4096:c2FsdA==$x:x", "users:2: the salt of SCRAM keys is 8 to 64"},
      {"shop:SCRAM-SHA-256$4096:c2FsdHNhbHQ=$x:x", "users:2: the SCRAM keys are not whole"},
      {"shop:SCRAM-SHA-1$4096:c2FsdHNhbHQ=$x:x", "users:2: SCRAM-SHA-1 is too weak"},
      {"shop:" + hash + ":1000:1000", "users:2: the password hash is not whole"},
      {"shop:" + hash + " # ours", "users:2: the password hash is not whole"},
      {"shop:$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "users:2: MD5 is too weak"},
      {"shop:saAbCdEfGhIjk", "users:2: DES is too weak"},
      {"first:" + hash, "users:2: a line before has the same name"},
  };
  for (const Case& each : cases)
    EXPECT_THAT(error_of("first:" + hash + '\n' + each.line + '\n'), StartsWith(each.want));
}

TEST(Users, a_password_that_stands_where_a_hash_should_is_not_shown) {
  EXPECT_THAT(error_of("shop:hunter2"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(error_of("shop hunter2"), Not(HasSubstr("hunter2")));
}

TEST(Users, ten_faults_are_told_and_the_others_counted) {
  std::string text;
  for (int i = 0; i < 13; ++i)
    text += "nonsense\n";
  const std::string error = error_of(text);
  EXPECT_THAT(error, StartsWith("users:1: must be name:hash; users:2: must"));
  EXPECT_THAT(error, testing::EndsWith("; users:10: must be name:hash; and 3 more"));
}

TEST(Users, the_stand_in_costs_what_most_users_cost) {
  const std::string odd = "$6$rounds=5000$salt";
  const Users users =
      Users::parse(user_line("a", "one", odd) + user_line("b", "two") + user_line("c", "three") +
                       user_line("d", "four", odd) + user_line("e", "five", kCheap),
                   "users")
          .value();
  EXPECT_THAT(users.stand_in(), StartsWith("$6$rounds=1000$"));
}

TEST(Users, SCRAM_needs_keys_for_every_user) {
  struct Case {
    std::string text;
    bool scram;
  };
  const Case cases[] = {
      {"", false},
      {"# nobody\n", false},
      {user_line("a", "one"), false},
      {scram_line("a", "one"), true},
      {scram_line("a", "one") + "# b\n\n" + scram_line("b", "two"), true},
      {scram_line("a", "one") + user_line("b", "two"), false},
      {user_line("a", "one") + scram_line("b", "two"), false},
      // redteam_42: a client could not say this name as it stands there
      {scram_line("a", "one") + scram_line("\u05D3\u05D5\u05D31", "two"), false},
      {scram_line("a", "one") + scram_line("\uFF41", "two"), false},
  };
  for (const Case& each : cases)
    EXPECT_EQ(Users::parse(each.text, "users")->all_have_scram(), each.scram) << each.text;
}

TEST(Users, redteam_42_what_the_SCRAM_keys_of_each_cost) {
  const Users users = Users::parse(scram_line("a", "one", 5000, "12345678") +
                                       scram_line("b", "two", 6000, "123456789") +
                                       scram_line("c", "three", 6000, "987654321") +
                                       scram_line("d", "four", 7000, "12345678"),
                                   "users")
                          .value();
  EXPECT_EQ(users.scram_costs(), (std::vector<ScramCost>{{.iterations = 5000, .salt_size = 8},
                                                         {.iterations = 6000, .salt_size = 9},
                                                         {.iterations = 6000, .salt_size = 9},
                                                         {.iterations = 7000, .salt_size = 8}}));
  EXPECT_THAT(users.stand_in(), StartsWith("SCRAM-SHA-256$6000:"));
}

TEST(Users, rules_for_somebody_who_has_no_line) {
  const Users users = Users::parse(user_line("shop", "one"), "users").value();
  const std::vector<conf::User> rules = {{.name = "Shop"}, {.name = "shop"}, {.name = "left"}};
  std::vector<conf::Listen> listeners(2);
  EXPECT_THAT(rules_of_nobody(rules, listeners, users), testing::ElementsAre("Shop", "left"));
  listeners[1].client_ca = "/clients.pem";
  EXPECT_THAT(rules_of_nobody(rules, listeners, users), testing::IsEmpty())
      << "they may be those of certificates";
}

TEST(UsersFile, is_read_from_the_disk) {
  const UsersFile file(user_line("shop", "one"));
  const auto users = Users::load(file.path());
  ASSERT_TRUE(users) << users.error().detail;
  EXPECT_NE(users->find("shop"), nullptr);
  file.write("shop\n");
  EXPECT_EQ(Users::load(file.path()).error().detail, file.path() + ":1: must be name:hash");
}

TEST(UsersFile, hashes_are_for_the_owner_and_perhaps_a_group_to_read) {
  const UsersFile file(user_line("shop", "one"));
  for (const ::mode_t mode : {0600U, 0400U, 0640U, 0440U}) {
    file.set_mode(mode);
    EXPECT_TRUE(Users::load(file.path())) << std::oct << mode;
  }
  for (const ::mode_t mode : {0644U, 0604U, 0602U, 0660U, 0620U, 0777U}) {
    file.set_mode(mode);
    const auto users = Users::load(file.path());
    ASSERT_FALSE(users) << std::oct << mode;
    EXPECT_EQ(users.error().code, Errc::io);
    EXPECT_THAT(users.error().detail, StartsWith(file.path() + ": others can use it"));
  }
}

TEST(UsersFile, what_cannot_be_read_says_why) {
  EXPECT_EQ(Users::load("/nowhere/users").error().detail,
            "/nowhere/users: cannot be read: No such file or directory");
  EXPECT_THAT(Users::load("/dev/null").error().detail, HasSubstr("is not a regular file"));

  const UsersFile pipe;
  std::filesystem::remove(pipe.path());
  ASSERT_EQ(::mkfifo(pipe.path().c_str(), 0600), 0);
  EXPECT_THAT(Users::load(pipe.path()).error().detail, HasSubstr("is not a regular file"))
      << "and nobody waits for a writer";
}

TEST(UsersFile, a_huge_file_is_not_read_to_the_end) {
  const UsersFile file;
  std::filesystem::resize_file(file.path(), Users::kMaxFile + 1);
  EXPECT_EQ(Users::load(file.path()).error().code, Errc::limit);
}

}  // namespace
}  // namespace fulmar::intake
