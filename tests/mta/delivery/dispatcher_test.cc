// The loop that starts what is due. It runs on a context that is polled by hand, so that nothing
// waits for real.
#include "mta/delivery/dispatcher.h"

#include <gmock/gmock.h>

#include <boost/asio/executor_work_guard.hpp>

#include "tests/mta/delivery/courier_world.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::delivery {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using resolver::RecordType;

class DispatcherTest : public CourierWorld {
 protected:
  DispatcherTest() {
    resolver_.fail("b.example", RecordType::mx, Errc::dns_servfail);
    resolver_.fail("c.example", RecordType::mx, Errc::dns_servfail);
  }
  ~DispatcherTest() override {
    dispatcher_.stop();
    poll();
  }

  void start() {
    ended_ = asio::co_spawn(context_of_loop_, dispatcher_.run(), asio::use_future);
    poll();
  }
  /// Everything that can be done without time passing.
  void poll() {
    context_of_loop_.restart();
    context_of_loop_.poll();
  }
  [[nodiscard]] bool has_ended() const { return ended_.wait_for(0s) == std::future_status::ready; }
  std::size_t asked(const std::string& name) {
    return static_cast<std::size_t>(std::ranges::count(journal_, "ask " + name));
  }

  intake::LogLines log_;
  static constexpr auto kLater = 100ms;
  /// Due only then.
  void accept_for_later(const std::string& recipient) {
    for (const queue::Delivery& delivery : store_message("", {recipient}))
      line_.add({delivery.message, delivery.destination}, {clock_.utc_now() + kLater});
  }
  void take_and_start(std::string_view destination) {
    const auto taken = line_.take();
    ASSERT_TRUE(taken);
    EXPECT_EQ(to_string(taken->key.destination), destination);
    dispatcher_.start(*taken, context_of_loop_.get_executor());
    poll();
  }
  /// How often it was asked for when that was `wanted`, or when the time is over.
  std::size_t asks_within(std::chrono::seconds limit, const std::string& name, std::size_t wanted) {
    clock_.advance(kLater);
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (asked(name) < wanted && std::chrono::steady_clock::now() < give_up) {
      context_of_loop_.restart();
      context_of_loop_.run_one_for(100ms);
    }
    return asked(name);
  }

  asio::io_context context_of_loop_;
  std::size_t started_ = 0;
  std::function<void()> on_start_ = [] {};
  Dispatcher dispatcher_{line_, courier_, clock_, context_of_loop_.get_executor(), [this] {
                           ++started_;
                           on_start_();
                           return context_of_loop_.get_executor();
                         }};
  std::future<void> ended_;
};

TEST_F(DispatcherTest, pitfall_90_what_expires_by_a_jump_of_the_clock_gets_its_last_attempt) {
  const MessageId id = accept("", {"you@b.example"});
  start();
  ASSERT_EQ(asked("b.example"), 1U);
  clock_.set_forward(6 * 24h);
  dispatcher_.wake();
  poll();
  ASSERT_EQ(asked("b.example"), 2U);
  EXPECT_FALSE(has_message(id));
  const MessageId other = accept("", {"you@c.example"});
  dispatcher_.wake();
  poll();
  ASSERT_EQ(asked("c.example"), 1U);
  clock_.set_forward(6 * 24h);
  courier_.note_gap();
  const queue::DeliveryKey waiting{other, domain("c.example")};
  ASSERT_TRUE(line_.claim(waiting));
  run(courier_.run({.key = waiting, .has_room = false}));
  EXPECT_TRUE(has_message(other)) << "there was no room in this moment only";
}

TEST_F(DispatcherTest, pitfall_90_a_clock_set_back_by_two_hours_makes_nothing_late) {
  accept("", {"you@b.example"});
  start();
  ASSERT_EQ(asked("b.example"), 1U);
  clock_.advance(4min);  // its next attempt is due in a minute, give or take half of one
  clock_.set_forward(-2h);
  dispatcher_.wake();
  poll();
  EXPECT_EQ(asked("b.example"), 1U);
  clock_.advance(90s);
  dispatcher_.wake();
  poll();
  EXPECT_EQ(asked("b.example"), 2U);
  EXPECT_EQ(log_.count("the clock was set back"), 1U);
  EXPECT_EQ(log_.count("seconds=7200"), 1U);
}

