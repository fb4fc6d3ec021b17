// The budget of remembered policies, and who goes when it is full.
#include "tls/mta_sts_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace fulmar::tls {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Domain name(const std::string& text) {
  return Domain::parse(text).value();
}
bool nobody(const Domain&) {
  return false;
}

class StsMemoryTest : public ::testing::Test {
 protected:
  StsCacheEntry entry(const std::string& domain, StsMode mode, hours left) const {
    StsCacheEntry made;
    made.domain = name(domain);
    made.policy = StsPolicy{mode, hours(24), {{name("mx.example"), false}}};
    made.fetched_at = now_ - hours(24);
    made.expires_at = now_ + left;
    made.refresh_at = made.expires_at;
    return made;
  }
  StsCacheEntry failure(const std::string& domain) const {
    StsCacheEntry made;
    made.domain = name(domain);
    made.failures = 1;
    made.retry_at = now_;
    return made;
  }
  /// Room for exactly `entries`, and filled with them.
  static std::unique_ptr<StsMemory> full_of(const std::vector<StsCacheEntry>& entries) {
    std::size_t octets = 0;
    for (const StsCacheEntry& one : entries)
      octets += octets_of(one);
    auto memory = std::make_unique<StsMemory>(octets);
    for (const StsCacheEntry& one : entries)
      memory->put(one);
    return memory;
  }

  const UtcTime now_ = fakes::FakeClock().utc_now();
};

TEST_F(StsMemoryTest, redteam_21_least_worth_goes_first) {
  const auto memory = full_of({entry("a.example", StsMode::enforce, hours(1)),
                               entry("b.example", StsMode::none, hours(1)), failure("c.example"),
                               entry("d.example", StsMode::enforce, hours(-1))});
  StsCacheEntry wanted = entry("x.example", StsMode::enforce, hours(24));
  EXPECT_THAT(memory->find_room(wanted, now_, nobody)->evict, ElementsAre(name("d.example")));
  wanted.policy_text = std::string(1000, 'x');
  EXPECT_THAT(memory->find_room(wanted, now_, nobody)->evict,
              ElementsAre(name("d.example"), name("c.example")));
  wanted.policy_text = std::string(2050, 'x');
  EXPECT_THAT(memory->find_room(wanted, now_, nobody)->evict,
              ElementsAre(name("d.example"), name("c.example"), name("b.example")));
  wanted.policy_text = std::string(4000, 'x');
  EXPECT_FALSE(memory->find_room(wanted, now_, nobody)) << "the enforced one stays";
}

TEST_F(StsMemoryTest, redteam_21_nothing_makes_room_for_what_is_worth_less) {
  const auto memory = full_of({entry("a.example", StsMode::testing, hours(1))});
  EXPECT_FALSE(memory->find_room(failure("x.example"), now_, nobody));
  EXPECT_TRUE(memory->find_room(entry("x.example", StsMode::none, hours(1)), now_, nobody));
}

TEST_F(StsMemoryTest, redteam_10_a_busy_domain_is_not_evicted) {
  const auto memory = full_of({failure("a.example")});
  const auto busy = [](const Domain& domain) { return domain == name("a.example"); };
  EXPECT_FALSE(memory->find_room(failure("x.example"), now_, busy));
}

TEST_F(StsMemoryTest, redteam_21_a_failure_can_always_be_noted_at_a_known_domain) {
  const auto memory = full_of({entry("a.example", StsMode::enforce, hours(1))});
  StsCacheEntry failed = *memory->find(name("a.example"));
  failed.failures = 1;
  failed.failed_id = std::string(32, 'x');
  failed.last_error = std::string(512, 'x');
  const auto room = memory->find_room(failed, now_, nobody);
  ASSERT_TRUE(room);
  EXPECT_EQ(room->growth, 0U);
}

TEST_F(StsMemoryTest, redteam_21_octets_come_back) {
  const StsCacheEntry small = failure("a.example");
  StsMemory memory(octets_of(small));
  for (int i = 0; i < 3; ++i) {
    const auto room = memory.find_room(small, now_, nobody);
    ASSERT_TRUE(room);
    EXPECT_THAT(room->evict, IsEmpty());
    memory.pledge(room->growth);
    EXPECT_FALSE(memory.find_room(failure("b.example"), now_, nobody));
    memory.put(small);
    memory.put(small);
    memory.release(room->growth);
    EXPECT_TRUE(memory.take(small.domain));
  }
}

TEST_F(StsMemoryTest, redteam_18_due_policies_are_ordered_by_their_end) {
  StsMemory memory(1'000'000);
  for (const auto& [domain, left] :
       {std::pair{"a.example", 3}, {"b.example", 1}, {"c.example", 2}}) {
    StsCacheEntry due = entry(domain, StsMode::enforce, hours(left));
    due.refresh_at = now_;
    memory.put(due);
  }
  EXPECT_THAT(memory.due(now_),
              ElementsAre(name("b.example"), name("c.example"), name("a.example")));
}

}  // namespace
}  // namespace fulmar::tls
