#include "mta/intake/user_rules.h"

#include <gtest/gtest.h>

namespace fulmar::intake {
namespace {

conf::User shop() {
  return {.name = "shop",
          .from = {conf::SenderPattern::parse("@shop.example").value()},
          .max_message_rate = conf::Rate{.count = 5, .per = std::chrono::hours(1)},
          .max_recipients = 3};
}

TEST(UserRules, one_who_has_an_entry) {
  const UserRules rules({shop()});
  EXPECT_EQ(rules.session_user("shop").recipients_per_message, 3U);
  EXPECT_EQ(rules.message_rate("shop")->count, 5U);
  EXPECT_TRUE(rules.may_send_as("shop", Mailbox::parse("any@shop.example").value()));
  const auto refused = rules.may_send_as("shop", Mailbox::parse("boss@b.example").value());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, (EnhancedStatus{5, 7, 1}));
  EXPECT_EQ(refused.error().detail, "shop may not send as boss@b.example");
}

TEST(UserRules, one_who_has_none) {
  const UserRules rules({shop()});
  EXPECT_EQ(rules.session_user("other").name, "other");
  EXPECT_EQ(rules.session_user("other").recipients_per_message, 0U);
  EXPECT_FALSE(rules.message_rate("other"));
  EXPECT_TRUE(rules.may_send_as("other", Mailbox::parse("boss@b.example").value()));
}

}  // namespace
}  // namespace fulmar::intake