TEST_F(DispatcherTest, pitfall_90_a_jump_below_the_lifetime_bounces_nothing) {
  std::vector<MessageId> messages;
  for (int i = 0; i < 20; ++i)
    messages.push_back(accept("", {i % 2 == 0 ? "you@b.example" : "you@c.example"}));
  start();
  for (const auto jump : {1h, 48h}) {
    clock_.set_forward(jump);
    for (int i = 0; i < 20; ++i) {
      dispatcher_.wake();
      poll();
    }
  }
  EXPECT_EQ(asked("b.example") + asked("c.example"), 60U) << "each is tried at once";
  for (const MessageId& id : messages)
    EXPECT_TRUE(has_message(id));
  EXPECT_EQ(metrics_.recipients_bounced.value(), 0U);
}

TEST_F(DispatcherTest, starts_what_is_due_and_leaves_the_rest) {
  const MessageId due = accept("", {"you@b.example"});
  const MessageId later = accept("", {"you@c.example"});
  ASSERT_TRUE(line_.claim({later, domain("c.example")}));
  line_.put_back({later, domain("c.example")}, {clock_.utc_now() + 1h}, queue::Ending::answered);
  start();
  EXPECT_EQ(asked("b.example"), 1U);
  EXPECT_EQ(asked("c.example"), 0U);
  EXPECT_EQ(delivery_of(due, "b.example")->attempts, 1U);
  EXPECT_FALSE(has_ended());
}

TEST_F(DispatcherTest, wake_makes_it_look_again) {
  start();
  accept("", {"you@b.example"});
  poll();
  EXPECT_EQ(started_, 0U) << "nobody told it";
  dispatcher_.wake();
  poll();
  EXPECT_EQ(started_, 1U);
}

TEST_F(DispatcherTest, pitfall_90_it_goes_by_the_clock_when_woken_not_by_its_timer) {
  accept("", {"you@b.example"});
  start();
  EXPECT_EQ(started_, 1U);
  clock_.advance(1h);
  dispatcher_.wake();
  poll();
  EXPECT_EQ(started_, 2U);
}

TEST_F(DispatcherTest, many_wakes_are_one) {
  start();
  accept("", {"you@b.example"});
  for (int i = 0; i < 1000; ++i)
    dispatcher_.wake();
  poll();
  EXPECT_EQ(started_, 1U);
}

TEST_F(DispatcherTest, a_wake_while_it_starts_work_is_not_lost) {
  accept("", {"you@b.example"});
  on_start_ = [this] {
    if (started_ > 1) return;
    // As another thread would, after the loop has looked for the last time.
    asio::post(context_of_loop_, [this] {
      accept("", {"you@c.example"});
      dispatcher_.wake();
    });
  };
  start();
  EXPECT_EQ(asked("c.example"), 1U);
}

TEST_F(DispatcherTest, more_than_may_run_at_once_follow_without_another_wake) {
  for (const char* name : {"b.example", "c.example", "d.example", "e.example"}) {
    resolver_.fail(name, RecordType::mx, Errc::dns_servfail);
    accept("", {std::string("you@") + name});
  }
  start();
  for (const char* name : {"b.example", "c.example", "d.example", "e.example"})
    EXPECT_EQ(asked(name), 1U) << name;
}

TEST_F(DispatcherTest, who_has_ended_one_takes_the_next) {
  accept("", {"you@b.example"});
  accept("", {"you@c.example"});
  on_start_ = [this] { EXPECT_EQ(line_.depth().running, 1U); };
  const auto taken = line_.take();
  ASSERT_TRUE(taken);
  dispatcher_.start(*taken, context_of_loop_.get_executor());
  poll();
  EXPECT_EQ(started_, 0U) << "the loop does not run";
  EXPECT_EQ(asked("b.example"), 1U);
  EXPECT_EQ(asked("c.example"), 1U);
}

TEST_F(DispatcherTest, redteam_33_what_waits_behind_a_full_lane_is_looked_at_in_time) {
  lane_rule_ = {.limit = 1};
  start();
  accept("", {"you@d.example"});
  accept_for_later("you@d.example");
  // The loop sleeps, and would for a minute: it knows nothing of what a full lane holds.
  take_and_start("d.example");
  ASSERT_EQ(asked("d.example"), 1U);
  EXPECT_EQ(asks_within(10s, "d.example", 2), 2U);
}

