// Which destinations an operator has suspended, and what of that outlives the program.
#include "mta/delivery/suspensions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/fakes/mem_store.h"
#include "tests/mta/delivery/run.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const UtcTime kNow{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};

conf::DomainPattern pattern(std::string_view text) {
  return conf::DomainPattern::parse(text).value();
}
MailHost host(std::string_view name) {
  return Domain::parse(name).value();
}
Suspension suspension(std::string_view domain, std::chrono::milliseconds time) {
  return {.domain = pattern(domain), .since = kNow, .until = kNow + time, .reason = "they move"};
}

class SuspensionsTest : public ::testing::Test {
 protected:
  void suspend(const Suspension& wish) { ASSERT_TRUE(run(suspensions_.suspend(wish)).has_value()); }
  /// What a program finds that starts now.
  [[nodiscard]] std::vector<Suspension> after_restart(UtcTime now) {
    Suspensions fresh(store_);
    EXPECT_TRUE(run(fresh.load()).has_value());
    return fresh.list(now);
  }

  fakes::MemStore store_;
  Suspensions suspensions_{store_};
};

TEST_F(SuspensionsTest, holds_for_its_domain_until_its_end) {
  suspend(suspension("b.example", 1h));
  EXPECT_EQ(suspensions_.find(host("b.example"), kNow), suspension("b.example", 1h));
  EXPECT_EQ(suspensions_.find(host("a.b.example"), kNow), std::nullopt);
  EXPECT_EQ(suspensions_.find(host("c.example"), kNow), std::nullopt);
  EXPECT_TRUE(suspensions_.find(host("b.example"), kNow + 1h - 1ms).has_value());
  EXPECT_EQ(suspensions_.find(host("b.example"), kNow + 1h), std::nullopt);
  EXPECT_THAT(suspensions_.list(kNow + 1h), IsEmpty());
}

TEST_F(SuspensionsTest, a_leading_dot_means_every_name_below) {
  suspend(suspension(".b.example", 1h));
  EXPECT_TRUE(suspensions_.find(host("a.b.example"), kNow).has_value());
  EXPECT_EQ(suspensions_.find(host("b.example"), kNow), std::nullopt);
}

TEST_F(SuspensionsTest, of_several_the_one_that_ends_last_counts) {
  suspend(suspension("*", 1h));
  suspend(suspension("b.example", 3h));
  suspend(suspension(".example", 2h));
  EXPECT_EQ(suspensions_.find(host("b.example"), kNow)->domain, pattern("b.example"));
  EXPECT_EQ(suspensions_.find(host("c.example"), kNow)->domain, pattern(".example"));
  EXPECT_EQ(suspensions_.find(host("c.test"), kNow)->domain, pattern("*"));
  EXPECT_THAT(suspensions_.list(kNow), ElementsAre(suspension("*", 1h), suspension(".example", 2h),
                                                   suspension("b.example", 3h)));
}

TEST_F(SuspensionsTest, saying_it_again_replaces_it) {
  suspend(suspension("b.example", 3h));
  suspend(suspension("b.example", 1h));
  EXPECT_THAT(suspensions_.list(kNow), ElementsAre(suspension("b.example", 1h)));
  EXPECT_THAT(after_restart(kNow), ElementsAre(suspension("b.example", 1h)));
}

TEST_F(SuspensionsTest, survives_a_power_cut) {
  suspend(suspension(".b.example", 1h));
  store_.lose_power();
  EXPECT_THAT(after_restart(kNow), ElementsAre(suspension(".b.example", 1h)));
  EXPECT_THAT(after_restart(kNow + 1h), IsEmpty());
}

TEST_F(SuspensionsTest, resume_ends_exactly_what_was_suspended) {
  suspend(suspension("b.example", 1h));
  suspend(suspension(".b.example", 1h));
  ASSERT_TRUE(run(suspensions_.resume(pattern("b.example"), kNow)).has_value());
  EXPECT_THAT(suspensions_.list(kNow), ElementsAre(suspension(".b.example", 1h)));
  EXPECT_THAT(after_restart(kNow), ElementsAre(suspension(".b.example", 1h)));
  for (const char* domain : {"b.example", "a.b.example", "*"}) {
    EXPECT_EQ(run(suspensions_.resume(pattern(domain), kNow)).error().code, Errc::not_found);
  }
  EXPECT_EQ(run(suspensions_.resume(pattern(".b.example"), kNow + 1h)).error().code,
            Errc::not_found)
      << "it is over";
}

