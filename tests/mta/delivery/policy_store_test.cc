// MTA-STS cache entries in the spool.
#include "mta/policy_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/mem_store.h"
#include "tests/mta/delivery/fake_mta_sts.h"
#include "tests/mta/delivery/run.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::mta {
namespace {

using delivery::run;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

tls::StsCacheEntry entry(std::string_view name) {
  tls::StsCacheEntry made;
  made.domain = Domain::parse(name).value();
  made.policy = delivery::make_policy(tls::StsMode::enforce, {"mx1.b.example"});
  made.policy_id = "id1";
  made.fetched_at = UtcTime(std::chrono::hours(1));
  made.expires_at = UtcTime(std::chrono::hours(2));
  return made;
}

class PolicyStoreTest : public ::testing::Test {
 protected:
  std::vector<tls::StsCacheEntry> load() { return run(policies_.load()).value(); }

  fakes::MemStore store_;
  SpoolPolicyStore policies_{store_};
};

TEST_F(PolicyStoreTest, starts_empty) {
  EXPECT_THAT(load(), IsEmpty());
}

TEST_F(PolicyStoreTest, STS_27_what_was_saved_survives_a_power_cut) {
  ASSERT_TRUE(run(policies_.save(entry("b.example"))).has_value());
  store_.lose_power();
  EXPECT_THAT(load(), ElementsAre(entry("b.example")));
}

TEST_F(PolicyStoreTest, saving_again_replaces) {
  ASSERT_TRUE(run(policies_.save(entry("b.example"))).has_value());
  tls::StsCacheEntry newer = entry("b.example");
  newer.policy_id = "id2";
  ASSERT_TRUE(run(policies_.save(newer)).has_value());
  EXPECT_THAT(load(), ElementsAre(newer));
}

TEST_F(PolicyStoreTest, removed_entries_are_gone) {
  ASSERT_TRUE(run(policies_.save(entry("b.example"))).has_value());
  ASSERT_TRUE(run(policies_.save(entry("c.example"))).has_value());
  ASSERT_TRUE(run(policies_.remove(Domain::parse("b.example").value())).has_value());
  store_.lose_power();
  EXPECT_THAT(load(), ElementsAre(entry("c.example")));
}

TEST_F(PolicyStoreTest, an_entry_that_does_not_decode_is_left_out_with_a_warning) {
  ASSERT_TRUE(run(policies_.save(entry("b.example"))).has_value());
  const intake::LogLines log;
  queue::Batch batch{queue::PutRecord{queue::kPolicies, "c.example", "garbage"}};
  ASSERT_TRUE(run(store_.commit(std::move(batch))).has_value());
  EXPECT_THAT(load(), ElementsAre(entry("b.example")));
  EXPECT_EQ(log.count("cached MTA-STS policy cannot be read"), 1U);
  EXPECT_EQ(log.count("c.example"), 1U);
}

TEST_F(PolicyStoreTest, errors_of_the_spool_are_passed_on) {
  store_.fail_writes(Errc::store_full);
  EXPECT_EQ(run(policies_.save(entry("b.example"))).error().code, Errc::store_full);
  EXPECT_EQ(run(policies_.remove(Domain::parse("b.example").value())).error().code,
            Errc::store_full);
  store_.fail_reads(Errc::store_failed);
  EXPECT_EQ(run(policies_.load()).error().code, Errc::store_failed);
}

}  // namespace
}  // namespace fulmar::mta