TEST_F(DispatcherTest, redteam_33_nor_is_it_forgotten_while_another_lane_is_served) {
  lane_rule_ = {.limit = 1};
  start();
  accept("", {"you@d.example"});
  accept_for_later("you@d.example");
  clock_.advance(1ms);
  accept("", {"you@e.example"});
  take_and_start("d.example");
  ASSERT_EQ(asked("e.example"), 1U) << "it took the room";
  EXPECT_EQ(asks_within(10s, "d.example", 2), 2U);
}

TEST_F(DispatcherTest, redteam_32_who_ends_at_once_leaves_the_message_to_its_siblings) {
  std::vector<WaitingLine::Arrival> arrivals;
  for (const queue::Delivery& delivery :
       store_message("me@a.example", {"you@[10.0.0.1]", "you@b.example"}))
    arrivals.push_back({{delivery.message, delivery.destination}, {delivery.next_attempt}});
  const auto taken = line_.add_accepted(arrivals);
  ASSERT_EQ(taken.size(), 2U);
  for (const queue::Scheduler::Taken& each : taken)
    dispatcher_.start(each, context_of_loop_.get_executor());
  poll();
  const MessageId id = arrivals.front().key.message;
  EXPECT_EQ(line_.keys_of(id).size(), 1U) << "the address must not be dialled";
  EXPECT_TRUE(delivery_of(id, "b.example")) << "it waits for its servers";
  EXPECT_TRUE(has_message(id));
}

TEST_F(DispatcherTest, what_is_started_after_the_stop_is_left) {
  const MessageId id = accept("", {"you@b.example"});
  dispatcher_.stop();
  const auto taken = line_.take();
  ASSERT_TRUE(taken);
  dispatcher_.start(*taken, context_of_loop_.get_executor());
  poll();
  EXPECT_EQ(asked("b.example"), 0U);
  EXPECT_TRUE(has_message(id));
}

TEST_F(DispatcherTest, pitfall_82_names_whose_DNS_or_policy_host_never_answers_hold_up_nobody) {
  for (int i = 0; i < 50; ++i) {
    const std::string name = "stalled" + std::to_string(i) + ".example";
    resolver_.add_mx(name, 10, "mx1." + name);
    if (i % 2 == 0) resolver_.stall(domain(name));
    if (i % 2 == 1) sts_.stall(name);
    accept("", {"you@" + name});
  }
  resolver_.add_mx("fast.example", 10, "mx1.fast.example");
  resolver_.add_a("mx1.fast.example", {"127.77.0.1"});
  std::vector<MessageId> fast;
  for (int i = 0; i < 20; ++i)
    fast.push_back(accept("", {"you@fast.example"}));
  start();
  // Two may have connections, so that two more names are looked at in each fifth of a second.
  for (int turn = 0; turn < 50; ++turn) {
    clock_.advance(200ms);
    dispatcher_.wake();
    poll();
  }
  for (const MessageId& id : fast)
    EXPECT_EQ(delivery_of(id, "fast.example")->attempts, 1U);
  EXPECT_EQ(line_.load(domain("fast.example"))->running, 0U);
  EXPECT_EQ(line_.depth().running, 50U) << "all of these are waiting at the same time";
}

TEST_F(DispatcherTest, stop_ends_the_loop_and_nothing_starts_any_more) {
  start();
  dispatcher_.stop();
  poll();
  EXPECT_TRUE(has_ended());
  accept("", {"you@b.example"});
  dispatcher_.wake();
  poll();
  EXPECT_EQ(started_, 0U);
}

TEST_F(DispatcherTest, stop_before_the_start_starts_nothing) {
  accept("", {"you@b.example"});
  dispatcher_.stop();
  start();
  EXPECT_TRUE(has_ended());
  EXPECT_EQ(started_, 0U);
}

TEST_F(DispatcherTest, stop_amid_a_round_ends_the_round) {
  accept("", {"you@b.example"});
  accept("", {"you@c.example"});
  on_start_ = [this] { dispatcher_.stop(); };
  start();
  EXPECT_TRUE(has_ended());
  EXPECT_EQ(started_, 1U);
}

TEST_F(DispatcherTest, join_says_whether_all_deliveries_have_ended) {
  accept("", {"you@b.example"});
  start();
  auto joined = asio::co_spawn(context_of_loop_, dispatcher_.join(0ms), asio::use_future);
  poll();
  ASSERT_EQ(joined.wait_for(0s), std::future_status::ready);
  EXPECT_TRUE(joined.get());
}

}  // namespace
}  // namespace fulmar::delivery
