#include "queue/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <queue>

#include "base/random.h"

namespace fulmar::queue {
namespace {

using namespace std::chrono_literals;

const UtcTime kStart{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};

MessageId id(std::uint32_t number) {
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  for (int i = 0; i < 4; ++i)
    bytes[8 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return MessageId::from_bytes(bytes);
}

DeliveryKey key(std::uint32_t number, std::string_view domain) {
  return {id(number), Domain::parse(domain).value()};
}

auto is(std::string_view domain) {
  return [host = MailHost(Domain::parse(domain).value())](const MailHost& other) {
    return other == host;
  };
}

/// The next one, which is to have room, and begins at once.
std::optional<DeliveryKey> take(Scheduler& scheduler, UtcTime now) {
  const auto taken = scheduler.take(now);
  if (!taken) return std::nullopt;
  EXPECT_TRUE(taken->has_room);
  EXPECT_TRUE(scheduler.begin(taken->key));
  return taken->key;
}

std::vector<DeliveryKey> take_all(Scheduler& scheduler, UtcTime now) {
  std::vector<DeliveryKey> taken;
  while (auto next = take(scheduler, now))
    taken.push_back(*next);
  return taken;
}

void end(Scheduler& scheduler, const DeliveryKey& key) {
  scheduler.remove(key, Ending::answered);
}

/// Every destination has this limit, from the beginning.
SchedulerLimits limits(std::size_t total, std::size_t per_destination) {
  return {.total = total, .first_at_once = per_destination, .lane_for = [=](const MailHost&) {
            return LaneRule{.limit = per_destination};
          }};
}

TEST(Scheduler, pitfall_91_a_destination_may_have_a_limit_of_its_own) {
  const MailHost narrow = Domain::parse("narrow.example").value();
  Scheduler scheduler({.total = 10, .lane_for = [&](const MailHost& host) {
                         return LaneRule{.limit = host == narrow ? 1U : 3U};
                       }});
  for (std::uint32_t i = 0; i < 5; ++i) {
    scheduler.add(key(i, "narrow.example"), {kStart});
    scheduler.add(key(10 + i, "wide.example"), {kStart});
  }
  const auto started = take_all(scheduler, kStart);
  EXPECT_EQ(started.size(), 4U);
  EXPECT_EQ(std::ranges::count(started, narrow, &DeliveryKey::destination), 1);
  end(scheduler, key(0, "narrow.example"));
  EXPECT_EQ(take(scheduler, kStart), key(1, "narrow.example")) << "as soon as there is room";
}

TEST(Scheduler, nothing_starts_before_it_is_due) {
  Scheduler scheduler({});
  EXPECT_EQ(scheduler.next_due(), std::nullopt);
  scheduler.add(key(1, "a.example"), {kStart + 10s});
  EXPECT_EQ(scheduler.next_due(), kStart + 10s);
  EXPECT_EQ(take(scheduler, kStart + 10s - 1ms), std::nullopt);
  EXPECT_EQ(take(scheduler, kStart + 10s), key(1, "a.example"));
  EXPECT_EQ(scheduler.load().queued, 0U);
  EXPECT_EQ(scheduler.load().running, 1U);
  EXPECT_EQ(scheduler.next_due(), std::nullopt);
  end(scheduler, key(1, "a.example"));
  EXPECT_EQ(scheduler.load().running, 0U);
  EXPECT_FALSE(scheduler.load(key(1, "a.example").destination));
}

TEST(Scheduler, within_a_destination_the_longest_due_goes_first) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), {kStart + 3s});
  scheduler.add(key(2, "a.example"), {kStart + 1s});
  scheduler.add(key(3, "a.example"), {kStart + 2s});
  const std::vector want = {key(2, "a.example"), key(3, "a.example"), key(1, "a.example")};
  EXPECT_EQ(take_all(scheduler, kStart + 5s), want);
}

TEST(Scheduler, destinations_with_due_work_take_turns) {
  Scheduler scheduler({});
  for (std::uint32_t i = 0; i < 3; ++i) {
    scheduler.add(key(i, "a.example"), {kStart});
    scheduler.add(key(i, "b.example"), {kStart + 1ms});
    scheduler.add(key(i, "c.example"), {kStart + 2ms});
  }
  std::vector<std::string> order;
  for (const auto& taken : take_all(scheduler, kStart + 1s)) {
    order.push_back(to_string(taken.destination));
  }
  const std::vector<std::string> want = {"a.example", "b.example", "c.example",
                                         "a.example", "b.example", "c.example",
                                         "a.example", "b.example", "c.example"};
  EXPECT_EQ(order, want);
}

TEST(Scheduler, a_domain_and_an_address_are_destinations_of_their_own) {
  Scheduler scheduler(limits(10, 1));
  const MailHost v4 = IpAddress::parse("192.0.2.1").value();
  const MailHost v6 = IpAddress::parse("2001:db8::1").value();
  scheduler.add({id(1), v4}, {kStart});
  scheduler.add({id(1), v6}, {kStart});
  scheduler.add(key(1, "a.example"), {kStart});
  EXPECT_EQ(take_all(scheduler, kStart).size(), 3U);
  EXPECT_EQ(scheduler.load(v4)->running, 1U);
  EXPECT_EQ(scheduler.load(v6)->running, 1U);
}

TEST(Scheduler, limits_hold_and_an_ending_makes_room) {
  Scheduler scheduler(limits(3, 2));
  for (std::uint32_t i = 0; i < 5; ++i) {
    scheduler.add(key(i, "a.example"), {kStart});
    scheduler.add(key(i, "b.example"), {kStart});
  }
  const auto first = take_all(scheduler, kStart);
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(scheduler.next_due(), std::nullopt) << "only an ending can help";
  for (const char* domain : {"a.example", "b.example"})
    EXPECT_LE(scheduler.load(key(0, domain).destination)->running, 2U);
  end(scheduler, first[0]);
  EXPECT_LE(scheduler.next_due(), kStart);
  EXPECT_EQ(take_all(scheduler, kStart).size(), 1U);
}

