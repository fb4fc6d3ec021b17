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

std::vector<DeliveryKey> take_all(Scheduler& scheduler, UtcTime now) {
  std::vector<DeliveryKey> taken;
  while (auto next = scheduler.take(now))
    taken.push_back(*next);
  return taken;
}

TEST(Scheduler, pitfall_91_a_destination_may_have_a_limit_of_its_own) {
  const MailHost narrow = Domain::parse("narrow.example").value();
  Scheduler scheduler({.total = 10, .limit_for = [&](const MailHost& host) -> std::size_t {
                         return host == narrow ? 1 : 3;
                       }});
  for (std::uint32_t i = 0; i < 5; ++i) {
    scheduler.add(key(i, "narrow.example"), kStart);
    scheduler.add(key(10 + i, "wide.example"), kStart);
  }
  const auto started = take_all(scheduler, kStart);
  EXPECT_EQ(started.size(), 4U);
  EXPECT_EQ(std::ranges::count(started, narrow, &DeliveryKey::destination), 1);
  scheduler.finish(key(0, "narrow.example"));
  EXPECT_EQ(scheduler.take(kStart), key(1, "narrow.example")) << "as soon as there is room";
}

TEST(Scheduler, nothing_starts_before_it_is_due) {
  Scheduler scheduler({});
  EXPECT_EQ(scheduler.next_due(), std::nullopt);
  scheduler.add(key(1, "a.example"), kStart + 10s);
  EXPECT_EQ(scheduler.next_due(), kStart + 10s);
  EXPECT_EQ(scheduler.take(kStart + 10s - 1ms), std::nullopt);
  EXPECT_EQ(scheduler.take(kStart + 10s), key(1, "a.example"));
  EXPECT_EQ(scheduler.queued(), 0U);
  EXPECT_EQ(scheduler.running(), 1U);
  EXPECT_EQ(scheduler.next_due(), std::nullopt);
  scheduler.finish(key(1, "a.example"));
  EXPECT_EQ(scheduler.running(), 0U);
  EXPECT_TRUE(scheduler.destinations().empty());
}

TEST(Scheduler, within_a_destination_the_longest_due_goes_first) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), kStart + 3s);
  scheduler.add(key(2, "a.example"), kStart + 1s);
  scheduler.add(key(3, "a.example"), kStart + 2s);
  const std::vector want = {key(2, "a.example"), key(3, "a.example"), key(1, "a.example")};
  EXPECT_EQ(take_all(scheduler, kStart + 5s), want);
}

TEST(Scheduler, destinations_with_due_work_take_turns) {
  Scheduler scheduler({});
  for (std::uint32_t i = 0; i < 3; ++i) {
    scheduler.add(key(i, "a.example"), kStart);
    scheduler.add(key(i, "b.example"), kStart + 1ms);
    scheduler.add(key(i, "c.example"), kStart + 2ms);
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
  Scheduler scheduler({.total = 10, .per_destination = 1});
  const MailHost v4 = IpAddress::parse("192.0.2.1").value();
  const MailHost v6 = IpAddress::parse("2001:db8::1").value();
  scheduler.add({id(1), v4}, kStart);
  scheduler.add({id(1), v6}, kStart);
  scheduler.add(key(1, "a.example"), kStart);
  EXPECT_EQ(take_all(scheduler, kStart).size(), 3U);
  EXPECT_EQ(scheduler.destinations().size(), 3U);
}

TEST(Scheduler, limits_hold_and_an_ending_makes_room) {
  Scheduler scheduler({.total = 3, .per_destination = 2});
  for (std::uint32_t i = 0; i < 5; ++i) {
    scheduler.add(key(i, "a.example"), kStart);
    scheduler.add(key(i, "b.example"), kStart);
  }
  const auto first = take_all(scheduler, kStart);
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(scheduler.next_due(), std::nullopt) << "only an ending can help";
  for (const auto& load : scheduler.destinations())
    EXPECT_LE(load.running, 2U);
  scheduler.finish(first[0]);
  EXPECT_LE(scheduler.next_due(), kStart);
  EXPECT_EQ(take_all(scheduler, kStart).size(), 1U);
}

TEST(Scheduler, a_destination_at_its_limit_does_not_count_as_due) {
  Scheduler scheduler({.total = 10, .per_destination = 1});
  scheduler.add(key(1, "a.example"), kStart);
  scheduler.add(key(2, "a.example"), kStart);
  scheduler.add(key(3, "b.example"), kStart + 1h);
  EXPECT_EQ(take_all(scheduler, kStart).size(), 1U);
  EXPECT_EQ(scheduler.next_due(), kStart + 1h);
  scheduler.finish(key(1, "a.example"));
  EXPECT_EQ(scheduler.next_due(), kStart);
  EXPECT_EQ(scheduler.take(kStart), key(2, "a.example"));
}

TEST(Scheduler, an_ended_delivery_may_be_added_again) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), kStart);
  ASSERT_TRUE(scheduler.take(kStart));
  scheduler.finish(key(1, "a.example"));
  scheduler.add(key(1, "a.example"), kStart + 5min);
  EXPECT_EQ(scheduler.next_due(), kStart + 5min);
  EXPECT_EQ(scheduler.take(kStart + 5min), key(1, "a.example"));
}

