// The schedule that threads share: who is alive, who may be taken, when somebody is woken.
#include "mta/delivery/waiting_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/fakes/fake_clock.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;
using queue::DeliveryKey;
using queue::Ending;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Siblings = WaitingLine::Siblings;
using FreedRoom = WaitingLine::FreedRoom;

class WaitingLineTest : public ::testing::Test {
 protected:
  static MailHost host(std::string_view name) { return Domain::parse(name).value(); }
  /// At `now`, which is not before the last one.
  std::optional<DeliveryKey> take(UtcTime now) {
    clock_.advance(now - clock_.utc_now());
    const auto taken = line_.take();
    return taken ? std::optional(taken->key) : std::nullopt;
  }
  static auto is(std::string_view name) {
    return [wanted = host(name)](const MailHost& other) { return other == wanted; };
  }
  MessageId message() {
    clock_.advance(1ms);
    now_ = clock_.utc_now();
    return MessageId::make(now_, *random_);
  }

  std::unique_ptr<Random> random_ = make_seeded_random(3);
  fakes::FakeClock clock_;
  UtcTime now_ = clock_.utc_now();
  int wakes_ = 0;
  WaitingLine line_{queue::SchedulerLimits{.total = 4}, clock_, [this] { ++wakes_; }};
};

TEST_F(WaitingLineTest, gives_what_is_due_once) {
  const DeliveryKey key{message(), host("b.example")};
  line_.add(key, {now_ + 5s});
  EXPECT_EQ(take(now_), std::nullopt);
  EXPECT_EQ(line_.next_due(), now_ + 5s);
  EXPECT_EQ(take(now_ + 5s), key);
  EXPECT_EQ(take(now_ + 5s), std::nullopt);
  EXPECT_EQ(line_.next_due(), std::nullopt);
}

TEST_F(WaitingLineTest, pitfall_90_it_notices_by_itself_that_the_clock_was_set_back) {
  const UtcTime now = clock_.utc_now();
  const DeliveryKey before{message(), host("b.example")};
  const DeliveryKey after{message(), host("c.example")};
  line_.add(before, {now + 5min});
  clock_.set_forward(-2h);
  // What is added first already counts by the new clock.
  line_.add(after, {now - 2h + 5min});
  EXPECT_EQ(line_.set_back_when_written(before), 0ms);
  EXPECT_EQ(line_.set_back_when_written(after), 2h);
  EXPECT_EQ(take(now - 2h + 5min - 1ms), std::nullopt);
  EXPECT_NE(take(now - 2h + 5min), std::nullopt);
  EXPECT_NE(take(now - 2h + 5min), std::nullopt);
}

TEST_F(WaitingLineTest, pitfall_90_small_corrections_of_the_clock_add_up) {
  const UtcTime now = clock_.utc_now();
  line_.add({message(), host("b.example")}, {now + 5min});
  for (int i = 0; i < 10; ++i) {
    clock_.set_forward(-400ms);
    EXPECT_LE(*line_.next_due(), clock_.utc_now() + 5min + 1s);
  }
  EXPECT_GE(*line_.next_due(), clock_.utc_now() + 5min - 1s);
}

TEST_F(WaitingLineTest, pitfall_90_a_clock_set_forward_moves_nothing) {
  const UtcTime now = clock_.utc_now();
  line_.add({message(), host("b.example")}, {now + 5min});
  clock_.set_forward(2h);
  EXPECT_EQ(line_.next_due(), now + 5min);
  EXPECT_EQ(line_.set_back_so_far(), 0ms);
}

TEST_F(WaitingLineTest, whatever_may_become_due_wakes) {
  const DeliveryKey key{message(), host("b.example")};
  line_.add(key, {now_ + 5s});
  EXPECT_EQ(wakes_, 1);
  EXPECT_TRUE(take(now_ + 5s).has_value());
  EXPECT_EQ(wakes_, 1) << "taking makes nothing due";
  line_.put_back(key, {now_ + 5s}, Ending::answered);
  EXPECT_EQ(wakes_, 2);
  EXPECT_TRUE(line_.claim(key));
  EXPECT_EQ(wakes_, 2);
  line_.remove_running(key, Ending::answered, FreedRoom::announced);
  EXPECT_EQ(wakes_, 3) << "a slot is free";
}