TEST(Scheduler, a_destination_at_its_limit_does_not_count_as_due) {
  Scheduler scheduler(limits(10, 1));
  scheduler.add(key(1, "a.example"), {kStart});
  scheduler.add(key(2, "a.example"), {kStart});
  scheduler.add(key(3, "b.example"), {kStart + 1h});
  EXPECT_EQ(take_all(scheduler, kStart).size(), 1U);
  EXPECT_EQ(scheduler.next_due(), kStart + 1h);
  end(scheduler, key(1, "a.example"));
  EXPECT_EQ(scheduler.next_due(), kStart);
  EXPECT_EQ(take(scheduler, kStart), key(2, "a.example"));
}

TEST(Scheduler, an_ended_delivery_may_be_added_again) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), {kStart});
  ASSERT_TRUE(take(scheduler, kStart));
  end(scheduler, key(1, "a.example"));
  scheduler.add(key(1, "a.example"), {kStart + 5min});
  EXPECT_EQ(scheduler.next_due(), kStart + 5min);
  EXPECT_EQ(take(scheduler, kStart + 5min), key(1, "a.example"));
}

TEST(Scheduler, claim_hands_out_whatever_time_and_limits_say_and_takes_no_room) {
  Scheduler scheduler(limits(2, 1));
  scheduler.add(key(1, "a.example"), {kStart});
  scheduler.add(key(2, "a.example"), {kStart + 1h});
  scheduler.add(key(3, "a.example"), {kStart});
  ASSERT_EQ(take(scheduler, kStart), key(1, "a.example"));
  EXPECT_TRUE(scheduler.claim(key(2, "a.example"))) << "not due, and its destination is full";
  EXPECT_EQ(scheduler.load().running, 2U);
  EXPECT_FALSE(scheduler.claim(key(2, "a.example"))) << "it is handed out";
  EXPECT_FALSE(scheduler.claim(key(9, "a.example")));
  end(scheduler, key(1, "a.example"));
  EXPECT_EQ(take(scheduler, kStart), key(3, "a.example"));
  scheduler.put_back(key(2, "a.example"), {kStart}, Ending::untried);
  EXPECT_EQ(take(scheduler, kStart), std::nullopt);
}

TEST(Scheduler, load_counts_what_is_queued_and_what_is_handed_out) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), {kStart});
  scheduler.add(key(2, "a.example"), {kStart + 1h});
  scheduler.add(key(2, "b.example"), {kStart + 1h});
  ASSERT_TRUE(take(scheduler, kStart));
  ASSERT_TRUE(scheduler.claim(key(2, "a.example")));
  EXPECT_EQ(scheduler.load().queued, 1U);
  EXPECT_EQ(scheduler.load().running, 2U);
  EXPECT_EQ(scheduler.messages(), 2U);
  EXPECT_EQ(scheduler.load(key(0, "a.example").destination)->running, 2U);
  EXPECT_EQ(scheduler.load(key(0, "b.example").destination)->queued, 1U);
  EXPECT_FALSE(scheduler.load(key(0, "c.example").destination));
  end(scheduler, key(1, "a.example"));
  end(scheduler, key(2, "a.example"));
  EXPECT_EQ(scheduler.messages(), 1U);
  EXPECT_FALSE(scheduler.load(key(0, "a.example").destination));
}

TEST(Scheduler, siblings_are_the_deliveries_of_one_message) {
  Scheduler scheduler({});
  scheduler.add(key(1, "b.example"), {kStart});
  scheduler.add(key(1, "a.example"), {kStart});
  scheduler.add(key(2, "a.example"), {kStart});
  EXPECT_TRUE(scheduler.has_siblings(key(1, "a.example")));
  EXPECT_FALSE(scheduler.has_siblings(key(2, "a.example")));
  EXPECT_EQ(scheduler.keys_of(id(1)).size(), 2U);
  EXPECT_TRUE(scheduler.keys_of(id(3)).empty());
  ASSERT_EQ(take_all(scheduler, kStart).size(), 3U);
  EXPECT_TRUE(scheduler.has_siblings(key(1, "a.example"))) << "those handed out count";
  end(scheduler, key(1, "b.example"));
  EXPECT_FALSE(scheduler.has_siblings(key(1, "a.example")));
  const std::vector want = {key(1, "a.example"), key(2, "a.example")};
  EXPECT_EQ(scheduler.keys(), want) << "the oldest message first";
}

TEST(Scheduler, what_waits_for_its_turn_can_still_be_removed) {
  Scheduler scheduler(limits(1, 1));
  scheduler.add(key(1, "a.example"), {kStart});
  scheduler.add(key(2, "b.example"), {kStart + 1ms});
  scheduler.add(key(3, "c.example"), {kStart + 2ms});
  // "b" and "c" now wait for their turn.
  ASSERT_EQ(take(scheduler, kStart + 1s), key(1, "a.example"));
  EXPECT_TRUE(scheduler.claim(key(2, "b.example")));
  scheduler.put_back(key(2, "b.example"), {kStart + 1h}, Ending::untried);
  EXPECT_TRUE(scheduler.claim(key(3, "c.example")));
  end(scheduler, key(3, "c.example"));
  end(scheduler, key(1, "a.example"));
  EXPECT_EQ(take(scheduler, kStart + 1s), std::nullopt);
  EXPECT_EQ(scheduler.next_due(), kStart + 1h);
  EXPECT_EQ(take(scheduler, kStart + 1h), key(2, "b.example"));
}

