// What counts as a stall.
#include "base/stalls.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace fulmar {
namespace {

using namespace std::chrono_literals;

class StallsTest : public ::testing::Test {
 protected:
  void work(std::chrono::milliseconds time) {
    const Stalls::Work work(stalls_, clock_);
    clock_.advance(time);
  }
  [[nodiscard]] Stalls::Reading read() const { return stalls_.read(clock_.steady_now()); }

  fakes::FakeClock clock_;
  Stalls stalls_;
};

TEST_F(StallsTest, pitfall_98_only_what_takes_longer_than_a_second_counts) {
  for (int i = 0; i < 100; ++i)
    work(1s);
  EXPECT_EQ(read().count, 0U);
  EXPECT_EQ(read().total, 0ms);
  work(1001ms);
  work(5s);
  EXPECT_EQ(read().count, 2U);
  EXPECT_EQ(read().total, 6001ms);
  EXPECT_FALSE(read().lasts);
}

TEST_F(StallsTest, pitfall_98_a_stall_is_told_of_while_it_lasts) {
  {
    const Stalls::Work work(stalls_, clock_);
    clock_.advance(1s);
    EXPECT_FALSE(read().lasts);
    clock_.advance(59s);
    EXPECT_TRUE(read().lasts);
    EXPECT_EQ(read().count, 1U);
    EXPECT_EQ(read().total, 60s);
  }
  clock_.advance(1h);
  EXPECT_FALSE(read().lasts);
  EXPECT_EQ(read().total, 60s);
}

TEST_F(StallsTest, of_several_at_a_time_the_first_counts_until_all_have_ended) {
  {
    const Stalls::Work first(stalls_, clock_);
    clock_.advance(800ms);
    work(800ms);
    EXPECT_TRUE(read().lasts);
  }
  EXPECT_EQ(read().count, 1U);
  EXPECT_EQ(read().total, 1600ms);
}

}  // namespace
}  // namespace fulmar