TEST(Scheduler, claim_makes_a_queued_delivery_running_whatever_time_and_limits_say) {
  Scheduler scheduler({.total = 2, .per_destination = 1});
  scheduler.add(key(1, "a.example"), kStart);
  scheduler.add(key(2, "a.example"), kStart + 1h);
  scheduler.add(key(3, "a.example"), kStart);
  ASSERT_EQ(scheduler.take(kStart), key(1, "a.example"));
  EXPECT_TRUE(scheduler.claim(key(2, "a.example"))) << "not due, and its destination is full";
  EXPECT_EQ(scheduler.running(), 2U);
  EXPECT_FALSE(scheduler.claim(key(2, "a.example"))) << "it is running";
  EXPECT_FALSE(scheduler.claim(key(9, "a.example")));
  scheduler.finish(key(1, "a.example"));
  EXPECT_EQ(scheduler.take(kStart), std::nullopt) << "the claimed one has the only slot";
  scheduler.finish(key(2, "a.example"));
  EXPECT_EQ(scheduler.take(kStart), key(3, "a.example"));
}

TEST(Scheduler, is_running_is_true_from_start_to_ending_only) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), kStart);
  scheduler.add(key(2, "a.example"), kStart + 1h);
  EXPECT_FALSE(scheduler.is_running(key(1, "a.example"))) << "it is queued";
  ASSERT_TRUE(scheduler.take(kStart));
  ASSERT_TRUE(scheduler.claim(key(2, "a.example")));
  EXPECT_TRUE(scheduler.is_running(key(1, "a.example")));
  EXPECT_TRUE(scheduler.is_running(key(2, "a.example")));
  EXPECT_FALSE(scheduler.is_running(key(1, "b.example")));
  scheduler.finish(key(1, "a.example"));
  EXPECT_FALSE(scheduler.is_running(key(1, "a.example")));
  EXPECT_TRUE(scheduler.is_running(key(2, "a.example")));
  EXPECT_EQ(scheduler.next_due(), std::nullopt) << "nothing is queued any more";
  scheduler.finish(key(2, "a.example"));
  EXPECT_TRUE(scheduler.destinations().empty());
}

TEST(Scheduler, what_waits_for_its_turn_can_still_be_removed) {
  Scheduler scheduler({.total = 1, .per_destination = 1});
  scheduler.add(key(1, "a.example"), kStart);
  scheduler.add(key(2, "b.example"), kStart + 1ms);
  scheduler.add(key(3, "c.example"), kStart + 2ms);
  ASSERT_EQ(scheduler.take(kStart + 1s), key(1, "a.example"));  // b and c now wait for their turn
  EXPECT_TRUE(scheduler.remove(key(2, "b.example")));
  scheduler.add(key(2, "b.example"), kStart + 1h);
  EXPECT_TRUE(scheduler.remove(key(3, "c.example")));
  scheduler.finish(key(1, "a.example"));
  EXPECT_EQ(scheduler.take(kStart + 1s), std::nullopt);
  EXPECT_EQ(scheduler.next_due(), kStart + 1h);
  EXPECT_EQ(scheduler.take(kStart + 1h), key(2, "b.example"));
}

TEST(Scheduler, remove_takes_out_queued_deliveries_only) {
  Scheduler scheduler({});
  scheduler.add(key(1, "a.example"), kStart);
  scheduler.add(key(2, "a.example"), kStart + 1s);
  ASSERT_EQ(scheduler.take(kStart), key(1, "a.example"));
  EXPECT_FALSE(scheduler.remove(key(1, "a.example")));
  EXPECT_FALSE(scheduler.remove(key(2, "b.example")));
  EXPECT_TRUE(scheduler.remove(key(2, "a.example")));
  EXPECT_FALSE(scheduler.remove(key(2, "a.example")));
  EXPECT_EQ(scheduler.queued(), 0U);
  EXPECT_EQ(scheduler.next_due(), std::nullopt);
}