TEST(Scheduler, hasten_makes_one_destination_due) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), {kStart + 1h});
  scheduler.add(key(2, "a.example"), {kStart - 1h});
  scheduler.add(key(3, "b.example"), {kStart + 1h});
  scheduler.hasten(is("a.example"), kStart);
  scheduler.hasten(is("c.example"), kStart);
  const std::vector want = {key(2, "a.example"), key(1, "a.example")};
  EXPECT_EQ(take_all(scheduler, kStart), want);
}

TEST(Scheduler, what_was_just_accepted_is_so_until_it_is_handed_out) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), {kStart + 1h}, Origin::intake);
  scheduler.add(key(2, "a.example"), {kStart + 2h});
  scheduler.hasten(is("a.example"), kStart);
  const auto first = scheduler.take(kStart);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->origin, Origin::intake);
  EXPECT_EQ(scheduler.take(kStart)->origin, Origin::spool);
  scheduler.put_back(first->key, {kStart}, Ending::untried);
  EXPECT_EQ(scheduler.take(kStart)->origin, Origin::spool);
}

// Lanes.

/// All domains go to one relay.
LaneRule to_relay(const MailHost&) {
  return {.next_hop = "relay.example", .limit = 3};
}

TEST(Scheduler, what_is_added_is_handed_out_at_once_when_it_is_its_turn) {
  Scheduler scheduler(limits(3, 2));
  const auto add = [&](const DeliveryKey& which, UtcTime due = kStart) {
    return scheduler.add_and_take(which, {due}, Origin::intake, kStart);
  };
  const auto first = add(key(1, "a.example"));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->key, key(1, "a.example"));
  EXPECT_TRUE(first->has_room);
  EXPECT_EQ(first->origin, Origin::intake);
  EXPECT_FALSE(add(key(2, "a.example"), kStart + 1s)) << "not due";
  EXPECT_FALSE(add(key(3, "a.example"))) << "another one is queued before it";
  EXPECT_EQ(take(scheduler, kStart), key(3, "a.example"));
  EXPECT_FALSE(add(key(4, "a.example"))) << "no room for its destination";
  EXPECT_TRUE(add(key(5, "b.example")));
  EXPECT_FALSE(add(key(6, "c.example"))) << "no room at all";
  EXPECT_EQ(scheduler.load().running, 3U);
  EXPECT_EQ(scheduler.load().queued, 3U);
  end(scheduler, key(5, "b.example"));
  EXPECT_EQ(take(scheduler, kStart), key(6, "c.example"));
}

TEST(Scheduler, what_is_added_at_once_keeps_to_the_rate) {
  Scheduler scheduler({.lane_for = [](const MailHost&) { return LaneRule{.interval = 1s}; }});
  EXPECT_TRUE(scheduler.add_and_take(key(1, "a.example"), {kStart}, Origin::intake, kStart));
  EXPECT_FALSE(scheduler.add_and_take(key(2, "a.example"), {kStart}, Origin::intake, kStart));
  EXPECT_EQ(take(scheduler, kStart), std::nullopt);
  EXPECT_EQ(take(scheduler, kStart + 1s), key(2, "a.example"));
}

TEST(Scheduler, who_takes_one_learns_whether_there_may_be_more) {
  Scheduler scheduler(limits(3, 2));
  for (std::uint32_t i = 1; i <= 3; ++i)
    scheduler.add(key(i, "a.example"), {kStart});
  scheduler.add(key(4, "b.example"), {kStart + 1s});
  EXPECT_TRUE(scheduler.take(kStart)->more);
  EXPECT_FALSE(scheduler.take(kStart)->more)
      << "the destination is at its limit, the other not due";
  scheduler.add(key(5, "c.example"), {kStart});
  scheduler.add(key(6, "d.example"), {kStart});
  EXPECT_FALSE(scheduler.take(kStart)->more) << "no room";
}

TEST(Scheduler, what_shares_a_next_hop_shares_its_limit_and_its_turn) {
  Scheduler scheduler({.total = 10, .lane_for = to_relay});
  scheduler.add(key(1, "a.example"), {kStart + 2ms});
  scheduler.add(key(2, "b.example"), {kStart + 1ms});
  scheduler.add(key(3, "c.example"), {kStart});
  scheduler.add(key(4, "d.example"), {kStart + 3ms});
  const std::vector want = {key(3, "c.example"), key(2, "b.example"), key(1, "a.example")};
  EXPECT_EQ(take_all(scheduler, kStart + 1s), want);
  end(scheduler, key(2, "b.example"));
  EXPECT_EQ(take(scheduler, kStart + 1s), key(4, "d.example"));
}

TEST(Scheduler, pitfall_82_a_lane_begins_narrow_and_widens_with_answers) {
  Scheduler scheduler({.total = 500});
  for (std::uint32_t i = 0; i < 200; ++i)
    scheduler.add(key(i, "a.example"), {kStart});
  auto running = take_all(scheduler, kStart);
  EXPECT_EQ(running.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i)
    scheduler.put_back(running[i], {kStart + 1h}, Ending::answered);
  running = take_all(scheduler, kStart);
  EXPECT_EQ(running.size(), 10U);
  for (int round = 0; round < 3; ++round) {
    for (const DeliveryKey& each : running)
      end(scheduler, each);
    running = take_all(scheduler, kStart);
  }
  EXPECT_EQ(running.size(), 20U) << "its limit";
}

