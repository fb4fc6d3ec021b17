#include "mta/delivery/unreachable.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;

class UnreachableTest : public ::testing::Test {
 protected:
  static Endpoint endpoint(std::string_view text) { return Endpoint::parse(text).value(); }
  [[nodiscard]] bool is_left_alone(std::string_view text) const {
    return addresses_.trouble_with(endpoint(text), later()).has_value();
  }

  /// When an attempt began that met none of the trouble itself.
  [[nodiscard]] SteadyTime later() const { return clock_.steady_now() + 1ms; }

  fakes::FakeClock clock_;
  UnreachableAddresses addresses_{150s, clock_};
};

TEST_F(UnreachableTest, is_left_alone_for_the_pause_and_no_longer) {
  EXPECT_FALSE(is_left_alone("192.0.2.1:25"));
  addresses_.note_failure(endpoint("192.0.2.1:25"), "connecting: timed out");
  clock_.advance(40s);
  const auto trouble = addresses_.trouble_with(endpoint("192.0.2.1:25"), later());
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->ago, 40s);
  EXPECT_EQ(trouble->what, "connecting: timed out");
  clock_.advance(110s - 1ms);
  EXPECT_TRUE(is_left_alone("192.0.2.1:25"));
  clock_.advance(1ms);
  EXPECT_FALSE(is_left_alone("192.0.2.1:25"));
}

TEST_F(UnreachableTest, other_addresses_families_and_ports_are_not_meant) {
  addresses_.note_failure(endpoint("192.0.2.1:25"), "no");
  EXPECT_FALSE(is_left_alone("192.0.2.2:25"));
  EXPECT_FALSE(is_left_alone("[2001:db8::1]:25"));
  EXPECT_FALSE(is_left_alone("192.0.2.1:587"));
}

TEST_F(UnreachableTest, redteam_27_who_met_the_trouble_itself_is_not_kept_away) {
  const SteadyTime began = clock_.steady_now();
  clock_.advance(5s);
  addresses_.note_failure(endpoint("192.0.2.1:25"), "no");
  EXPECT_FALSE(addresses_.trouble_with(endpoint("192.0.2.1:25"), began));
  EXPECT_TRUE(is_left_alone("192.0.2.1:25"));
}

TEST_F(UnreachableTest, an_answer_ends_it) {
  addresses_.note_failure(endpoint("192.0.2.1:25"), "no");
  addresses_.note_answer(endpoint("192.0.2.2:25"));
  EXPECT_TRUE(is_left_alone("192.0.2.1:25"));
  addresses_.note_answer(endpoint("192.0.2.1:25"));
  EXPECT_FALSE(is_left_alone("192.0.2.1:25"));
}

TEST_F(UnreachableTest, an_operator_may_end_it_for_all) {
  addresses_.note_failure(endpoint("192.0.2.1:25"), "no");
  addresses_.note_failure(endpoint("192.0.2.2:25"), "no");
  addresses_.forget_all();
  EXPECT_FALSE(is_left_alone("192.0.2.1:25"));
  EXPECT_FALSE(is_left_alone("192.0.2.2:25"));
}

TEST_F(UnreachableTest, pitfall_93_what_is_kept_is_bounded) {
  for (std::uint32_t i = 0; i < 25'000; ++i) {
    const std::string address = "10.0." + std::to_string(i / 256) + '.' + std::to_string(i % 256);
    addresses_.note_failure(endpoint(address + ":25"), "no");
    ASSERT_LE(addresses_.size(), 10'000U);
  }
  clock_.advance(150s);
  addresses_.note_failure(endpoint("192.0.2.1:25"), "no");
  EXPECT_TRUE(is_left_alone("192.0.2.1:25"));
}

}  // namespace
}  // namespace fulmar::delivery
