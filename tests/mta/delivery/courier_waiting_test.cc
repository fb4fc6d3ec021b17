// What is owed to the sender while a delivery waits, and how waiting ends.
#include <gmock/gmock.h>

#include "tests/mta/delivery/courier_world.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;
using resolver::RecordType;
using resolver::Security;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Source = tls::StsLookup::Source;

class CourierWaiting : public CourierWorld {
 protected:
  CourierWaiting() {
    resolver_.fail("a.example", RecordType::mx, Errc::dns_servfail);
    resolver_.fail("slow.example", RecordType::mx, Errc::dns_servfail);
    add_site("sts.example", Security::insecure);
    sts_.set("sts.example", make_lookup(make_policy(tls::StsMode::enforce, {"other.example"})));
    add_site("dane.example", Security::secure);
    resolver_.fail("_25._tcp.mx1.dane.example", RecordType::tlsa, Errc::dns_servfail);
  }

  static tls::StsLookup lists_the_host(Source source) {
    return make_lookup(make_policy(tls::StsMode::enforce, {"mx1.sts.example"}), source);
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

// Clocks that are set.

TEST_F(CourierWaiting, pitfall_90_a_clock_set_back_delays_neither_attempts_nor_notices_nor_expiry) {
  const MessageId id = accept("me@a.example", {"you@slow.example"});
  for (const auto step : {2h, 1h, 2h, 48h, 2h}) {
    pass(1h - 1s);
    const auto waits = *line_.next_due() - clock_.utc_now();
    clock_.set_forward(-step);
    EXPECT_EQ(*line_.next_due() - clock_.utc_now(), waits);
    pass(1s);
  }
  EXPECT_EQ(metrics_.notices_sent.value(), 1U) << "of delay, after four hours";
  pass(115h - 1s);
  EXPECT_TRUE(has_message(id));
  EXPECT_EQ(metrics_.recipients_bounced.value(), 0U);
  EXPECT_GE(asked("slow.example"), 30U);
  EXPECT_LE(asked("slow.example"), 45U);
  pass(2s);
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(metrics_.recipients_bounced.value(), 1U);
}

TEST_F(CourierWaiting, pitfall_90_a_clock_set_back_during_an_attempt_does_not_put_off_the_next) {
  const MessageId id = accept("", {"you@slow.example"});
  resolver_.at_next_mx([&] { clock_.set_forward(-2h); });
  ASSERT_TRUE(step());
  const auto first = *line_.next_due() - clock_.utc_now();
  EXPECT_GE(first, 270s);
  EXPECT_LE(first, 330s);
  pass(330s);
  EXPECT_EQ(asked("slow.example"), 2U);
  EXPECT_EQ(delivery_of(id, "slow.example")->arrived, clock_.utc_now() - 330s);
  pass(5 * 24h - 330s - 1s);
  EXPECT_TRUE(has_message(id));
  pass(2s);
  EXPECT_FALSE(has_message(id));
}

TEST_F(CourierWaiting, pitfall_90_what_was_read_in_vain_is_not_moved_twice) {
  const MessageId id = accept("", {"you@slow.example"});
  const queue::DeliveryKey key{id, domain("slow.example")};
  ASSERT_TRUE(step());
  pass(4min);
  clock_.set_forward(-2h);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(line_.claim(key));
    run(courier_.run({.key = key, .has_room = true}));
  }
  EXPECT_EQ(asked("slow.example"), 1U);
  EXPECT_GE(*line_.next_due() - clock_.utc_now(), 30s);
  EXPECT_LE(*line_.next_due() - clock_.utc_now(), 90s);
  ASSERT_TRUE(line_.claim(key));
  ASSERT_TRUE(run(courier_.hold(key)).has_value());
  ASSERT_TRUE(line_.claim(key));
  ASSERT_TRUE(run(courier_.release(key)).has_value());
  EXPECT_EQ(delivery_of(id, "slow.example")->arrived, clock_.utc_now() - 4min);
  pass(5 * 24h - 4min - 1s);
  EXPECT_TRUE(has_message(id));
  pass(2s);
  EXPECT_FALSE(has_message(id));
}

TEST_F(CourierWaiting, pitfall_90_a_record_from_the_future_is_tried_now_and_then_as_ever) {
  // Accepted, or tried, before a stop during which the clock was set back.
  for (const bool tried : {false, true}) {
    const std::size_t before = asked("slow.example");
    clock_.set_forward(2h);
    const MessageId id = accept("", {"you@slow.example"});
    if (tried) {
      ASSERT_TRUE(step());
    }
    const queue::DeliveryKey key{id, domain("slow.example")};
    ASSERT_TRUE(line_.claim(key));
    line_.remove_running(key, queue::Ending::untried, WaitingLine::FreedRoom::announced);
    clock_.set_forward(-2h);
    line_.add(key, {clock_.utc_now()});
    EXPECT_EQ(run_due(), 1U);
    EXPECT_EQ(asked("slow.example"), before + (tried ? 2 : 1));
    EXPECT_EQ(delivery_of(id, "slow.example")->arrived, clock_.utc_now());
    ASSERT_TRUE(line_.claim(key));
    line_.remove_running(key, queue::Ending::untried, WaitingLine::FreedRoom::announced);
  }
}

// Notices of delay.

TEST_F(CourierWaiting,
       an_ordinary_delay_is_announced_after_four_hours_and_again_after_one_day_and_three) {
  const MessageId id = accept("me@a.example", {"you@slow.example"});
  pass(4h - 1s);
  EXPECT_THAT(notices(), IsEmpty());
  pass(2s);
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Action: delayed"));
  EXPECT_THAT(notices().front(), HasSubstr("Status: 4.4.3"));
  EXPECT_THAT(notices().front(), HasSubstr("Will-Retry-Until:"));
  EXPECT_EQ(delivery_of(id, "slow.example")->delay_notices, 1U);
  pass(20h - 3s);
  EXPECT_EQ(metrics_.notices_sent.value(), 1U);
  pass(3s);
  EXPECT_EQ(metrics_.notices_sent.value(), 2U);
  pass(2 * 24h - 2s);
  EXPECT_EQ(metrics_.notices_sent.value(), 2U);
  pass(3s);
  EXPECT_EQ(metrics_.notices_sent.value(), 3U);
  pass(2 * 24h - 10s);
  EXPECT_EQ(metrics_.notices_sent.value(), 3U);
  EXPECT_TRUE(has_message(id));
}

TEST_F(CourierWaiting, the_delay_and_its_notice_are_one_batch) {
  accept("me@a.example", {"you@slow.example"});
  pass(4h - 1s);
  journal_.clear();
  clock_.advance(1s);
  ASSERT_TRUE(step());
  EXPECT_THAT(journal_, ElementsAre("commit: put slow.example, put chunk, put message, "
                                    "put a.example"));
}

TEST_F(CourierWaiting, a_delay_notice_that_cannot_be_stored_is_sent_later) {
  const MessageId id = accept("me@a.example", {"you@slow.example"});
  pass(4h - 1s);
  clock_.advance(1s);
  store_.memory().fail_next_commit(Errc::cancelled);
  ASSERT_TRUE(step());
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
  EXPECT_EQ(delivery_of(id, "slow.example")->delay_notices, 0U);
  EXPECT_EQ(line_.depth().running, 0U);
  pass(4h);
  EXPECT_EQ(notices().size(), 1U);
}

struct Owed {
  std::string name;
  std::string destination;
  std::string status;
  std::string published;  ///< What the recipient's side says.
  std::string found;      ///< What there was instead.
};
class CourierOwed : public CourierWaiting, public ::testing::WithParamInterface<Owed> {};

TEST_P(CourierOwed, a_delay_for_security_is_announced_early_with_both_sides) {
  const Owed& row = GetParam();
  accept("me@a.example", {"you@" + row.destination});
  pass(15min - 1s);
  EXPECT_THAT(notices(), IsEmpty());
  pass(2s);
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Status: 4." + row.status));
  EXPECT_THAT(notices().front(), HasSubstr(row.published));
  EXPECT_THAT(notices().front(), HasSubstr(row.found));
  pass(24h - 15min - 2s);
  EXPECT_EQ(metrics_.notices_sent.value(), 1U);
  pass(2s);
  EXPECT_EQ(metrics_.notices_sent.value(), 2U) << "repeated";
}

TEST_P(CourierOwed, DANE_53_STS_33_nothing_but_the_time_limit_ends_it) {
  const Owed& row = GetParam();
  const MessageId id = accept("me@a.example", {"you@" + row.destination});
  pass(5 * 24h - 1s);
  EXPECT_TRUE(delivery_of(id, row.destination).has_value());
  EXPECT_EQ(metrics_.recipients_bounced.value(), 0U);
  pass(2s);
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(metrics_.recipients_bounced.value(), 1U);
  EXPECT_THAT(notices(), Contains(HasSubstr("Status: 5." + row.status)));
}

INSTANTIATE_TEST_SUITE_P(
    table, CourierOwed,
    ::testing::Values(Owed{"sts", "sts.example", "7.5", "hosts allowed: other.example",
                           "MX host mx1.sts.example is not listed"},
                      Owed{"dane", "dane.example", "7.5", "TLSA: lookup-failed",
                           "TLSA _25._tcp.mx1.dane.example"}),
    [](const auto& test) { return test.param.name; });

TEST_F(CourierWaiting, SMTP_14_pitfall_101_the_null_sender_is_never_told) {
  accept("", {"you@slow.example", "you@sts.example"});
  pass(5 * 24h + 1s);
  EXPECT_THAT(store_.memory().messages(), IsEmpty());
  EXPECT_EQ(line_.depth().messages, 0U);
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
  EXPECT_EQ(metrics_.recipients_bounced.value(), 2U);
}

// The end of waiting.

TEST_F(CourierWaiting, pitfall_104_expiry_bounces_with_the_last_cause) {
  const MessageId id = accept("me@a.example", {"you@slow.example"});
  ASSERT_TRUE(step());
  clock_.advance(5 * 24h);
  ASSERT_TRUE(step());
  EXPECT_EQ(asked("slow.example"), 2U) << "one last attempt";
  EXPECT_THAT(notices(), IsEmpty());
  journal_.clear();
  ASSERT_TRUE(step());
  EXPECT_THAT(journal_, ElementsAre("commit: remove slow.example, remove message, put chunk, "
                                    "put message, put a.example"))
      << "no attempt any more";
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Action: failed"));
  EXPECT_THAT(notices().front(), HasSubstr("Status: 5.4.3"));
  EXPECT_THAT(notices().front(), HasSubstr("time limit reached"));
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(log_.count("dsn=5.4.3, status=bounced (time limit reached"), 1U);
}

TEST_F(CourierWaiting, a_delivery_never_tried_is_tried_once_however_late) {
  const MessageId id = accept("me@a.example", {"you@slow.example"});
  clock_.advance(6 * 24h);
  ASSERT_TRUE(step());
  EXPECT_EQ(asked("slow.example"), 1U);
  EXPECT_TRUE(has_message(id));
  ASSERT_TRUE(step());
  EXPECT_EQ(asked("slow.example"), 1U);
  EXPECT_FALSE(has_message(id));
}

TEST_F(CourierWaiting, attempts_whose_outcome_was_lost_still_end) {
  const MessageId id = accept("me@a.example", {"you@slow.example"});
  store_.memory().fail_write(2, Errc::cancelled);  // after the note of the attempt
  ASSERT_TRUE(step());
  clock_.advance(5 * 24h);
  run_due();
  EXPECT_FALSE(has_message(id));
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Action: failed"));
}

TEST_F(CourierWaiting, an_expiry_that_cannot_be_stored_is_repeated) {
  const MessageId id = accept("me@a.example", {"you@slow.example"});
  ASSERT_TRUE(step());
  clock_.advance(5 * 24h);
  ASSERT_TRUE(step());
  store_.memory().fail_next_commit(Errc::cancelled);
  ASSERT_TRUE(step());
  EXPECT_EQ(delivery_of(id, "slow.example")->recipients.size(), 1U);
  EXPECT_THAT(notices(), IsEmpty());
  ASSERT_EQ(line_.depth().deliveries, 1U);
  pass(1h);
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(notices().size(), 1U);
}

// MTA-STS is looked up afresh before it counts.

TEST_F(CourierWaiting, STS_34_an_attempt_rechecks_once_and_goes_by_the_new_policy) {
  sts_.set_fresh("sts.example", lists_the_host(Source::fetched));
  const MessageId id = accept("me@a.example", {"you@sts.example"});
  ASSERT_TRUE(step());
  EXPECT_EQ(std::ranges::count(sts_.calls(), "recheck sts.example"), 1);
  EXPECT_FALSE(has_message(id)) << "with the new policy only the address guard is in the way";
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Status: 5.4.6"));
}

TEST_F(CourierWaiting, STS_34_an_unchanged_policy_bounces_at_the_limit) {
  const MessageId id = accept("me@a.example", {"you@sts.example"});
  ASSERT_TRUE(step());
  const auto rechecks = std::ranges::count(sts_.calls(), "recheck sts.example");
  clock_.advance(5 * 24h);
  ASSERT_TRUE(step());
  EXPECT_GT(std::ranges::count(sts_.calls(), "recheck sts.example"), rechecks);
  run_due();
  EXPECT_FALSE(has_message(id));
  ASSERT_FALSE(notices().empty());
  EXPECT_THAT(notices(), Contains(HasSubstr("Status: 5.7.5")));
}

TEST_F(CourierWaiting, STS_34_a_changed_policy_gets_one_more_attempt_at_the_limit) {
  const MessageId id = accept("me@a.example", {"you@sts.example"});
  ASSERT_TRUE(step());
  ASSERT_TRUE(has_message(id));
  sts_.set_fresh("sts.example", lists_the_host(Source::fetched));
  sts_.set("sts.example", lists_the_host(Source::fetched));
  clock_.advance(5 * 24h);
  run_due();
  EXPECT_FALSE(has_message(id));
  EXPECT_THAT(notices(), Contains(HasSubstr("Status: 5.4.6"))) << "the new policy's finding";
}

TEST_F(CourierWaiting, STS_34_a_policy_that_another_message_brought_counts_as_changed) {
  const MessageId id = accept("me@a.example", {"you@sts.example"});
  ASSERT_TRUE(step());
  ASSERT_TRUE(has_message(id));
  // Fetched for somebody else since our last attempt, and rechecked just now.
  sts_.set("sts.example", lists_the_host(Source::cached));
  clock_.advance(5 * 24h);
  run_due();
  EXPECT_FALSE(has_message(id));
  EXPECT_THAT(notices(), Contains(HasSubstr("Status: 5.4.6"))) << "the new policy's finding";
}

TEST_F(CourierWaiting, STS_34_a_policy_fetched_at_each_lookup_does_not_keep_mail_for_ever) {
  // max_age 0: used when fetched, never remembered.
  sts_.set("sts.example",
           make_lookup(make_policy(tls::StsMode::enforce, {"other.example"}), Source::fetched));
  const MessageId id = accept("me@a.example", {"you@sts.example"});
  ASSERT_TRUE(step());
  clock_.advance(5 * 24h);
  const std::size_t before = asked("sts.example");
  EXPECT_LT(run_due(), 10U);
  EXPECT_FALSE(has_message(id));
  EXPECT_LE(asked("sts.example"), before + 3) << "one last attempt, and what led to it";
}

// Without room for an attempt.

TEST_F(CourierWaiting, pitfall_84_a_notice_and_the_end_come_in_time_though_there_is_no_room) {
  accept("me@a.example", {"you@slow.example"});
  ASSERT_TRUE(step());
  const queue::DeliveryKey key = line_.keys().front();
  const UtcTime arrived = clock_.utc_now();
  journal_.clear();
  const auto without_room = [&](std::chrono::milliseconds age) {
    clock_.advance(age - (clock_.utc_now() - arrived));
    EXPECT_TRUE(line_.claim(key));
    run(courier_.run({.key = key, .has_room = false}));
  };
  without_room(3h);
  EXPECT_THAT(journal_, IsEmpty());
  without_room(4h);
  EXPECT_THAT(notices(), ElementsAre(HasSubstr("Action: delayed")));
  without_room(5 * 24h + 59min);
  EXPECT_EQ(notices().size(), 1U) << "the last attempt may still find room";
  without_room(5 * 24h + 1h);
  EXPECT_THAT(notices(), Contains(HasSubstr("Action: failed")));
  EXPECT_EQ(asked("mx slow.example"), 0U);
  EXPECT_FALSE(has_message(key.message));
}

// Hosts that cannot be reached.

class CourierUnreachable : public CourierWaiting {
 protected:
  CourierUnreachable() {
    resolver_.add_mx("down.example", 10, "mx1.down.example", Security::insecure);
    resolver_.add_a("mx1.down.example", {"127.77.0.9"}, Security::insecure);  // nobody listens
  }
  std::string cause(const MessageId& id) {
    return delivery_of(id, "down.example")->recipients.front().last_failure->detail;
  }
};

TEST_F(CourierUnreachable, an_address_that_could_not_be_reached_is_left_alone_for_a_while) {
  unreachable_.note_failure(Endpoint::parse("127.77.0.9:25").value(), "cannot connect: timed out");
  clock_.advance(149s);
  const MessageId first = accept("me@a.example", {"you@down.example"});
  ASSERT_TRUE(step());
  EXPECT_THAT(cause(first), AllOf(HasSubstr("not tried: mx1.down.example[127.77.0.9]:25"),
                                  HasSubstr("149 s ago"), HasSubstr("timed out")));
  EXPECT_TRUE(delivery_of(first, "down.example")->recipients.front().one_cause);
  clock_.advance(1s);
  const MessageId second = accept("me@a.example", {"you@down.example"});
  ASSERT_TRUE(step());
  EXPECT_THAT(cause(second), Not(HasSubstr("not tried")));
}

// The source address of these tests cannot be used.
TEST_F(CourierUnreachable, redteam_30_trouble_of_our_own_says_nothing_of_a_host) {
  const MessageId id = accept("me@a.example", {"you@down.example"});
  ASSERT_TRUE(step());
  EXPECT_THAT(cause(id), HasSubstr("cannot use source address"));
  EXPECT_EQ(unreachable_.size(), 0U);
  EXPECT_EQ(delivery_of(id, "down.example")->recipients.front().last_failure->status,
            (EnhancedStatus{4, 3, 0}));
}

TEST_F(CourierUnreachable, what_was_not_tried_is_never_final_and_the_last_attempt_is_made) {
  const MessageId id = accept("me@a.example", {"you@down.example"});
  pass(5 * 24h - 1s);
  EXPECT_TRUE(delivery_of(id, "down.example").has_value());
  unreachable_.note_failure(Endpoint::parse("127.77.0.9:25").value(), "for another message");
  pass(2s);
  EXPECT_FALSE(has_message(id));
  EXPECT_THAT(notices().back(), Not(HasSubstr("not tried")));
}

}  // namespace
}  // namespace fulmar::delivery