TEST(Scheduler, pitfall_82_a_next_hop_that_cannot_be_reached_is_left_with_one_slot) {
  Scheduler scheduler({.total = 500});
  for (std::uint32_t i = 0; i < 50; ++i)
    scheduler.add(key(i, "a.example"), {kStart});
  auto running = take_all(scheduler, kStart);
  for (const DeliveryKey& each : running)
    scheduler.put_back(each, {kStart + 1h}, Ending::unreachable);
  running = take_all(scheduler, kStart);
  EXPECT_EQ(running.size(), 1U);
  scheduler.put_back(running[0], {kStart + 1h}, Ending::untried);
  running = take_all(scheduler, kStart);
  EXPECT_EQ(running.size(), 1U) << "what nobody asked tells nothing";
  end(scheduler, running[0]);
  EXPECT_EQ(take_all(scheduler, kStart).size(), 2U) << "one answer, one more";
}

LaneRule ten_a_second(const MailHost&) {
  return {.interval = 100ms};
}

TEST(Scheduler, a_rate_spaces_the_starts) {
  Scheduler scheduler({.total = 500, .lane_for = ten_a_second});
  for (std::uint32_t i = 0; i < 50; ++i)
    scheduler.add(key(i, "a.example"), {kStart});
  std::size_t started = 0;
  for (UtcTime now = kStart; now < kStart + 2s; now += 10ms) {
    for (const DeliveryKey& each : take_all(scheduler, now)) {
      ++started;
      end(scheduler, each);
    }
    ASSERT_TRUE(scheduler.next_due());
    ASSERT_GT(*scheduler.next_due(), now) << "nobody is woken in vain";
  }
  EXPECT_EQ(started, 21U) << "one is owed from the tenth of a second before";
}

TEST(Scheduler, a_rate_holds_though_its_lane_runs_empty) {
  Scheduler scheduler({.total = 500, .lane_for = ten_a_second});
  std::size_t started = 0;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const UtcTime now = kStart + i * 10ms;
    if (scheduler.load().queued == 0) scheduler.add(key(i, "a.example"), {now});
    for (const DeliveryKey& each : take_all(scheduler, now)) {
      ++started;
      end(scheduler, each);
    }
  }
  EXPECT_LE(started, 21U);
  EXPECT_GE(started, 19U);
  EXPECT_FALSE(take(scheduler, kStart + 1h) && scheduler.load().queued > 0);
  EXPECT_EQ(scheduler.next_due(), std::nullopt) << "and is forgotten in the end";
}

TEST(Scheduler, redteam_28_a_look_costs_a_paced_lane_nothing) {
  Scheduler scheduler({.total = 500, .lane_for = ten_a_second});
  for (std::uint32_t i = 0; i < 100; ++i)
    scheduler.add(key(i, "a.example"), {kStart});
  std::size_t looked_at = 0;
  for (UtcTime now = kStart; now < kStart + 1s; now += 1ms) {
    for (const DeliveryKey& each : take_all(scheduler, now)) {
      ++looked_at;
      scheduler.put_back(each, {kStart + 1h}, Ending::untried);
    }
  }
  EXPECT_EQ(looked_at, 100U);
}

TEST(Scheduler, redteam_29_pitfall_90_a_clock_set_back_does_not_stop_a_paced_lane) {
  Scheduler scheduler({.total = 500, .lane_for = ten_a_second});
  scheduler.add(key(1, "a.example"), {kStart - 3h});
  scheduler.add(key(2, "b.example"), {kStart});
  ASSERT_EQ(take_all(scheduler, kStart).size(), 2U);
  end(scheduler, key(2, "b.example"));  // its lane is remembered for its pace alone
  const UtcTime back = kStart - 2h;
  scheduler.set_back(2h);
  scheduler.add(key(3, "a.example"), {back});
  scheduler.add(key(4, "b.example"), {back});
  EXPECT_EQ(take_all(scheduler, back + 100ms).size(), 2U);
}

// Lookups before an attempt: handed out, but no connection yet.

std::vector<DeliveryKey> hand_out_all(Scheduler& scheduler, UtcTime now) {
  std::vector<DeliveryKey> handed_out;
  while (const auto next = scheduler.take(now))
    handed_out.push_back(next->key);
  return handed_out;
}

/// One delivery to each of so many destinations, longest due first.
void add_names(Scheduler& scheduler, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i)
    scheduler.add(key(i, "d" + std::to_string(i) + ".example"), {kStart - (count - i) * 1ms});
}

TEST(Scheduler, pitfall_82_whoever_looks_things_up_for_long_holds_no_place) {
  Scheduler scheduler({.total = 2, .in_hand = 5});
  add_names(scheduler, 9);
  EXPECT_EQ(hand_out_all(scheduler, kStart).size(), 2U) << "as many as may begin";
  EXPECT_EQ(scheduler.next_due(), kStart + 200ms) << "unless they are slow";
  EXPECT_EQ(hand_out_all(scheduler, kStart + 199ms).size(), 0U);
  EXPECT_EQ(hand_out_all(scheduler, kStart + 200ms).size(), 2U);
  EXPECT_EQ(scheduler.next_due(), kStart + 400ms);
  EXPECT_EQ(hand_out_all(scheduler, kStart + 10s).size(), 1U) << "there is a bound for these, too";
  EXPECT_EQ(scheduler.next_due(), std::nullopt) << "only an ending can help";
  EXPECT_EQ(scheduler.load().running, 5U);
  scheduler.put_back(key(0, "d0.example"), {kStart + 1h}, Ending::untried);
  EXPECT_EQ(hand_out_all(scheduler, kStart + 10s).size(), 1U);
}

