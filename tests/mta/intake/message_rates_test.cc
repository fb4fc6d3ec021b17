// So many messages in so long: what is granted, and how long to wait for the next one.
#include "mta/intake/message_rates.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace fulmar::intake {
namespace {

using namespace std::chrono_literals;
using conf::Rate;

class MessageRatesTest : public testing::Test {
 protected:
  /// How many are granted now, of as many as there could be.
  unsigned granted(const std::string& user, const Rate& rate) {
    unsigned count = 0;
    while (count <= rate.count && !rates_.take_for_user(user, rate))
      ++count;
    return count;
  }

  fakes::FakeClock clock_;
  MessageRates rates_{clock_};
};

TEST_F(MessageRatesTest, the_full_count_at_once_and_then_evenly) {
  struct Case {
    Rate rate;
    std::chrono::milliseconds interval;
    std::chrono::seconds first_wait;
  };
  const Case cases[] = {
      {{1000, 3600s}, 3600ms, 4s},
      {{100, 1s}, 10ms, 1s},
      {{30, 60s}, 2s, 2s},
      {{1, 86'400s}, 86'400s, 86'400s},
      {{5000, 86'400s}, 17'280ms, 18s},
  };
  for (const Case& each : cases) {
    const std::string user = conf::format_rate(each.rate);
    EXPECT_EQ(granted(user, each.rate), each.rate.count);
    EXPECT_EQ(rates_.take_for_user(user, each.rate), each.first_wait) << user;
    clock_.advance(each.interval - 1ms);
    EXPECT_TRUE(rates_.take_for_user(user, each.rate)) << user;
    clock_.advance(1ms);
    EXPECT_EQ(granted(user, each.rate), 1U) << user;
    clock_.advance(each.interval * 3);
    EXPECT_EQ(granted(user, each.rate), std::min(3U, each.rate.count)) << "saved up: " << user;
    clock_.advance(each.rate.per * 10);
    EXPECT_EQ(granted(user, each.rate), each.rate.count) << "no more than full: " << user;
  }
}

TEST_F(MessageRatesTest, what_is_refused_does_not_count) {
  const Rate rate{2, 60s};
  EXPECT_EQ(granted("shop", rate), 2U);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(rates_.take_for_user("shop", rate), 30s);
  clock_.advance(30s);
  EXPECT_FALSE(rates_.take_for_user("shop", rate));
}

TEST_F(MessageRatesTest, each_client_and_each_user_has_a_bucket) {
  const Rate rate{1, 60s};
  const auto client = [](std::string_view text) { return IpAddress::parse(text).value(); };
  EXPECT_FALSE(rates_.take_for_client(client("192.0.2.1"), rate));
  EXPECT_TRUE(rates_.take_for_client(client("192.0.2.1"), rate));
  EXPECT_TRUE(rates_.take_for_client(client("::ffff:192.0.2.1"), rate)) << "the same client";
  EXPECT_FALSE(rates_.take_for_client(client("192.0.2.2"), rate));
  EXPECT_FALSE(rates_.take_for_client(client("2001:db8::1"), rate));
  EXPECT_TRUE(rates_.take_for_client(client("2001:db8::2"), rate)) << "the same /64";
  EXPECT_FALSE(rates_.take_for_client(client("2001:db8:0:1::1"), rate));
  EXPECT_FALSE(rates_.take_for_user("192.0.2.1", rate)) << "a user may be called like an address";
  EXPECT_FALSE(rates_.take_for_user("client 192.0.2.1", rate));
  EXPECT_FALSE(rates_.take_for_user("shop", rate));
  EXPECT_FALSE(rates_.take_for_user("Shop", rate));
}

TEST_F(MessageRatesTest, another_rate_holds_at_once) {
  EXPECT_EQ(granted("shop", {10, 3600s}), 10U);
  EXPECT_EQ(rates_.take_for_user("shop", {10, 3600s}), 360s);
  clock_.advance(360s);
  EXPECT_EQ(granted("shop", {3600, 3600s}), 1U) << "what was used up stays so";
  clock_.advance(1s);
  EXPECT_EQ(granted("shop", {3600, 3600s}), 1U);
}

TEST_F(MessageRatesTest, pitfall_89_the_table_is_bounded_and_the_oldest_go) {
  const Rate rate{1, 86'400s};
  EXPECT_FALSE(rates_.take_for_user("first", rate));
  for (std::size_t i = 1; i < MessageRates::kMaxKeys; ++i)
    EXPECT_FALSE(rates_.take_for_user(std::to_string(i), rate));
  EXPECT_TRUE(rates_.take_for_user("first", rate)) << "refused, which does not renew it";
  EXPECT_FALSE(rates_.take_for_user("one more", rate));
  EXPECT_FALSE(rates_.take_for_user("first", rate)) << "forgotten";
}

}  // namespace
}  // namespace fulmar::intake
