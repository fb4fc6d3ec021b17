// What operators do to deliveries: hold, release, retry, bounce, suspend and resume. Removal stands
// in courier_attempt_test.cc.
#include <gmock/gmock.h>

#include "queue/backoff.h"
#include "queue/codec.h"
#include "tests/mta/delivery/courier_world.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;
using resolver::RecordType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CourierOperators : public CourierWorld {
 protected:
  CourierOperators() {
    for (const char* name : {"a.example", "b.example", "c.example"})
      resolver_.fail(name, RecordType::mx, Errc::dns_servfail);
  }

  static queue::DeliveryKey key(const MessageId& id, std::string_view name = "b.example") {
    return {id, domain(name)};
  }
  using Wish = boost::asio::awaitable<Result<Changed>> (Courier::*)(queue::DeliveryKey);
  Result<Changed> wish(Wish what, const MessageId& id) {
    EXPECT_TRUE(line_.claim(key(id)));
    return run((courier_.*what)(key(id)));
  }
  Result<Changed> bounce(const MessageId& id, std::string reason = "we do not serve them") {
    EXPECT_TRUE(line_.claim(key(id)));
    return run(courier_.bounce(key(id), std::move(reason)));
  }
  Suspension suspend(std::string_view name, std::chrono::milliseconds time) {
    const UtcTime now = clock_.utc_now();
    Suspension suspension{.domain = conf::DomainPattern::parse(name).value(),
                          .since = now,
                          .until = now + time,
                          .reason = "internal matters"};
    EXPECT_TRUE(run(suspensions_.suspend(suspension)).has_value());
    return suspension;
  }
  void resume(std::string_view name) {
    const auto pattern = conf::DomainPattern::parse(name).value();
    EXPECT_TRUE(run(suspensions_.resume(pattern, clock_.utc_now())).has_value());
    line_.hasten([&](const MailHost& host) { return pattern.matches(host); }, clock_.utc_now());
  }
  /// As the intake hands it over.
  void keep_copy(const MessageId& id) {
    for (const queue::Message& message : store_.memory().messages()) {
      if (message.id == id)
        first_copies_.keep(message, {*delivery_of(id, "b.example")},
                           std::make_shared<const queue::BodyChunks>(1, "body"));
    }
  }
  /// Lets time pass as it would: whatever is due on the way is done when it is due.
  void pass(std::chrono::milliseconds time) {
    const UtcTime end = clock_.utc_now() + time;
    for (auto due = line_.next_due(); due && *due <= end; due = line_.next_due()) {
      clock_.advance(std::max(0ms, *due - clock_.utc_now()));
      ASSERT_TRUE(step());
      ASSERT_LT(++steps_, 1000U) << "a tight loop";
    }
    clock_.advance(end - clock_.utc_now());
  }
  std::size_t asked(const std::string& name) {
    return static_cast<std::size_t>(std::ranges::count(journal_, "ask " + name));
  }

  intake::LogLines log_;
  std::size_t steps_ = 0;
};

// Hold and release.

TEST_F(CourierOperators, a_held_delivery_costs_nothing_and_never_ends) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  EXPECT_EQ(wish(&Courier::hold, id), Changed::yes);
  EXPECT_EQ(line_.next_due(), queue::kNever);
  store_.memory().lose_power();
  EXPECT_TRUE(delivery_of(id, "b.example")->held) << "it is safe";
  pass(24h * 30);
  EXPECT_EQ(steps_, 0U);
  EXPECT_EQ(asked("b.example"), 0U);
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_TRUE(has_message(id));
}

TEST_F(CourierOperators, after_a_restart_a_held_delivery_is_looked_at_and_left_alone) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  ASSERT_EQ(wish(&Courier::hold, id), Changed::yes);
  ASSERT_TRUE(line_.claim(key(id)));
  run(courier_.run({.key = key(id), .has_room = true}));
  EXPECT_EQ(asked("b.example"), 0U);
  EXPECT_EQ(line_.next_due(), queue::kNever);
}