TEST(Scheduler, pitfall_82_no_more_begin_than_there_are_places) {
  Scheduler scheduler({.total = 2, .in_hand = 5});
  add_names(scheduler, 9);
  for (int round = 0; round < 3; ++round)
    hand_out_all(scheduler, kStart + round * 200ms);
  ASSERT_EQ(scheduler.load().running, 5U);
  EXPECT_TRUE(scheduler.begin(key(1, "d1.example")));
  EXPECT_TRUE(scheduler.begin(key(4, "d4.example")));
  EXPECT_TRUE(scheduler.begin(key(4, "d4.example"))) << "it holds its place";
  for (const auto& each : {key(0, "d0.example"), key(2, "d2.example"), key(3, "d3.example")}) {
    EXPECT_FALSE(scheduler.begin(each));
    scheduler.give_way(each);
  }
  EXPECT_EQ(scheduler.load().queued, 7U);
  EXPECT_EQ(hand_out_all(scheduler, kStart + 1h).size(), 0U) << "what for?";
  EXPECT_EQ(scheduler.next_due(), std::nullopt);
  end(scheduler, key(1, "d1.example"));
  EXPECT_LE(scheduler.next_due(), kStart);
  const auto next = hand_out_all(scheduler, kStart + 1h);
  ASSERT_EQ(next.size(), 1U) << "no more than may begin";
  EXPECT_TRUE(scheduler.begin(next.front()));
}

TEST(Scheduler, pitfall_82_who_gave_way_is_queued_as_before) {
  Scheduler scheduler({.total = 1});
  scheduler.add(key(1, "a.example"), {.attempt = kStart, .latest = kStart + 1h}, Origin::intake);
  scheduler.add(key(2, "a.example"), {kStart + 1ms});
  scheduler.add(key(3, "b.example"), {kStart - 1ms});
  ASSERT_EQ(take(scheduler, kStart), key(3, "b.example"));
  EXPECT_EQ(scheduler.take(kStart), std::nullopt);
  end(scheduler, key(3, "b.example"));
  ASSERT_EQ(scheduler.take(kStart)->key, key(1, "a.example"));
  ASSERT_EQ(take(scheduler, kStart + 200ms), key(2, "a.example"));
  ASSERT_FALSE(scheduler.begin(key(1, "a.example")));
  scheduler.give_way(key(1, "a.example"));
  EXPECT_EQ(scheduler.next_due(), kStart + 1h) << "its notice needs no place";
  end(scheduler, key(2, "a.example"));
  EXPECT_EQ(scheduler.next_due(), kStart);
  const auto again = scheduler.take(kStart);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->key, key(1, "a.example"));
  EXPECT_EQ(again->origin, Origin::intake);
  scheduler.put_back(again->key, {kStart}, Ending::answered);
  EXPECT_EQ(scheduler.take(kStart)->origin, Origin::spool);
}

TEST(Scheduler, pitfall_82_who_gave_way_is_waited_for_longer) {
  Scheduler scheduler({.total = 1});
  scheduler.add(key(1, "a.example"), {kStart});
  scheduler.add(key(2, "b.example"), {kStart + 1ms});
  ASSERT_EQ(scheduler.take(kStart)->key, key(1, "a.example"));
  ASSERT_EQ(take(scheduler, kStart + 1s), key(2, "b.example"));
  scheduler.give_way(key(1, "a.example"));
  scheduler.put_back(key(2, "b.example"), {kStart + 1ms}, Ending::answered);
  ASSERT_EQ(scheduler.take(kStart + 2s)->key, key(1, "a.example"));
  EXPECT_EQ(scheduler.next_due(), kStart + 4s);
  EXPECT_FALSE(scheduler.take(kStart + 3s));
  EXPECT_TRUE(scheduler.begin(key(1, "a.example")));
  EXPECT_EQ(scheduler.next_due(), std::nullopt);
}

TEST(Scheduler, pitfall_82_a_next_hop_gets_its_width_and_no_more_for_lookups_either) {
  Scheduler scheduler({.total = 500});
  for (std::uint32_t i = 0; i < 50; ++i)
    scheduler.add(key(i, "a.example"), {kStart});
  EXPECT_EQ(hand_out_all(scheduler, kStart).size(), 5U);
  EXPECT_EQ(hand_out_all(scheduler, kStart + 1h).size(), 0U);
  EXPECT_TRUE(scheduler.begin(key(2, "a.example")));
  EXPECT_EQ(hand_out_all(scheduler, kStart + 1h).size(), 0U) << "to begin makes no room";
}

TEST(Scheduler, pitfall_82_giving_way_costs_a_paced_lane_nothing) {
  Scheduler scheduler({.lane_for = ten_a_second});
  scheduler.add(key(1, "a.example"), {kStart});
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(scheduler.take(kStart));
    scheduler.give_way(key(1, "a.example"));
  }
}

TEST(Scheduler, pitfall_90_a_clock_set_back_does_not_make_it_wait_for_lookups) {
  Scheduler scheduler({.total = 1});
  scheduler.add(key(1, "a.example"), {kStart - 3h});
  scheduler.add(key(2, "b.example"), {kStart - 3h});
  ASSERT_TRUE(scheduler.take(kStart));
  const UtcTime back = kStart - 2h;
  scheduler.set_back(2h);
  EXPECT_FALSE(scheduler.take(back));
  EXPECT_TRUE(scheduler.take(back + 2s));
}

TEST(Scheduler, what_an_operator_claimed_takes_no_place_when_it_begins) {
  Scheduler scheduler(limits(1, 1));
  scheduler.add(key(1, "a.example"), {kStart});
  scheduler.add(key(2, "b.example"), {kStart});
  ASSERT_TRUE(scheduler.claim(key(1, "a.example")));
  EXPECT_TRUE(scheduler.begin(key(1, "a.example")));
  EXPECT_EQ(take(scheduler, kStart), key(2, "b.example"));
}