TEST(Scheduler, pitfall_90_a_clock_set_forward_makes_due_and_no_more_than_limits_allow) {
  Scheduler scheduler({.total = 4, .per_destination = 2});
  for (std::uint32_t i = 0; i < 10; ++i)
    scheduler.add(key(i, "a.example"), kStart + i * 1h);
  EXPECT_EQ(take_all(scheduler, kStart + std::chrono::days(2)).size(), 2U);
}

TEST(Scheduler, pitfall_90_a_clock_set_back_loses_nothing) {
  Scheduler scheduler({.total = 1, .per_destination = 1});
  scheduler.add(key(1, "a.example"), kStart - 1ms);
  scheduler.add(key(2, "b.example"), kStart);
  ASSERT_EQ(scheduler.take(kStart), key(1, "a.example"));
  scheduler.finish(key(1, "a.example"));
  // "b" is in the ring already when the clock goes back two hours.
  EXPECT_EQ(scheduler.take(kStart - 2h), std::nullopt);
  EXPECT_EQ(scheduler.next_due(), kStart);
  EXPECT_EQ(scheduler.take(kStart), key(2, "b.example"));
}

/// Runs deliveries in simulated time: each takes as long as its destination does.
class Simulation {
 public:
  Simulation(SchedulerLimits limits, std::map<std::string, std::chrono::milliseconds> durations)
      : limits_(limits), scheduler_(limits), durations_(std::move(durations)) {}

  void add(std::uint32_t number, const std::string& domain) {
    scheduler_.add(key(number, domain), kStart);
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
      const std::string domain = to_string(next->destination);
      most_running[domain] = std::max(most_running[domain], ++running_[domain]);
      running_keys_.push_back(*next);
      endings_.emplace(now + durations_.at(domain), running_keys_.size() - 1);
    }
    most_total = std::max(most_total, scheduler_.running());
    for (const auto& load : scheduler_.destinations()) {
      const bool room =
          load.running < limits_.per_destination && scheduler_.running() < limits_.total;
      if (load.queued > 0 && room) always_busy = false;
    }
  }

  void end_one(UtcTime now) {
    const DeliveryKey ended = running_keys_[endings_.top().second];
    endings_.pop();
    scheduler_.finish(ended);
    const std::string domain = to_string(ended.destination);
    --running_[domain];
    finished[domain].push_back(now - kStart);
  }

  using Ending = std::pair<UtcTime, std::size_t>;
  SchedulerLimits limits_;
  Scheduler scheduler_;
  std::map<std::string, std::chrono::milliseconds> durations_;
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> endings_;
  std::vector<DeliveryKey> running_keys_;
  std::map<std::string, std::size_t> running_;
};

TEST(Scheduler, pitfall_82_a_tarpit_does_not_starve_a_fast_destination) {
  Simulation simulation({.total = 50, .per_destination = 20},
                        {{"tarpit.example", 5min}, {"fast.example", 50ms}});
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
  Simulation simulation({.total = 500, .per_destination = 5}, {{"one.example", 10ms}});
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
  Simulation simulation({.total = 10, .per_destination = 5}, durations);
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
  const SchedulerLimits limits{.total = 6, .per_destination = 2};
  Scheduler scheduler(limits);
  std::map<std::pair<std::string, std::uint32_t>, UtcTime> queued;
  std::vector<DeliveryKey> running;
  const auto running_for = [&](const std::string& domain) {
    return static_cast<std::size_t>(std::ranges::count_if(
        running, [&](const DeliveryKey& k) { return to_string(k.destination) == domain; }));
  };
  const auto earliest_startable = [&]() -> std::optional<UtcTime> {
    std::optional<UtcTime> earliest;
    if (running.size() >= limits.total) return earliest;
    for (const auto& [name, due] : queued) {
      if (running_for(name.first) >= limits.per_destination) continue;
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
        scheduler.add(chosen, when);
        queued[{domain, number}] = when;
        break;
      case 1: {
        const auto expected = earliest_startable();
        const auto taken = scheduler.take(when);
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
        ASSERT_LE(running_for(from), limits.per_destination);
        ASSERT_LE(running.size(), limits.total);
        break;
      }
      case 2:
        if (running.empty()) break;
        scheduler.finish(running.front());
        running.erase(running.begin());
        break;
      default:
        ASSERT_EQ(scheduler.remove(chosen), is_queued);
        queued.erase({domain, number});
    }
    ASSERT_EQ(scheduler.next_due(), earliest_startable()) << "step " << step;
    ASSERT_EQ(scheduler.queued(), queued.size());
    ASSERT_EQ(scheduler.running(), running.size());
  }
}

}  // namespace
}  // namespace fulmar::queue