TEST_F(CourierOperators, the_copy_of_a_first_attempt_does_not_outlive_a_hold) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  keep_copy(id);
  ASSERT_EQ(wish(&Courier::hold, id), Changed::yes);
  EXPECT_EQ(first_copies_.octets(), 0U);
  ASSERT_TRUE(line_.claim(key(id)));
  run(courier_.run({.key = key(id), .has_room = true}));
  EXPECT_EQ(asked("b.example"), 0U);
}

TEST_F(CourierOperators, a_released_delivery_is_due_at_once) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  ASSERT_EQ(wish(&Courier::hold, id), Changed::yes);
  pass(24h);
  EXPECT_EQ(wish(&Courier::release, id), Changed::yes);
  EXPECT_EQ(line_.next_due(), clock_.utc_now());
  ASSERT_TRUE(step());
  EXPECT_EQ(asked("b.example"), 1U);
  EXPECT_EQ(delivery_of(id, "b.example")->attempts, 1U);
}

TEST_F(CourierOperators, what_is_so_already_is_no_change) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  EXPECT_EQ(wish(&Courier::release, id), Changed::no);
  ASSERT_EQ(wish(&Courier::hold, id), Changed::yes);
  journal_.clear();
  EXPECT_EQ(wish(&Courier::hold, id), Changed::no);
  EXPECT_EQ(wish(&Courier::retry, id), Changed::no) << "held ones stay held";
  EXPECT_THAT(journal_, IsEmpty());
  EXPECT_EQ(line_.next_due(), queue::kNever);
}

TEST_F(CourierOperators, retry_is_due_now) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  ASSERT_TRUE(step());
  ASSERT_GT(*line_.next_due(), clock_.utc_now());
  journal_.clear();
  EXPECT_EQ(wish(&Courier::retry, id), Changed::yes);
  EXPECT_THAT(journal_, ElementsAre("relaxed: put b.example")) << "nobody waits for a sync";
  EXPECT_EQ(line_.next_due(), clock_.utc_now());
  ASSERT_TRUE(step());
  EXPECT_EQ(asked("b.example"), 1U);
}

TEST_F(CourierOperators, a_wish_that_cannot_be_stored_changes_nothing) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  ASSERT_TRUE(step());
  for (const Wish what : {&Courier::retry, &Courier::hold}) {
    store_.memory().fail_writes(Errc::store_failed);
    EXPECT_EQ(wish(what, id).error().code, Errc::store_failed);
    store_.memory().heal();
    store_.memory().fail_reads(Errc::store_failed);
    EXPECT_EQ(wish(what, id).error().code, Errc::store_failed);
    store_.memory().heal();
  }
  EXPECT_FALSE(delivery_of(id, "b.example")->held);
  run_due();
  EXPECT_EQ(asked("b.example"), 1U);
  EXPECT_EQ(line_.depth().running, 0U);
}

// Bounce.

TEST_F(CourierOperators, bounce_tells_the_sender_who_ended_it_and_why) {
  const MessageId id = accept("me@a.example", {"one@b.example", "two@b.example"});
  keep_copy(id);
  journal_.clear();
  EXPECT_EQ(bounce(id), Changed::yes);
  EXPECT_THAT(journal_, ElementsAre("commit: remove b.example, remove message, put chunk, "
                                    "put message, put a.example"));
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(first_copies_.octets(), 0U);
  ASSERT_EQ(notices().size(), 1U);
  const std::string notice = notices().front();
  EXPECT_THAT(notice, HasSubstr("Our operator has ended the delivery of this message, and gives "
                                "this reason: we do not serve them"));
  EXPECT_THAT(notice, HasSubstr("Status: 5.7.0"));
  EXPECT_THAT(notice, HasSubstr("x-fulmar; operator: we do not serve them"));
  EXPECT_THAT(notice, HasSubstr("rfc822; one@b.example"));
  EXPECT_THAT(notice, HasSubstr("rfc822; two@b.example"));
  EXPECT_THAT(notice, Not(HasSubstr("time limit"))) << "it has not run out";
  EXPECT_THAT(notice, Not(HasSubstr("Last-Attempt-Date"))) << "there was none";
  EXPECT_EQ(log_.count("dsn=5.7.0, status=bounced (ended by the operator: we do not serve them)"),
            2U);
  EXPECT_EQ(metrics_.recipients_bounced.value(), 2U);
  EXPECT_EQ(asked("b.example"), 0U);
}