TEST(Scheduler, pitfall_82_names_that_never_answer_do_not_hold_up_the_others) {
  Scheduler scheduler({});
  add_names(scheduler, 1500);
  for (std::uint32_t i = 0; i < 100; ++i)
    scheduler.add(key(i, "fast.example"), {kStart});
  const MailHost fast = Domain::parse("fast.example").value();
  std::multimap<UtcTime, DeliveryKey> running;
  std::vector<UtcTime> done;
  for (UtcTime now = kStart; now < kStart + 2s; now += 10ms) {
    while (!running.empty() && running.begin()->first <= now) {
      end(scheduler, running.begin()->second);
      running.erase(running.begin());
      done.push_back(now);
    }
    while (const auto taken = scheduler.take(now)) {
      if (taken->key.destination != fast) continue;
      ASSERT_TRUE(scheduler.begin(taken->key));
      running.emplace(now + 50ms, taken->key);
    }
  }
  EXPECT_EQ(done.size(), 100U);
}

TEST(Scheduler, pitfall_82_pitfall_91_places_are_used_but_never_exceeded_whatever_comes) {
  const auto random = make_seeded_random(5);
  constexpr std::size_t kTotal = 4;
  constexpr std::size_t kInHand = 9;
  Scheduler scheduler({.total = kTotal, .in_hand = kInHand, .first_at_once = 2});
  std::vector<DeliveryKey> planning;
  std::vector<DeliveryKey> attempting;
  std::uint32_t number = 0;
  UtcTime now = kStart;
  const auto pick = [&](std::vector<DeliveryKey>& from) {
    const std::size_t chosen = random->below(from.size());
    const DeliveryKey picked = from[chosen];
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(chosen));
    return picked;
  };
  const auto take_what_there_is = [&] {
    for (const DeliveryKey& each : hand_out_all(scheduler, now))
      planning.push_back(each);
    ASSERT_LE(planning.size() + attempting.size(), kInHand);
    const auto due = scheduler.next_due();
    ASSERT_TRUE(!due || *due > now) << "it would spin";
    ASSERT_TRUE(!due || attempting.size() < kTotal);
    if (!due) return;
    // Nobody is woken in vain.
    now = *due;
    const auto next = scheduler.take(now);
    ASSERT_TRUE(next);
    planning.push_back(next->key);
  };
  std::size_t refused = 0;
  for (int step = 0; step < 20'000; ++step) {
    switch (random->below(6)) {
      case 0:
      case 1:
        if (scheduler.load().queued > 40) break;
        scheduler.add(key(++number, "d" + std::to_string(random->below(7)) + ".example"),
                      {now + std::chrono::milliseconds(random->below(1000))});
        break;
      case 2:
        take_what_there_is();
        break;
      case 3: {
        if (planning.empty()) break;
        const DeliveryKey chosen = pick(planning);
        const bool begun = scheduler.begin(chosen);
        ASSERT_EQ(begun, attempting.size() < kTotal);
        if (begun) {
          attempting.push_back(chosen);
        } else {
          ++refused;
          scheduler.give_way(chosen);
        }
        break;
      }
      case 4:
        if (!attempting.empty()) end(scheduler, pick(attempting));
        break;
      default:
        if (planning.empty() || random->below(3) > 0) break;
        scheduler.put_back(pick(planning), {now + 1s}, Ending::untried);
    }
    ASSERT_LE(attempting.size(), kTotal);
    ASSERT_EQ(scheduler.load().running, planning.size() + attempting.size());
  }
  EXPECT_GT(refused, 100U) << "or it shows nothing";
}

// What is to be done in time, with or without room.

TEST(Scheduler, pitfall_84_what_is_due_at_the_latest_needs_no_room) {
  Scheduler scheduler(limits(1, 1));
  scheduler.add(key(1, "a.example"), {kStart});
  scheduler.add(key(2, "a.example"), {.attempt = kStart, .latest = kStart + 10min});
  ASSERT_EQ(take(scheduler, kStart), key(1, "a.example"));
  EXPECT_EQ(scheduler.next_due(), kStart + 10min);
  EXPECT_FALSE(scheduler.take(kStart + 10min - 1ms));
  const auto taken = scheduler.take(kStart + 10min);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->key, key(2, "a.example"));
  EXPECT_FALSE(taken->has_room);
  scheduler.put_back(taken->key, {kStart}, Ending::untried);
  EXPECT_EQ(scheduler.next_due(), std::nullopt) << "it holds no place that another could have";
}

TEST(Scheduler, of_what_is_due_at_the_latest_some_go_at_once_and_the_rest_follow) {
  Scheduler scheduler(limits(1, 1));
  for (std::uint32_t i = 0; i < 120; ++i)
    scheduler.add(key(i, "a.example"), {.attempt = kStart + 1h, .latest = kStart});
  std::size_t done = 0;
  std::vector<DeliveryKey> batch;
  do {
    batch.clear();
    while (const auto taken = scheduler.take(kStart))
      batch.push_back(taken->key);
    EXPECT_LE(batch.size(), 50U);
    for (const DeliveryKey& each : batch)
      end(scheduler, each);
    done += batch.size();
  } while (!batch.empty());
  EXPECT_EQ(done, 120U);
}

TEST(Scheduler, pitfall_90_a_clock_set_forward_makes_due_and_no_more_than_limits_allow) {
  Scheduler scheduler(limits(4, 2));
  for (std::uint32_t i = 0; i < 10; ++i)
    scheduler.add(key(i, "a.example"), {kStart + i * 1h});
  EXPECT_EQ(take_all(scheduler, kStart + std::chrono::days(2)).size(), 2U);
}

TEST(Scheduler, pitfall_90_a_clock_set_back_loses_nothing) {
  Scheduler scheduler(limits(1, 1));
  scheduler.add(key(1, "a.example"), {kStart - 1ms});
  scheduler.add(key(2, "b.example"), {kStart});
  ASSERT_EQ(take(scheduler, kStart), key(1, "a.example"));
  end(scheduler, key(1, "a.example"));
  // "b" is in the ring already when the clock goes back two hours.
  EXPECT_EQ(take(scheduler, kStart - 2h), std::nullopt);
  EXPECT_EQ(scheduler.next_due(), kStart);
  EXPECT_EQ(take(scheduler, kStart), key(2, "b.example"));
}

