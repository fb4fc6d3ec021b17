#include "queue/group_writer.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

namespace fulmar::queue {
namespace {

Edits edits(std::string key, std::size_t octets = 1) {
  return {{Column::records, std::move(key), std::string(octets, 'x')}};
}

/// Submits one write; the future has its result.
std::future<Result<>> submit(GroupWriter& writer, Edits what,
                             Durability durability = Durability::synced) {
  auto promise = std::make_shared<std::promise<Result<>>>();
  auto future = promise->get_future();
  writer.submit({std::move(what), durability,
                 [promise](Result<> result) { promise->set_value(std::move(result)); }});
  return future;
}

/// Submits a write that nobody waits for; the future has its result all the same.
std::future<Result<>> submit_unhurried(GroupWriter& writer, Edits what) {
  auto promise = std::make_shared<std::promise<Result<>>>();
  auto future = promise->get_future();
  writer.submit({.edits = std::move(what),
                 .durability = Durability::relaxed,
                 .done = [promise](Result<> result) { promise->set_value(std::move(result)); },
                 .hurry = Hurry::none});
  return future;
}

std::vector<std::string> keys_of(std::span<const PendingWrite> group) {
  std::vector<std::string> keys;
  for (const PendingWrite& write : group) {
    if (!write.edits.empty()) keys.push_back(write.edits[0].key);
  }
  return keys;
}

/// Longer than a test runs.
constexpr std::chrono::hours kNotInThisTest{1};

/// Holds the first group back until it is opened, so that a second one can gather.
struct Gate {
  std::promise<void> entered;
  std::promise<void> opened;
  bool used = false;