TEST_F(WaitingLineTest, who_sees_to_it_himself_is_not_woken) {
  const DeliveryKey key{message(), host("b.example")};
  ASSERT_EQ(line_.add_accepted({{{key, {now_}}}}).size(), 1U);
  EXPECT_EQ(wakes_, 0);
  line_.remove_running(key, Ending::answered, FreedRoom::used);
  EXPECT_EQ(wakes_, 0);
  ASSERT_TRUE(line_.add_accepted({{{key, {now_ + 5s}}}}).empty());
  EXPECT_EQ(wakes_, 1) << "it is for the loop";
}

TEST_F(WaitingLineTest, a_freed_slot_lets_the_next_one_in) {
  const MessageId id = message();
  for (const char* name : {"a.example", "b.example", "c.example", "d.example", "e.example"})
    line_.add({id, host(name)}, {now_});
  std::vector<DeliveryKey> taken;
  while (const auto key = take(now_))
    taken.push_back(*key);
  ASSERT_EQ(taken.size(), 4U);
  line_.remove_running(taken.front(), Ending::answered, FreedRoom::announced);
  EXPECT_TRUE(take(now_).has_value());
}

TEST_F(WaitingLineTest, whoever_gives_way_wakes_and_is_taken_again) {
  const DeliveryKey key{message(), host("b.example")};
  line_.add(key, {now_});
  ASSERT_EQ(take(now_), key);
  wakes_ = 0;
  line_.give_way(key);
  EXPECT_EQ(wakes_, 1);
  ASSERT_EQ(take(now_), key);
  EXPECT_TRUE(line_.begin(key));
  EXPECT_EQ(wakes_, 1) << "to begin makes nothing due";
}

TEST_F(WaitingLineTest, siblings_are_the_deliveries_of_one_message) {
  const MessageId id = message();
  const DeliveryKey first{id, host("a.example")};
  const DeliveryKey second{id, host("b.example")};
  const DeliveryKey other{message(), host("a.example")};
  for (const DeliveryKey& key : {first, second, other})
    line_.add(key, {now_});
  EXPECT_EQ(line_.siblings(first), Siblings::some);
  EXPECT_EQ(line_.siblings(other), Siblings::none);
  while (take(now_)) {
  }
  EXPECT_EQ(line_.siblings(first), Siblings::some) << "running ones are alive";
  EXPECT_EQ(line_.remove_running(first, Ending::answered, FreedRoom::announced), Siblings::some);
  EXPECT_EQ(line_.siblings(second), Siblings::none);
  EXPECT_EQ(line_.remove_running(second, Ending::answered, FreedRoom::announced), Siblings::none);
  EXPECT_THAT(line_.keys(), ElementsAre(other));
}

TEST_F(WaitingLineTest, put_back_keeps_it_alive) {
  const DeliveryKey key{message(), host("a.example")};
  line_.add(key, {now_});
  ASSERT_TRUE(take(now_).has_value());
  line_.put_back(key, {now_ + 60s}, Ending::answered);
  EXPECT_EQ(line_.depth().running, 0U);
  EXPECT_EQ(line_.depth().messages, 1U);
  EXPECT_EQ(take(now_ + 59s), std::nullopt);
  EXPECT_EQ(take(now_ + 60s), key);
}

TEST_F(WaitingLineTest, pitfall_83_set_aside_frees_the_slot_and_pins_the_message) {
  const MessageId id = message();
  const DeliveryKey broken{id, host("a.example")};
  const DeliveryKey sibling{id, host("b.example")};
  line_.add(broken, {now_});
  line_.add(sibling, {now_ + 1s});
  ASSERT_EQ(take(now_), broken);
  const int before = wakes_;
  line_.set_aside(broken);
  EXPECT_EQ(wakes_, before + 1) << "a slot is free";
  EXPECT_EQ(line_.depth().running, 0U);
  EXPECT_THAT(line_.keys(), ElementsAre(sibling));
  EXPECT_EQ(line_.siblings(sibling), Siblings::some);
  ASSERT_EQ(take(now_ + 1s), sibling);
  EXPECT_EQ(line_.remove_running(sibling, Ending::answered, FreedRoom::announced), Siblings::some);
  EXPECT_EQ(line_.depth().messages, 0U);
}