TEST(Scheduler, pitfall_90_what_waits_keeps_its_real_delay_when_the_clock_is_set_back) {
  Scheduler scheduler(limits(4, 2));
  scheduler.add(key(1, "a.example"), {kStart + 1min});
  scheduler.add(key(2, "b.example"), {.attempt = kNever, .latest = kStart + 2min});
  scheduler.add(key(3, "c.example"), {kNever});
  scheduler.set_back(2h);
  const UtcTime back = kStart - 2h;
  scheduler.add(key(4, "d.example"), {back + 3min});
  EXPECT_EQ(scheduler.next_due(), back + 1min);
  EXPECT_EQ(take(scheduler, back + 1min - 1ms), std::nullopt);
  EXPECT_EQ(take(scheduler, back + 1min), key(1, "a.example"));
  const auto at_the_latest = scheduler.take(back + 2min);
  ASSERT_TRUE(at_the_latest);
  EXPECT_EQ(at_the_latest->key, key(2, "b.example"));
  EXPECT_EQ(take(scheduler, back + 3min - 1ms), std::nullopt);
  EXPECT_EQ(take(scheduler, back + 3min), key(4, "d.example"));
  EXPECT_EQ(scheduler.next_due(), kNever);
  scheduler.put_back(key(1, "a.example"), {back + 8min}, Ending::answered);
  EXPECT_EQ(scheduler.next_due(), back + 8min);
  scheduler.hasten([](const MailHost&) { return true; }, back + 5min);
  EXPECT_EQ(scheduler.next_due(), back + 5min);
}

TEST(Scheduler, pitfall_90_it_knows_by_which_clock_each_record_was_written) {
  Scheduler scheduler(limits(4, 2));
  scheduler.add(key(1, "a.example"), {kStart});
  EXPECT_EQ(scheduler.set_back_when_written(key(1, "a.example")), 0ms);
  scheduler.set_back(2h);
  scheduler.add(key(2, "a.example"), {kStart});
  scheduler.set_back(5s);
  EXPECT_EQ(scheduler.set_back_so_far(), 2h + 5s);
  EXPECT_EQ(scheduler.set_back_when_written(key(1, "a.example")), 0ms);
  EXPECT_EQ(scheduler.set_back_when_written(key(2, "a.example")), 2h);
  scheduler.note_written(key(1, "a.example"), 2h);
  EXPECT_EQ(scheduler.set_back_when_written(key(1, "a.example")), 2h)
      << "while it was set back once more";
  scheduler.note_written(key(1, "a.example"), scheduler.set_back_so_far());
  EXPECT_EQ(scheduler.set_back_when_written(key(1, "a.example")), 2h + 5s);
}

/// Runs deliveries in simulated time: each takes as long as its destination does.
class Simulation {
 public:
  Simulation(std::size_t total, std::size_t per_destination,
             std::map<std::string, std::chrono::milliseconds> durations)
      : total_(total),
        per_destination_(per_destination),
        scheduler_(limits(total, per_destination)),
        durations_(std::move(durations)) {}

  void add(std::uint32_t number, const std::string& domain) {
    scheduler_.add(key(number, domain), {kStart});
  }

  /// Until nothing is left, or `end`.
  void run(UtcTime end) {
    UtcTime now = kStart;
    while (now <= end) {
      start_what_may(now);
      if (endings_.empty()) return;
      now = endings_.top().first;
      while (!endings_.empty() && endings_.top().first <= now)
        end_one(now);
    }
  }

  std::map<std::string, std::vector<std::chrono::milliseconds>> finished;
  std::map<std::string, std::size_t> most_running;
  std::size_t most_total = 0;
  bool always_busy = true;

 private:
  void start_what_may(UtcTime now) {
    while (auto next = scheduler_.take(now)) {
      EXPECT_TRUE(scheduler_.begin(next->key));
      const std::string domain = to_string(next->key.destination);
      most_running[domain] = std::max(most_running[domain], ++running_[domain]);
      running_keys_.push_back(next->key);
      endings_.emplace(now + durations_.at(domain), running_keys_.size() - 1);
    }
    most_total = std::max(most_total, scheduler_.load().running);
    for (const auto& [domain, _] : durations_) {
      const auto load = scheduler_.load(key(0, domain).destination);
      if (!load || load->queued == 0) continue;
      const bool room = load->running < per_destination_ && scheduler_.load().running < total_;
      if (room) always_busy = false;
    }
  }

  void end_one(UtcTime now) {
    const DeliveryKey ended = running_keys_[endings_.top().second];
    endings_.pop();
    end(scheduler_, ended);
    const std::string domain = to_string(ended.destination);
    --running_[domain];
    finished[domain].push_back(now - kStart);
  }

  using Event = std::pair<UtcTime, std::size_t>;
  std::size_t total_;
  std::size_t per_destination_;
  Scheduler scheduler_;
  std::map<std::string, std::chrono::milliseconds> durations_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> endings_;
  std::vector<DeliveryKey> running_keys_;
  std::map<std::string, std::size_t> running_;
};

