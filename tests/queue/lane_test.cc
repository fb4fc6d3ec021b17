#include "queue/lane.h"

#include <gtest/gtest.h>

namespace fulmar::queue {
namespace {

using namespace std::chrono_literals;

const UtcTime kStart{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};

TEST(LaneWidth, stays_between_one_and_its_limit) {
  LaneWidth width(3, 5);
  EXPECT_EQ(width.now(), 3U);
  width.learn(Ending::answered);
  EXPECT_EQ(width.now(), 3U);
  for (const std::size_t want : {1U, 1U, 1U}) {
    width.learn(Ending::unreachable);
    EXPECT_EQ(width.now(), want);
  }
  width.learn(Ending::untried);
  EXPECT_EQ(width.now(), 1U);
  width.learn(Ending::answered);
  EXPECT_EQ(width.now(), 2U);
  EXPECT_EQ(LaneWidth(0, 0).now(), 1U) << "never none";
}

TEST(LanePace, without_an_interval_everything_may_start) {
  LanePace pace(0ns);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(pace.allows(kStart));
    pace.note_start(kStart);
  }
}

TEST(LanePace, a_rate_finer_than_the_clock_holds) {
  LanePace pace(200us);  // 5000 a second
  std::size_t started = 0;
  for (UtcTime now = kStart; now < kStart + 1s; now += 1ms) {
    while (pace.allows(now)) {
      pace.note_start(now);
      ++started;
    }
  }
  EXPECT_GE(started, 5000U);
  EXPECT_LE(started, 5501U) << "and what a tenth of a second makes up for";
}

TEST(LanePace, next_is_never_too_early) {
  LanePace pace(1500us);
  for (UtcTime now = kStart; now < kStart + 100ms; now += 1ms) {
    if (!pace.allows(now)) {
      EXPECT_GT(pace.next(), now);
      EXPECT_TRUE(pace.allows(pace.next()));
      continue;
    }
    pace.note_start(now);
  }
}

TEST(LanePace, an_idle_hour_is_not_made_up_for) {
  LanePace pace(1s);
  pace.note_start(kStart);
  std::size_t started = 0;
  while (pace.allows(kStart + 1h)) {
    pace.note_start(kStart + 1h);
    ++started;
  }
  EXPECT_EQ(started, 1U);
}

}  // namespace
}  // namespace fulmar::queue
