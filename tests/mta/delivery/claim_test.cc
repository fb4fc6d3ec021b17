// A claim says once what becomes of its delivery, and says it itself when it is dropped.
#include "mta/delivery/claim.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/fakes/fake_clock.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;

class ClaimTest : public ::testing::Test {
 protected:
  ClaimTest() {
    line_.add(key_, {now_});
    EXPECT_EQ(line_.take()->key, key_);
  }

  const UtcTime now_{1'000'000ms};
  const queue::DeliveryKey key_{MessageId(), MailHost(Domain::parse("b.example").value())};
  fakes::FakeClock clock_;
  WaitingLine line_{{.total = 1}, clock_, [] {}};
};

TEST_F(ClaimTest, dropped_it_goes_back_into_the_line) {
  { const Claim claim(line_, key_, now_ + 5min); }
  EXPECT_EQ(line_.depth().running, 0U);
  EXPECT_EQ(line_.next_due(), now_ + 5min);
}

TEST_F(ClaimTest, an_exception_loses_no_slot) {
  EXPECT_THROW(
      {
        const Claim claim(line_, key_, now_ + 5min);
        throw std::runtime_error("a library's bug");
      },
      std::runtime_error);
  EXPECT_EQ(line_.next_due(), now_ + 5min);
}

TEST_F(ClaimTest, pitfall_90_a_record_moves_once_for_each_time_the_clock_is_set_back) {
  queue::Delivery stored;
  stored.arrived = clock_.utc_now();
  for (const bool written : {false, true, true}) {
    clock_.set_forward(-2h);
    {
      Claim claim(line_, key_, now_);
      queue::Delivery record = stored;
      claim.bring_to_clock(record);
      claim.bring_to_clock(record);
      EXPECT_EQ(record.arrived, clock_.utc_now());
      clock_.set_forward(-1h);
      claim.bring_to_clock(record);
      EXPECT_EQ(record.arrived, clock_.utc_now());
      if (written) {
        claim.note_written();
        stored = record;
      }  // else the next round shows it
    }
    EXPECT_TRUE(line_.claim(key_));
  }
}

TEST_F(ClaimTest, put_back_is_the_last_word) {
  {
    Claim claim(line_, key_, now_ + 5min);
    claim.put_back({now_ + 1h});
  }
  EXPECT_EQ(line_.next_due(), now_ + 1h);
}

TEST_F(ClaimTest, giving_way_leaves_it_as_due_as_before) {
  {
    Claim claim(line_, key_, now_ + 5min);
    claim.give_way();
  }
  EXPECT_EQ(line_.next_due(), now_);
}

TEST_F(ClaimTest, removed_it_stays_away) {
  {
    Claim claim(line_, key_, now_ + 5min);
    EXPECT_EQ(claim.remove(), WaitingLine::Siblings::none);
  }
  EXPECT_EQ(line_.depth().deliveries, 0U);
}

TEST_F(ClaimTest, set_aside_it_stays_away) {
  {
    Claim claim(line_, key_, now_ + 5min);
    claim.set_aside();
  }
  EXPECT_EQ(line_.depth().deliveries, 0U);
}

TEST_F(ClaimTest, moved_only_the_new_one_counts) {
  {
    Claim claim(line_, key_, now_ + 5min);
    {
      const Claim moved(std::move(claim));
      EXPECT_EQ(moved.key(), key_);
      EXPECT_EQ(line_.depth().running, 1U);
    }
    EXPECT_EQ(line_.depth().running, 0U);
  }
  EXPECT_EQ(line_.depth().deliveries, 1U);
}

}  // namespace
}  // namespace fulmar::delivery