TEST(Scheduler, pitfall_82_a_tarpit_does_not_starve_a_fast_destination) {
  Simulation simulation(50, 20, {{"tarpit.example", 5min}, {"fast.example", 50ms}});
  for (std::uint32_t i = 0; i < 10'000; ++i)
    simulation.add(i, "tarpit.example");
  for (std::uint32_t i = 0; i < 100; ++i)
    simulation.add(i, "fast.example");
  simulation.run(kStart + 10min);
  ASSERT_EQ(simulation.finished["fast.example"].size(), 100U);
  EXPECT_LT(simulation.finished["fast.example"][94], 2s);
  EXPECT_EQ(simulation.most_running["tarpit.example"], 20U);
  EXPECT_LE(simulation.most_total, 50U);
}

TEST(Scheduler, pitfall_91_work_conserving_and_never_above_the_limit) {
  Simulation simulation(500, 5, {{"one.example", 10ms}});
  for (std::uint32_t i = 0; i < 20'000; ++i)
    simulation.add(i, "one.example");
  simulation.run(kStart + 24h);
  EXPECT_EQ(simulation.finished["one.example"].size(), 20'000U);
  EXPECT_EQ(simulation.finished["one.example"].back(), 20'000 / 5 * 10ms);
  EXPECT_EQ(simulation.most_running["one.example"], 5U);
  EXPECT_TRUE(simulation.always_busy);
}

TEST(Scheduler, with_few_slots_many_destinations_share_them_evenly) {
  std::map<std::string, std::chrono::milliseconds> durations;
  for (int d = 0; d < 30; ++d)
    durations["d" + std::to_string(d) + ".example"] = 1s;
  Simulation simulation(10, 5, durations);
  for (const auto& [domain, _] : durations) {
    for (std::uint32_t i = 0; i < 100; ++i)
      simulation.add(i, domain);
  }
  simulation.run(kStart + 60s);
  for (const auto& [domain, _] : durations) {
    EXPECT_GE(simulation.finished[domain].size(), 18U) << domain;
    EXPECT_LE(simulation.finished[domain].size(), 22U) << domain;
  }
  EXPECT_TRUE(simulation.always_busy);
}

TEST(Scheduler, agrees_with_a_plain_model_under_random_calls) {
  const auto random = make_seeded_random(11);
  constexpr std::size_t kTotal = 6;
  constexpr std::size_t kPerDestination = 2;
  Scheduler scheduler(limits(kTotal, kPerDestination));
  std::map<std::pair<std::string, std::uint32_t>, UtcTime> queued;
  std::vector<DeliveryKey> running;
  const auto running_for = [&](const std::string& domain) {
    return static_cast<std::size_t>(std::ranges::count_if(
        running, [&](const DeliveryKey& k) { return to_string(k.destination) == domain; }));
  };
  const auto earliest_startable = [&]() -> std::optional<UtcTime> {
    std::optional<UtcTime> earliest;
    if (running.size() >= kTotal) return earliest;
    for (const auto& [name, due] : queued) {
      if (running_for(name.first) >= kPerDestination) continue;
      if (!earliest || due < *earliest) earliest = due;
    }
    return earliest;
  };
  for (int step = 0; step < 20'000; ++step) {
    const auto number = static_cast<std::uint32_t>(random->below(12));
    const std::string domain = "d" + std::to_string(random->below(5)) + ".example";
    const UtcTime when = kStart + std::chrono::seconds(random->below(100));
    const DeliveryKey chosen = key(number, domain);
    const bool is_running = std::ranges::find(running, chosen) != running.end();
    const bool is_queued = queued.contains({domain, number});
    switch (random->below(4)) {
      case 0:
        if (is_running || is_queued) break;
        scheduler.add(chosen, {when});
        queued[{domain, number}] = when;
        break;
      case 1: {
        const auto expected = earliest_startable();
        const auto taken = take(scheduler, when);
        ASSERT_EQ(taken.has_value(), expected && *expected <= when);
        if (!taken) break;
        const std::string from = to_string(taken->destination);
        bool found = false;
        for (auto row = queued.begin(); row != queued.end(); ++row) {
          if (row->first.first != from || id(row->first.second) != taken->message) continue;
          ASSERT_LE(row->second, when);
          for (const auto& [other, due] : queued) {
            ASSERT_TRUE(other.first != from || due >= row->second);
          }
          queued.erase(row);
          found = true;
          break;
        }
        ASSERT_TRUE(found);
        running.push_back(*taken);
        ASSERT_LE(running_for(from), kPerDestination);
        ASSERT_LE(running.size(), kTotal);
        break;
      }
      case 2:
        if (running.empty()) break;
        end(scheduler, running.front());
        running.erase(running.begin());
        break;
      default:
        ASSERT_EQ(scheduler.claim(chosen), is_queued);
        if (is_queued) end(scheduler, chosen);
        queued.erase({domain, number});
    }
    ASSERT_EQ(scheduler.next_due(), earliest_startable()) << "step " << step;
    ASSERT_EQ(scheduler.load().queued, queued.size());
    ASSERT_EQ(scheduler.load().running, running.size());
  }
}

TEST(Scheduler, hastening_a_destination_keeps_its_limit_and_its_order) {
  Scheduler scheduler(limits(10, 1));
  scheduler.add(key(1, "a.example"), {kStart + 2h});
  scheduler.add(key(2, "a.example"), {kStart});
  scheduler.add(key(3, "a.example"), {kStart + 1h});
  EXPECT_EQ(take(scheduler, kStart), key(2, "a.example"));
  scheduler.hasten(is("a.example"), kStart + 1s);  // while it is at its limit
  EXPECT_EQ(scheduler.load().queued, 2U);
  EXPECT_EQ(take(scheduler, kStart + 1s), std::nullopt);
  end(scheduler, key(2, "a.example"));
  EXPECT_EQ(scheduler.next_due(), kStart + 1s);
  EXPECT_EQ(take(scheduler, kStart + 1s), key(1, "a.example")) << "the older message first";
  end(scheduler, key(1, "a.example"));
  EXPECT_EQ(take(scheduler, kStart + 1s), key(3, "a.example"));
}

}  // namespace
}  // namespace fulmar::queue