TEST_F(WaitingLineTest, pitfall_83_a_message_pinned_at_the_start_is_never_done) {
  const DeliveryKey key{message(), host("a.example")};
  line_.pin(key.message);
  line_.add(key, {now_});
  EXPECT_EQ(line_.siblings(key), Siblings::some);
  ASSERT_TRUE(take(now_).has_value());
  EXPECT_EQ(line_.remove_running(key, Ending::answered, FreedRoom::announced), Siblings::some);
}

TEST_F(WaitingLineTest, claim_takes_it_before_its_time_and_only_once) {
  const DeliveryKey key{message(), host("a.example")};
  EXPECT_FALSE(line_.claim(key));
  line_.add(key, {now_ + 3600s});
  EXPECT_TRUE(line_.claim(key));
  EXPECT_FALSE(line_.claim(key));
  EXPECT_EQ(take(now_ + 3600s), std::nullopt);
  EXPECT_EQ(line_.depth().running, 1U);
  EXPECT_EQ(line_.remove_running(key, Ending::answered, FreedRoom::announced), Siblings::none);
  EXPECT_EQ(line_.depth().messages, 0U);
}

TEST_F(WaitingLineTest, keys_stand_by_age_whatever_the_order_they_came_in) {
  const DeliveryKey older{message(), host("a.example")};
  const DeliveryKey newer{message(), host("a.example")};
  line_.add(newer, {now_});
  line_.add(older, {now_});
  EXPECT_THAT(line_.keys(), ElementsAre(older, newer));
  EXPECT_THAT(line_.keys_of(newer.message), ElementsAre(newer));
  EXPECT_THAT(line_.keys_of(message()), IsEmpty());
}

TEST_F(WaitingLineTest, depth_and_load_count_queued_and_running) {
  const MessageId id = message();
  line_.add({id, host("a.example")}, {now_});
  line_.add({id, host("b.example")}, {now_ + 1s});
  ASSERT_TRUE(take(now_).has_value());
  EXPECT_EQ(line_.depth().messages, 1U);
  EXPECT_EQ(line_.depth().deliveries, 2U);
  EXPECT_EQ(line_.depth().running, 1U);
  const auto running = line_.load(host("a.example"));
  ASSERT_TRUE(running.has_value());
  EXPECT_EQ(running->running, 1U);
  EXPECT_EQ(running->queued, 0U);
  const auto queued = line_.load(host("b.example"));
  ASSERT_TRUE(queued.has_value());
  EXPECT_EQ(queued->queued, 1U);
  EXPECT_FALSE(line_.load(host("c.example")).has_value());
}

TEST_F(WaitingLineTest, what_waits_for_one_destination_can_be_hastened) {
  const DeliveryKey late{message(), host("b.example")};
  const DeliveryKey early{message(), host("b.example")};
  const DeliveryKey other{message(), host("c.example")};
  line_.add(late, {now_ + 1h});
  line_.add(early, {now_ - 5s});
  line_.add(other, {now_ + 1h});
  const int wakes = wakes_;
  line_.hasten(is("b.example"), now_);
  EXPECT_EQ(wakes_, wakes + 1);
  EXPECT_EQ(take(now_), early) << "what was due before stays first";
  EXPECT_EQ(take(now_), late);
  EXPECT_EQ(take(now_), std::nullopt);
  EXPECT_EQ(line_.next_due(), now_ + 1h);
  line_.hasten(is("b.example"), now_);  // both are running
  line_.hasten(is("d.example"), now_);  // nobody knows it
  line_.remove_running(early, Ending::answered, FreedRoom::announced);
  line_.put_back(late, {now_ + 2h}, Ending::answered);
  EXPECT_EQ(take(now_), std::nullopt);
  EXPECT_EQ(take(now_ + 1h), other);
  EXPECT_EQ(take(now_ + 2h), late);
}

}  // namespace
}  // namespace fulmar::delivery