TEST_F(CourierOperators, bounce_takes_a_host_neither_for_the_cause_nor_for_a_witness) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  ASSERT_TRUE(step());
  ASSERT_EQ(bounce(id), Changed::yes);
  const std::string notice = notices().front();
  EXPECT_THAT(notice, Not(HasSubstr("Remote-MTA")));
  EXPECT_THAT(notice, HasSubstr("This was decided by our server."));
  EXPECT_THAT(notice, HasSubstr("Last-Attempt-Date"));
}

TEST_F(CourierOperators, SMTP_14_pitfall_101_bounce_tells_nobody_behind_the_null_sender) {
  const MessageId id = accept("", {"you@b.example"});
  EXPECT_EQ(bounce(id), Changed::yes);
  EXPECT_THAT(store_.memory().messages(), IsEmpty());
  EXPECT_EQ(line_.depth().deliveries, 0U);
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
}

TEST_F(CourierOperators, bounce_leaves_the_body_to_the_siblings) {
  const MessageId id = accept("me@a.example", {"you@b.example", "you@c.example"});
  EXPECT_EQ(bounce(id), Changed::yes);
  EXPECT_TRUE(has_message(id));
  EXPECT_TRUE(delivery_of(id, "c.example").has_value());
}

TEST_F(CourierOperators, bounce_of_a_held_delivery_ends_it) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  ASSERT_EQ(wish(&Courier::hold, id), Changed::yes);
  EXPECT_EQ(bounce(id), Changed::yes);
  EXPECT_FALSE(has_message(id));
}

TEST_F(CourierOperators, bounce_is_not_begun_while_the_spool_is_in_trouble) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  store_.memory().fail_next_commit(Errc::store_failed);
  ASSERT_FALSE(wish(&Courier::hold, id));
  EXPECT_EQ(bounce(id).error().code, Errc::store_failed);
  EXPECT_TRUE(has_message(id));
  EXPECT_EQ(line_.depth().running, 0U);
}

// Suspended destinations.

TEST_F(CourierOperators, nothing_is_attempted_at_a_suspended_destination_nor_written) {
  const MessageId id = accept("me@a.example", {"you@b.example", "you@c.example"});
  const Suspension suspension = suspend("b.example", 1h);
  journal_.clear();
  run_due();
  EXPECT_EQ(asked("b.example"), 0U);
  EXPECT_EQ(asked("c.example"), 1U) << "others go on";
  EXPECT_THAT(journal_, Not(testing::Contains(HasSubstr("put b.example"))));
  pass(1h - 1ms);
  EXPECT_EQ(asked("b.example"), 0U);
  pass(6min + 1ms);
  EXPECT_EQ(asked("b.example"), 1U) << "soon after its end";
  EXPECT_EQ(delivery_of(id, "b.example")->attempts, 1U);
}

TEST_F(CourierOperators, a_first_copy_of_a_suspended_delivery_is_read_again_later) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  keep_copy(id);
  suspend("b.example", 1h);
  ASSERT_TRUE(step());
  EXPECT_EQ(asked("b.example"), 0U);
  pass(2h);
  EXPECT_EQ(asked("b.example"), delivery_of(id, "b.example")->attempts);
  EXPECT_GE(asked("b.example"), 1U);
}

TEST_F(CourierOperators, a_retry_does_not_break_a_suspension) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  suspend("b.example", 1h);
  ASSERT_EQ(wish(&Courier::retry, id), Changed::yes);
  run_due();
  EXPECT_EQ(asked("b.example"), 0U);
}

