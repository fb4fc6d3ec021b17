// Who guesses waits, longer each time; who is right starts anew.
#include "mta/intake/auth_throttle.h"

#include <gtest/gtest.h>

#include "mta/intake/client_network.h"
#include "tests/fakes/fake_clock.h"

namespace fulmar::intake {
namespace {

using namespace std::chrono_literals;

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

class Throttle : public testing::Test {
 protected:
  bool must_wait(const IpAddress& client, const std::string& user = "shop") {
    return throttle_.must_wait(client, user, now());
  }
  void fail(const IpAddress& client, unsigned times = 1, const std::string& user = "shop") {
    for (unsigned i = 0; i < times; ++i)
      throttle_.note_failure(client, user, now());
  }
  [[nodiscard]] SteadyTime now() const { return clock_.steady_now(); }

  fakes::FakeClock clock_;
  AuthThrottle throttle_;
  const IpAddress client_ = address("192.0.2.1");
};

TEST_F(Throttle, five_failures_in_a_row_make_a_client_wait) {
  fail(client_, 4);
  EXPECT_FALSE(must_wait(client_));
  fail(client_);
  EXPECT_TRUE(must_wait(client_));
  EXPECT_FALSE(must_wait(address("192.0.2.2"))) << "nobody else";
  clock_.advance(999ms);
  EXPECT_TRUE(must_wait(client_));
  clock_.advance(1ms);
  EXPECT_FALSE(must_wait(client_));
}

TEST_F(Throttle, each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour) {
  fail(client_, 5);
  for (const std::chrono::seconds wait :
       {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 512s, 900s, 900s, 900s}) {
    clock_.advance(wait - 1ms);
    EXPECT_TRUE(must_wait(client_)) << wait.count();
    clock_.advance(1ms);
    EXPECT_FALSE(must_wait(client_)) << wait.count();
    fail(client_);
  }
  fail(client_, 1000);
  clock_.advance(15min);
  EXPECT_FALSE(must_wait(client_)) << "never longer";
}

TEST_F(Throttle, a_success_starts_anew) {
  fail(client_, 7);
  throttle_.note_success(client_, "shop");
  EXPECT_FALSE(must_wait(client_));
  fail(client_, 4);
  EXPECT_FALSE(must_wait(client_));
  throttle_.note_success(address("192.0.2.9"), "shop");
}

TEST_F(Throttle, redteam_35_one_good_password_does_not_wash_away_guesses_at_another) {
  fail(client_, 4, "alice");
  throttle_.note_success(client_, "shop");
  fail(client_, 1, "alice");
  EXPECT_TRUE(must_wait(client_, "alice"));
  EXPECT_FALSE(must_wait(client_, "shop")) << "whom a neighbour's wrong password does not keep out";
}

TEST_F(Throttle, many_names_one_after_the_other_make_a_client_wait_for_all) {
  for (int i = 0; i < 49; ++i)
    fail(client_, 1, "user" + std::to_string(i));
  EXPECT_FALSE(must_wait(client_, "another"));
  fail(client_, 1, "user49");
  EXPECT_TRUE(must_wait(client_, "another"));
  throttle_.note_success(client_, "another");
  EXPECT_TRUE(must_wait(client_, "another"));
}

TEST_F(Throttle, a_run_ends_when_its_client_is_quiet_for_ten_minutes) {
  fail(client_, 4);
  clock_.advance(10min);
  fail(client_, 4);
  EXPECT_FALSE(must_wait(client_)) << "a new run";
  clock_.advance(10min - 1ms);
  fail(client_);
  EXPECT_TRUE(must_wait(client_)) << "still the same";
  clock_.advance(1s + 10min - 1ms);
  fail(client_);
  clock_.advance(1999ms);
  EXPECT_TRUE(must_wait(client_)) << "the quiet counts from the end of the wait";
  clock_.advance(1ms + 10min);
  fail(client_);
  EXPECT_FALSE(must_wait(client_));
}

TEST_F(Throttle, IPv6_clients_are_their_64) {
  fail(address("2001:db8::1"), 3);
  fail(address("2001:db8::ffff:ffff:ffff:ffff"), 2);
  EXPECT_TRUE(must_wait(address("2001:db8::2")));
  EXPECT_FALSE(must_wait(address("2001:db8:0:1::1")));
  fail(address("::ffff:192.0.2.1"), 5);
  EXPECT_TRUE(must_wait(address("192.0.2.1")));
  EXPECT_FALSE(must_wait(address("::ffff:192.0.2.2")));
}

TEST_F(Throttle, pitfall_89_the_table_is_bounded_and_the_oldest_go) {
  fail(client_, 50);
  const auto nth = [](std::size_t n) {
    return IpAddress::from_v4({10, static_cast<std::uint8_t>(n >> 16),
                               static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
  };
  for (std::size_t i = 1; i < AuthThrottle::kMaxClients; ++i)
    fail(nth(i));
  EXPECT_TRUE(must_wait(client_, "another"));
  fail(nth(AuthThrottle::kMaxClients));
  EXPECT_FALSE(must_wait(client_, "another"));
}

TEST(ClientNetwork, what_counts_of_an_address) {
  struct Case {
    std::string_view address;
    std::string_view want;
  };
  const Case cases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
      {"::1", "::"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(client_network(address(each.address)).str(), each.want);
}

}  // namespace
}  // namespace fulmar::intake
