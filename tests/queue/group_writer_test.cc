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