TEST_F(CourierOperators, resume_lets_go_what_waited_and_leaves_the_schedule_of_the_rest) {
  const MessageId tried = accept("me@a.example", {"you@b.example"});
  ASSERT_TRUE(step());
  const UtcTime own = delivery_of(tried, "b.example")->next_attempt;
  suspend("b.example", 1h);
  const MessageId fresh = accept("me@a.example", {"you@b.example"});
  run_due();
  pass(1min);
  ASSERT_LT(clock_.utc_now(), own);
  resume("b.example");
  run_due();
  EXPECT_EQ(delivery_of(fresh, "b.example")->attempts, 1U);
  EXPECT_EQ(delivery_of(tried, "b.example")->attempts, 1U) << "its own time has not come";
  pass(10min);
  EXPECT_EQ(delivery_of(tried, "b.example")->attempts, 2U);
}

TEST_F(CourierOperators, pitfall_84_expiry_is_on_time_though_suspended_and_names_the_operator) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  suspend("b.example", 24h * 30);
  pass(5 * 24h - 1s);
  EXPECT_TRUE(has_message(id));
  pass(2s);
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(asked("b.example"), 0U) << "no last attempt";
  EXPECT_EQ(metrics_.recipients_bounced.value(), 1U);
  const auto all = notices();
  ASSERT_FALSE(all.empty());
  EXPECT_THAT(all.back(), HasSubstr("Action: failed"));
  EXPECT_THAT(all.back(), HasSubstr("Our operator has suspended the sending of mail to b.example"));
  EXPECT_THAT(all.back(), HasSubstr("Time limit reached"));
  EXPECT_THAT(all.back(), HasSubstr("Status: 5.3.2"));
  EXPECT_THAT(all.back(), HasSubstr("suspended by the operator until"));
  EXPECT_THAT(all.back(), Not(HasSubstr("internal matters"))) << "not for senders";
  EXPECT_THAT(all.back(), Not(HasSubstr("Last-Attempt-Date")));
  EXPECT_EQ(log_.count("status=bounced (time limit reached; last cause: suspended by the operator"),
            1U);
}

TEST_F(CourierOperators, pitfall_84_an_earlier_cause_stays_the_cause) {
  accept("me@a.example", {"you@b.example"});
  ASSERT_TRUE(step());
  suspend("b.example", 24h * 30);
  pass(5 * 24h + 1s);
  EXPECT_EQ(asked("b.example"), 1U);
  ASSERT_FALSE(notices().empty());
  EXPECT_THAT(notices().back(), HasSubstr("Status: 5.4.3"));
}

TEST_F(CourierOperators, the_notice_of_delay_is_on_time_though_nothing_was_tried_yet) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  const Suspension suspension = suspend("b.example", 24h);
  pass(4h - 1s);
  EXPECT_THAT(notices(), IsEmpty());
  pass(2s);
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Action: delayed"));
  EXPECT_THAT(notices().front(), HasSubstr("Status: 4.3.2"));
  EXPECT_THAT(notices().front(), HasSubstr("Next attempt: " + to_iso8601(suspension.until)));
  pass(18h);
  EXPECT_EQ(metrics_.notices_sent.value(), 1U) << "once";
  EXPECT_EQ(delivery_of(id, "b.example")->attempts, 0U);
  resume("b.example");
  run_due();
  EXPECT_EQ(delivery_of(id, "b.example")->attempts, 1U);
}

TEST_F(CourierOperators, pitfall_84_many_that_waited_come_back_spread) {
  suspend("b.example", 1h);
  for (int i = 0; i < 20; ++i)
    accept("me@a.example", {"you@b.example"});
  run_due();
  pass(1h);
  EXPECT_LE(asked("b.example"), 2U);
  pass(3min);
  EXPECT_GT(asked("b.example"), 4U);
  EXPECT_LT(asked("b.example"), 16U);
}

// What cannot be read.

TEST_F(CourierOperators, pitfall_83_a_record_set_aside_at_run_time_is_named) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  store_.memory().put_row(queue::Column::deliveries, queue::delivery_key(id, domain("b.example")),
                          "garbage");
  ASSERT_TRUE(step());
  ASSERT_EQ(quarantine_.count(), 1U);
  EXPECT_EQ(quarantine_.list().front().key, id.str() + " b.example");
  EXPECT_EQ(quarantine_.list().front().why.code, Errc::corrupt);
}

}  // namespace
}  // namespace fulmar::delivery