TEST_F(SuspensionsTest, those_that_are_over_leave_the_spool_with_the_next_change) {
  suspend(suspension("b.example", 1h));
  Suspension later = suspension("c.example", 3h);
  later.since = kNow + 2h;
  suspend(later);
  EXPECT_THAT(run(store_.read_table(queue::kSuspensions)).value(),
              ElementsAre(testing::Pair("c.example", encode(later))));
}

TEST_F(SuspensionsTest, what_the_spool_does_not_take_does_not_hold) {
  store_.fail_writes(Errc::store_full);
  EXPECT_EQ(run(suspensions_.suspend(suspension("b.example", 1h))).error().code, Errc::store_full);
  EXPECT_EQ(suspensions_.find(host("b.example"), kNow), std::nullopt);
  store_.heal();
  suspend(suspension("b.example", 1h));
  store_.fail_writes(Errc::store_full);
  EXPECT_EQ(run(suspensions_.resume(pattern("b.example"), kNow)).error().code, Errc::store_full);
  EXPECT_TRUE(suspensions_.find(host("b.example"), kNow).has_value());
  store_.fail_reads(Errc::store_failed);
  EXPECT_EQ(run(suspensions_.load()).error().code, Errc::store_failed);
}

TEST_F(SuspensionsTest, there_is_a_bound) {
  for (std::size_t i = 0; i < Suspensions::kMost; ++i)
    suspend(suspension("d" + std::to_string(i) + ".example", 1h));
  EXPECT_EQ(run(suspensions_.suspend(suspension("b.example", 1h))).error().code, Errc::limit);
  suspend(suspension("d7.example", 2h));  // in place of what is there
}

TEST_F(SuspensionsTest, a_record_that_does_not_decode_is_left_out_and_reported) {
  const intake::LogLines log;
  suspend(suspension("b.example", 1h));
  queue::Batch batch{
      queue::PutRecord{queue::kSuspensions, "c.example", "garbage"},
      queue::PutRecord{queue::kSuspensions, "a..b", encode(suspension("b.example", 1h))}};
  ASSERT_TRUE(run(store_.commit(std::move(batch))).has_value());
  EXPECT_THAT(after_restart(kNow), ElementsAre(suspension("b.example", 1h)));
  EXPECT_EQ(log.count("suspension cannot be read"), 2U);
}

TEST(SuspensionRecord, is_decoded_strictly) {
  const std::string bytes = encode(suspension("b.example", 1h));
  EXPECT_EQ(decode_suspension("b.example", bytes), suspension("b.example", 1h));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(decode_suspension("b.example", bytes.substr(0, length)).error().code, Errc::corrupt);
  }
  EXPECT_EQ(decode_suspension("b.example", bytes + 'x').error().code, Errc::corrupt);
  std::string newer = bytes;
  ++newer[1];
  EXPECT_EQ(decode_suspension("b.example", newer).error().code, Errc::newer_version);
  newer[1] = 0;
  EXPECT_EQ(decode_suspension("b.example", newer).error().code, Errc::corrupt);
}

TEST(TimeToResume, pitfall_84_what_waited_does_not_come_back_all_at_once) {
  const auto random = make_seeded_random(7);
  const Suspension hour = suspension("b.example", 1h);
  std::set<UtcTime> times;
  for (int i = 0; i < 5000; ++i)
    times.insert(time_to_resume(hour, *random));
  EXPECT_GE(*times.begin(), hour.until);
  EXPECT_LE(*times.rbegin(), hour.until + 6min);
  EXPECT_GT(times.size(), 4500U);
  EXPECT_GT(*times.rbegin() - *times.begin(), 5min);
}

}  // namespace
}  // namespace fulmar::delivery
