// Users: what may be written about them, and which senders they may give.
#include "conf/user.h"

#include "tests/conf/loading.h"

namespace fulmar::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Mailbox sender(std::string_view text) {
  return Mailbox::parse(text).value();
}

TEST(SenderPattern, matches_an_address_a_domain_domains_below_or_all) {
  struct Case {
    std::string_view pattern;
    std::string_view sender;
    bool matches;
  };
  const Case cases[] = {
      {"shop@example.com", "shop@example.com", true},
      {"shop@example.com", "SHOP@Example.COM", true},
      {"Shop@EXAMPLE.com", "shop@example.com", true},
      {"shop@example.com", "shopper@example.com", false},
      {"shop@example.com", "shop@a.example.com", false},
      {"shop@example.com", "shop@example.net", false},
      {"shop@example.com", "\"shop\"@example.com", false},
      {"\"a b\"@example.com", "\"A b\"@example.com", true},
      {"shop@b\u00fccher.example", "shop@xn--bcher-kva.example", true},
      {"@example.com", "anybody@example.com", true},
      {"@example.com", "\"any body\"@Example.Com", true},
      {"@example.com", "shop@a.example.com", false},
      {"@example.com", "shop@badexample.com", false},
      {"@.example.com", "shop@a.example.com", true},
      {"@.example.com", "shop@a.b.example.com", true},
      {"@.example.com", "shop@example.com", false},
      {"@.example.com", "shop@badexample.com", false},
      {"@example.com", "shop@[192.0.2.1]", false},
      {"*", "shop@example.com", true},
      {"*", "shop@[192.0.2.1]", true},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(SenderPattern::parse(each.pattern).value().matches(sender(each.sender)), each.matches)
        << each.pattern << ' ' << each.sender;
  }
}

TEST(SenderPattern, is_shown_as_it_can_be_written) {
  for (const std::string_view text :
       {"Shop@example.com", "\"a b\"@example.com", "@example.com", "@.example.com", "*"}) {
    const auto pattern = SenderPattern::parse(text);
    ASSERT_TRUE(pattern) << text;
    EXPECT_EQ(pattern->str(), text);
    EXPECT_EQ(SenderPattern::parse(pattern->str()), pattern);
  }
}

TEST(SenderPattern, other_forms_are_refused) {
  for (const std::string_view text :
       {"", "@", "@*", "shop@*", "*@example.com@", "shop@.example.com", "@..example.com", "shop",
        "example.com", "<shop@example.com>", "shop@[192.0.2.1]", "@[192.0.2.1]", "shop@"}) {
    EXPECT_FALSE(SenderPattern::parse(text)) << text;
  }
}

TEST(UserName, what_a_line_of_the_users_file_can_hold) {
  for (const std::string& name :
       {std::string("shop"), std::string("shop@example.com"), std::string("b\u00fccher"),
        std::string("a#b"), std::string(255, 'x')}) {
    EXPECT_TRUE(check_user_name(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a:b"), std::string("a\tb"),
        std::string("a\0b", 3), std::string("a\x7F"), std::string("#shop"), std::string("\xFF"),
        std::string(256, 'x')}) {
    EXPECT_FALSE(check_user_name(name)) << name;
  }
}

TEST(UserKeys, an_entry_arrives_whole) {
  const Config config = config_from(R"(
[[user]]
name = "shop"
from = ["shop@example.com", "@.example.com"]
max_message_rate = "100/h"
max_recipients = 50
[[user]]
name = "Shop"
)");
  const User* shop = find_user(config.users, "shop");
  ASSERT_NE(shop, nullptr);
  ASSERT_EQ(shop->from.size(), 2U);
  EXPECT_EQ(shop->max_message_rate, (Rate{100, std::chrono::hours(1)}));
  EXPECT_EQ(shop->max_recipients, 50U);
  EXPECT_TRUE(may_send_as(*shop, sender("other@a.example.com"))) << "the second pattern";
  EXPECT_FALSE(may_send_as(*shop, sender("other@example.com")));

  const User* other = find_user(config.users, "Shop");
  ASSERT_NE(other, nullptr) << "names are compared octet by octet";
  EXPECT_TRUE(may_send_as(*other, sender("anybody@example.net")));
  EXPECT_EQ(other->max_message_rate, std::nullopt);
  EXPECT_EQ(other->max_recipients, 0U);
  EXPECT_EQ(find_user(config.users, "nobody"), nullptr);
}

TEST(UserKeys, faults_have_their_place) {
  struct Case {
    std::string_view lines;
    std::string_view want;
  };
  const Case cases[] = {
      {"from = [\"*\"]", "f.toml:1:1: user[0].name: needed: as in the users file"},
      {"name = \"\"",
       "f.toml:2:8: user[0].name: must be the name of a user, not \"\": it is empty"},
      {"name = \"a:b\"", "it holds a colon"},
      {"name = \"a\"\n[[user]]\nname = \"a\"",
       "f.toml:4:8: user[1].name: \"a\" is user[0].name already"},
      {"name = \"a\"\nfrom = []", "f.toml:3:8: user[0].from: must be a list of one or more"},
      {"name = \"a\"\nfrom = [\"*\", \"@*\"]", "f.toml:3:14: user[0].from: must be a mail address"},
      {"name = \"a\"\nmax_message_rate = \"1\"", "user[0].max_message_rate: must be a rate"},
      {"name = \"a\"\nmax_recipients = 50001", "user[0].max_recipients: must be 0 to 50000"},
      {"name = \"a\"\nmax_recipients = 1001",
       "f.toml:3:18: user[0].max_recipients: must be 1000 or less, limits.recipients_per_message"},
      {"name = \"a\"\nform = \"*\"", "unknown key \"user.form\"; did you mean \"user.from\"?"},
  };
  for (const Case& each : cases) {
    EXPECT_THAT(errors_of("[[user]]\n" + std::string(each.lines)),
                ElementsAre(HasSubstr(std::string(each.want))))
        << each.lines;
  }
}

TEST(UserKeys, a_user_may_have_the_recipients_of_all) {
  const std::string user = "[[user]]\nname = \"a\"\nmax_recipients = 2000\n";
  EXPECT_THAT(errors_of(user + "[limits]\nrecipients_per_message = 2000"), IsEmpty());
  EXPECT_THAT(errors_of(user + "[limits]\nrecipients_per_message = 1"),
              ElementsAre(HasSubstr("limits.recipients_per_message: must be 100 to 50000")))
      << "a refused value is complained of once";
}

}  // namespace
}  // namespace fulmar::conf