  void pass() {
    if (std::exchange(used, true)) return;
    entered.set_value();
    opened.get_future().wait();
  }
};

TEST(GroupWriter, pitfall_100_what_waits_becomes_one_group_in_order) {
  Gate gate;
  std::vector<std::vector<std::string>> groups;
  GroupWriter writer(
      [&](std::span<const PendingWrite> group) -> Result<> {
        gate.pass();
        groups.emplace_back();
        for (const PendingWrite& write : group)
          groups.back().push_back(write.edits[0].key);
        return {};
      },
      {});
  auto first = submit(writer, edits("a"));
  gate.entered.get_future().wait();
  std::vector<std::future<Result<>>> rest;
  for (const char* key : {"b", "c", "d"})
    rest.push_back(submit(writer, edits(key)));
  gate.opened.set_value();
  EXPECT_TRUE(first.get());
  for (auto& result : rest)
    EXPECT_TRUE(result.get());
  writer.close();
  const std::vector<std::vector<std::string>> want = {{"a"}, {"b", "c", "d"}};
  EXPECT_EQ(groups, want);
}

TEST(GroupWriter, what_nobody_waits_for_goes_along_with_the_next_write_in_order) {
  std::vector<std::vector<std::string>> groups;
  GroupWriter writer(
      [&](std::span<const PendingWrite> group) -> Result<> {
        groups.push_back(keys_of(group));
        return {};
      },
      {.company_after = kNotInThisTest});
  auto first = submit_unhurried(writer, edits("a"));
  auto second = submit_unhurried(writer, edits("b"));
  EXPECT_EQ(first.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_TRUE(submit(writer, edits("c")).get());
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  writer.close();
  const std::vector<std::vector<std::string>> want = {{"a", "b", "c"}};
  EXPECT_EQ(groups, want);
}

TEST(GroupWriter, what_nobody_waits_for_is_written_alone_when_nothing_else_comes) {
  GroupWriter writer([](std::span<const PendingWrite>) -> Result<> { return {}; },
                     {.company_after = std::chrono::milliseconds(1)});
  EXPECT_TRUE(submit_unhurried(writer, edits("a")).get());
  EXPECT_TRUE(submit_unhurried(writer, edits("b")).get());
}

TEST(GroupWriter, what_nobody_waits_for_is_written_at_the_end_at_the_latest) {
  GroupWriter writer([](std::span<const PendingWrite>) -> Result<> { return {}; },
                     {.company_after = kNotInThisTest});
  auto written = submit_unhurried(writer, edits("a"));
  writer.close();
  EXPECT_TRUE(written.get());
  EXPECT_EQ(submit_unhurried(writer, edits("b")).get().error().code, Errc::cancelled);
}

TEST(GroupWriter, what_nobody_waits_for_is_never_refused_for_want_of_room) {
  Gate gate;
  GroupWriter writer(
      [&](std::span<const PendingWrite>) -> Result<> {
        gate.pass();
        return {};
      },
      {.waiting = cost(edits("b", 1'000))});
  auto first = submit(writer, edits("a"));
  gate.entered.get_future().wait();
  auto full = submit(writer, edits("b", 1'000));
  auto unhurried = submit_unhurried(writer, edits("c", 1'000));
  gate.opened.set_value();
  EXPECT_TRUE(full.get());
  EXPECT_TRUE(unhurried.get());
}

TEST(GroupWriter,
     pitfall_87_a_failed_write_that_nobody_waits_for_is_made_again_before_what_follows) {
  Gate gate;
  int calls = 0;
  std::vector<std::vector<std::string>> written;
  GroupWriter writer(
      [&](std::span<const PendingWrite> group) -> Result<> {
        gate.pass();
        if (++calls == 2) return fail(Errc::store_failed, "EIO");
        written.push_back(keys_of(group));
        return {};
      },
      {.probe_interval = std::chrono::milliseconds(1), .company_after = kNotInThisTest});
  auto first = submit(writer, edits("a"));
  gate.entered.get_future().wait();
  auto removal = submit_unhurried(writer, edits("b"));
  auto hurried = submit(writer, edits("c"));
  auto other_removal = submit_unhurried(writer, edits("d"));
  gate.opened.set_value();
  EXPECT_TRUE(first.get());
  EXPECT_FALSE(hurried.get()) << "who waits is told at once";
  EXPECT_TRUE(removal.get());
  EXPECT_TRUE(other_removal.get());
  writer.close();
  const std::vector<std::vector<std::string>> want = {{"a"}, {"b", "d"}};
  EXPECT_EQ(written, want);
}

TEST(GroupWriter, redteam_34_what_nobody_waits_for_never_keeps_back_who_does) {
  int calls = 0;
  GroupWriter writer(
      [&](std::span<const PendingWrite>) -> Result<> {
        ++calls;
        return fail(Errc::store_failed, "EIO");
      },
      {.group = cost(edits("a", 1'000)),
       .probe_interval = kNotInThisTest,
       .company_after = kNotInThisTest});
  for (int i = 0; i < 5; ++i)
    static_cast<void>(submit_unhurried(writer, edits("a", 1'000)));
  EXPECT_FALSE(submit(writer, edits("b")).get());
  EXPECT_FALSE(submit(writer, edits("c")).get());
  EXPECT_EQ(calls, 2) << "and the engine is not asked again and again";
  writer.close();
}

TEST(GroupWriter, at_the_end_a_failed_write_is_not_made_again) {
  GroupWriter writer(
      [](std::span<const PendingWrite>) -> Result<> { return fail(Errc::store_failed, "EIO"); },
      {.probe_interval = kNotInThisTest, .company_after = kNotInThisTest});
  auto removal = submit_unhurried(writer, edits("a"));
  writer.close();
  EXPECT_FALSE(removal.get());
}

TEST(GroupWriter, relaxed_writes_that_nobody_follows_are_synced_soon) {
  std::promise<void> synced;
  std::size_t edited = 0;
  GroupWriter writer(
      [&](std::span<const PendingWrite> group) -> Result<> {
        for (const PendingWrite& write : group) {
          edited += write.edits.size();
          if (write.durability == Durability::synced) synced.set_value();
        }
        return {};
      },
      {.sync_after = std::chrono::milliseconds(1)});
  EXPECT_TRUE(submit(writer, edits("a"), Durability::relaxed).get());
  EXPECT_EQ(synced.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  writer.close();  // which would throw in set_value(), were there a second sync
  EXPECT_EQ(edited, 1U);
}

TEST(GroupWriter, pitfall_96_the_engine_gets_time_to_tidy_up_once_it_is_quiet) {
  std::promise<void> quiet;
  std::vector<std::size_t> groups;
  GroupWriter writer(
      [&](std::span<const PendingWrite> group) -> Result<> {
        groups.push_back(group.size());
        if (group.empty()) quiet.set_value();
        return {};
      },
      {.settle_after = std::chrono::milliseconds(1)});
  EXPECT_TRUE(submit(writer, edits("a")).get());
  quiet.get_future().wait();
  writer.close();
  const std::vector<std::size_t> want = {1, 0};
  EXPECT_EQ(groups, want);
}

TEST(GroupWriter, tidying_up_is_no_write_that_wants_a_sync) {
  std::promise<void> quiet;
  std::size_t quiet_moments = 0;
  std::size_t syncs = 0;  // that no write asked for
  GroupWriter writer(
      [&](std::span<const PendingWrite> group) -> Result<> {
        if (group.empty() && ++quiet_moments == 1) quiet.set_value();
        for (const PendingWrite& write : group)
          syncs += write.edits.empty() ? 1 : 0;
        return {};
      },
      {.sync_after = std::chrono::milliseconds(0), .settle_after = std::chrono::milliseconds(1)});
  EXPECT_TRUE(submit(writer, edits("a")).get());
  quiet.get_future().wait();
  EXPECT_TRUE(submit(writer, edits("b")).get());
  writer.close();
  EXPECT_EQ(syncs, 0U);
}

TEST(GroupWriter, a_group_is_bounded) {
  Gate gate;
  std::vector<std::size_t> sizes;
  const std::size_t one = cost(edits("a", 1'000));
  GroupWriter writer(
      [&](std::span<const PendingWrite> group) -> Result<> {
        gate.pass();
        sizes.push_back(group.size());
        return {};
      },
      {.group = 2 * one});
  auto first = submit(writer, edits("a", 1'000));
  gate.entered.get_future().wait();
  for (int i = 0; i < 5; ++i)
    static_cast<void>(submit(writer, edits("b", 1'000)));
  gate.opened.set_value();
  writer.close();
  const std::vector<std::size_t> want = {1, 2, 2, 1};
  EXPECT_EQ(sizes, want);
}

TEST(GroupWriter, a_failure_reaches_every_caller_of_the_group_and_no_other) {
  Gate gate;
  int calls = 0;
  GroupWriter writer(
      [&](std::span<const PendingWrite>) -> Result<> {
        gate.pass();
        if (++calls == 2) return fail(Errc::store_full, "no room");
        return {};
      },
      {});
  auto first = submit(writer, edits("a"));
  gate.entered.get_future().wait();
  auto second = submit(writer, edits("b"));
  auto third = submit(writer, edits("c"));
  gate.opened.set_value();
  EXPECT_TRUE(first.get());
  EXPECT_EQ(second.get().error().code, Errc::store_full);
  EXPECT_EQ(third.get().error().code, Errc::store_full);
  EXPECT_TRUE(submit(writer, edits("d")).get());
}

TEST(GroupWriter, pitfall_98_too_much_waiting_is_refused_at_once) {
  Gate gate;
  GroupWriter writer(
      [&](std::span<const PendingWrite>) -> Result<> {
        gate.pass();
        return {};
      },
      {.waiting = 3 * cost(edits("b", 1'000))});
  auto first = submit(writer, edits("a"));
  gate.entered.get_future().wait();
  std::vector<std::future<Result<>>> waiting;
  for (int i = 0; i < 3; ++i)
    waiting.push_back(submit(writer, edits("b", 1'000)));
  auto refused = submit(writer, edits("b", 1'000));
  ASSERT_EQ(refused.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  const Error error = refused.get().error();
  EXPECT_EQ(to_string(error), "store-failed (4.3.0): spool is overloaded");
  gate.opened.set_value();
  for (auto& result : waiting)
    EXPECT_TRUE(result.get());
  EXPECT_TRUE(submit(writer, edits("b", 1'000)).get()) << "there is room again";
}

TEST(GroupWriter, close_writes_what_waits_and_refuses_what_comes) {
  Gate gate;
  GroupWriter writer(
      [&](std::span<const PendingWrite>) -> Result<> {
        gate.pass();
        return {};
      },
      {});
  auto first = submit(writer, edits("a"));
  gate.entered.get_future().wait();
  auto second = submit(writer, edits("b"));
  gate.opened.set_value();
  writer.close();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_EQ(submit(writer, edits("c")).get().error().code, Errc::cancelled);
  writer.close();
}

TEST(GroupWriter, an_exception_of_the_engine_is_a_failed_write) {
  GroupWriter writer(
      [](std::span<const PendingWrite> group) -> Result<> {
        if (!group.empty()) throw std::runtime_error("boom");
        return {};
      },
      {});
  EXPECT_EQ(submit(writer, edits("a")).get().error().code, Errc::store_failed);
}

TEST(GroupWriter, pitfall_97_a_failed_engine_is_probed_until_it_works) {
  int probes = 0;
  std::promise<void> healed;
  GroupWriter writer(
      [&](std::span<const PendingWrite> group) -> Result<> {
        if (!group.empty()) return fail(Errc::store_full, "no room");
        if (++probes < 3) return fail(Errc::store_full, "still no room");
        healed.set_value();
        return {};
      },
      {.probe_interval = std::chrono::milliseconds(1)});
  EXPECT_FALSE(submit(writer, edits("a")).get());
  healed.get_future().wait();
  writer.close();
  EXPECT_EQ(probes, 3);
}

}  // namespace
}  // namespace fulmar::queue
