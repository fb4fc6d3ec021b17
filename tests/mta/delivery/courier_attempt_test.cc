// One due delivery, from the line to the spool: the order of writes, and who keeps what when
// something of ours fails.
#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "mta/delivery/record.h"
#include "queue/backoff.h"
#include "queue/codec.h"
#include "tests/fakes/recover_all.h"
#include "tests/mta/delivery/courier_world.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;
using resolver::RecordType;
using resolver::Security;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class CourierAttempt : public CourierWorld {
 protected:
  CourierAttempt() {
    // The sender's own domain cannot be reached, so that notices stay where they can be read.
    resolver_.fail("a.example", RecordType::mx, Errc::dns_servfail);
    resolver_.fail("b.example", RecordType::mx, Errc::dns_servfail);
  }
  intake::LogLines log_;
};

// Bounces.

TEST_F(CourierAttempt, SMTP_08_a_missing_domain_bounces_with_its_notice_in_one_batch) {
  const MessageId id = accept("me@a.example", {"you@nowhere.example"});
  ASSERT_TRUE(step());
  EXPECT_THAT(journal_,
              ElementsAre("relaxed: put nowhere.example", "ask nowhere.example",
                          "commit: remove nowhere.example, remove message, put chunk, put message, "
                          "put a.example"));
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(store_.memory().body(id), "");
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Status: 5.1.2"));
  EXPECT_THAT(notices().front(), HasSubstr("Subject: to the harbour"));
  EXPECT_EQ(metrics_.notices_sent.value(), 1U);
  EXPECT_EQ(metrics_.recipients_bounced.value(), 1U);
  EXPECT_EQ(log_.count("dsn=5.1.2, status=bounced"), 1U);
  EXPECT_EQ(log_.count(id.str() + ": removed"), 1U);
}

TEST_F(CourierAttempt, the_notice_is_due_at_once_to_the_senders_domain) {
  accept("me@a.example", {"you@nowhere.example"});
  ASSERT_TRUE(step());
  ASSERT_EQ(line_.keys().size(), 1U);
  EXPECT_EQ(line_.keys().front().destination, MailHost(domain("a.example")));
  EXPECT_EQ(line_.next_due(), clock_.utc_now());
}

TEST_F(CourierAttempt, recipients_of_one_destination_share_a_notice) {
  accept("me@a.example", {"one@nowhere.example", "two@nowhere.example"});
  ASSERT_TRUE(step());
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("rfc822; one@nowhere.example"));
  EXPECT_THAT(notices().front(), HasSubstr("rfc822; two@nowhere.example"));
  EXPECT_EQ(metrics_.recipients_bounced.value(), 2U);
}

TEST_F(CourierAttempt, NMX_01_a_null_mx_bounces_with_its_own_status) {
  resolver_.add_mx("full.example", 0, ".");
  accept("me@a.example", {"you@full.example"});
  ASSERT_TRUE(step());
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Status: 5.1.10"));
}

TEST_F(CourierAttempt, pitfall_52_a_destination_at_our_own_loopback_bounces) {
  add_site("self.example", Security::insecure);
  accept("me@a.example", {"you@self.example"});
  ASSERT_TRUE(step());
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), HasSubstr("Status: 5.4.6"));
}

TEST_F(CourierAttempt, SMTP_14_pitfall_101_the_null_sender_gets_no_notice) {
  const MessageId id = accept("", {"you@nowhere.example"});
  ASSERT_TRUE(step());
  EXPECT_THAT(store_.memory().messages(), IsEmpty());
  EXPECT_THAT(store_.memory().deliveries(), IsEmpty());
  EXPECT_EQ(store_.memory().row_count(queue::Column::bodies), 0U);
  EXPECT_EQ(line_.depth().messages, 0U);
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
  EXPECT_EQ(log_.count("null reverse-path"), 1U) << "what nobody is told goes to the log";
  EXPECT_EQ(log_.count(id.str() + ": removed"), 1U);
}

TEST_F(CourierAttempt, SMTP_14_pitfall_101_a_notice_that_bounces_ends_there) {
  accept("me@nowhere.example", {"you@nowhere.example"});
  EXPECT_EQ(run_due(), 2U);
  EXPECT_THAT(store_.memory().messages(), IsEmpty());
  EXPECT_EQ(line_.depth().deliveries, 0U);
  EXPECT_EQ(metrics_.notices_sent.value(), 1U);
}

// Deferrals.

TEST_F(CourierAttempt, DANE_06_failed_mx_lookups_wait) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  const UtcTime now = clock_.utc_now();
  ASSERT_TRUE(step());
  EXPECT_THAT(journal_,
              ElementsAre("relaxed: put b.example", "ask b.example", "relaxed: put b.example"));
  const auto delivery = delivery_of(id, "b.example");
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->attempts, 1U);
  EXPECT_GE(delivery->next_attempt, now + 270s);
  EXPECT_LE(delivery->next_attempt, now + 330s);
  ASSERT_EQ(delivery->recipients.size(), 1U);
  ASSERT_TRUE(delivery->recipients.front().last_failure.has_value());
  EXPECT_EQ(to_string(delivery->recipients.front().last_failure->status), "4.4.3");
  EXPECT_EQ(delivery->recipients.front().last_host, "");
  ASSERT_EQ(delivery->history.size(), 1U);
  EXPECT_EQ(delivery->history.front().at, now);
  EXPECT_THAT(delivery->history.front().decision, HasSubstr("dns-servfail"));
  EXPECT_EQ(line_.next_due(), delivery->next_attempt);
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(metrics_.recipients_deferred.value(), 1U);
  EXPECT_EQ(log_.count("relay=none"), 1U);
  EXPECT_EQ(log_.count("dsn=4.4.3, status=deferred"), 1U);
  EXPECT_EQ(store_.memory().body(id), "Subject: to the harbour\r\n\r\nhello\r\n");
}

constexpr auto kIntake = queue::Origin::intake;

TEST_F(CourierAttempt, a_first_attempt_right_after_acceptance_reads_and_notes_nothing) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  const auto delivery = delivery_of(id, "b.example");
  ASSERT_TRUE(delivery.has_value());
  first_copies_.keep(
      store_.memory().messages().front(), {*delivery},
      std::make_shared<const queue::BodyChunks>(1, "Subject: to the harbour\r\n\r\nhello\r\n"));
  store_.memory().fail_reads(Errc::store_failed);
  ASSERT_TRUE(line_.claim({id, domain("b.example")}));
  run(courier_.run({.key = {id, domain("b.example")}, .has_room = true, .origin = kIntake}));
  store_.memory().heal();
  EXPECT_THAT(journal_, ElementsAre("ask b.example", "relaxed: put b.example"));
  const auto after = delivery_of(id, "b.example");
  EXPECT_EQ(after->attempts, 1U);
  EXPECT_THAT(after->history, SizeIs(1));
  EXPECT_GT(after->next_attempt, clock_.utc_now());
}

TEST_F(CourierAttempt, a_first_attempt_whose_copy_was_forgotten_is_not_noted_either) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  const queue::DeliveryKey key{id, domain("b.example")};
  ASSERT_TRUE(line_.claim(key));
  run(courier_.run({.key = key, .has_room = true, .origin = kIntake}));
  EXPECT_THAT(journal_, ElementsAre("ask b.example", "relaxed: put b.example"));
}

TEST_F(CourierAttempt, the_next_attempts_time_is_stored_before_the_attempt) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  std::optional<queue::Delivery> during;
  resolver_.at_next_mx([&] { during = delivery_of(id, "b.example"); });
  ASSERT_TRUE(step());
  ASSERT_TRUE(during.has_value());
  EXPECT_EQ(during->attempts, 1U);
  EXPECT_GT(during->next_attempt, clock_.utc_now());
  // The attempt is on record before it ends, so that a crash cannot make the last one endless.
  EXPECT_THAT(during->history, SizeIs(1));
  const auto after = delivery_of(id, "b.example");
  ASSERT_TRUE(after.has_value());
  EXPECT_GE(after->next_attempt, during->next_attempt);
}

TEST_F(CourierAttempt, intervals_grow_and_eight_attempts_are_remembered) {
  const MessageId id = accept("", {"you@b.example"});
  for (std::uint32_t attempt = 1; attempt <= 10; ++attempt) {
    ASSERT_TRUE(step());
    const auto delivery = delivery_of(id, "b.example");
    ASSERT_TRUE(delivery.has_value());
    const auto wait = delivery->next_attempt - clock_.utc_now();
    const auto interval = retry_.intervals[std::min<std::size_t>(attempt, 7) - 1];
    EXPECT_GE(wait, interval * 9 / 10);
    EXPECT_LE(wait, interval * 11 / 10);
    EXPECT_EQ(delivery->attempts, attempt);
    EXPECT_EQ(delivery->history.size(), std::min<std::size_t>(attempt, queue::kMaxAttemptsKept));
    EXPECT_EQ(delivery->history.back().at, clock_.utc_now()) << "the newest is the last";
    clock_.advance(wait - 1ms);
    EXPECT_FALSE(step());
    clock_.advance(1ms);
  }
}

TEST_F(CourierAttempt, failing_since_is_the_first_attempt_of_one_class_in_a_row) {
  const MessageId id = accept("", {"you@b.example"});
  const auto failing_since = [&] {
    EXPECT_TRUE(step());
    const auto delivery = delivery_of(id, "b.example");
    clock_.advance(delivery->next_attempt - clock_.utc_now());
    return delivery->recipients.front().failing_since;
  };
  const UtcTime first = clock_.utc_now();
  EXPECT_EQ(failing_since(), first);
  resolver_.fail("b.example", RecordType::mx, Errc::dns_timeout);
  EXPECT_EQ(failing_since(), first) << "the same key of [failure]";
  resolver_.forget("b.example");
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_a("mx1.b.example", {"127.77.0.1"});
  const UtcTime third = clock_.utc_now();
  EXPECT_EQ(failing_since(), third);
}

TEST_F(CourierAttempt, hosts_that_cannot_be_reached_wait) {
  resolver_.add_mx("c.example", 10, "mx1.c.example");
  resolver_.add_a("mx1.c.example", {"127.77.0.1", "127.77.0.2"});
  const MessageId id = accept("me@a.example", {"you@c.example"});
  ASSERT_TRUE(step());
  const auto delivery = delivery_of(id, "c.example");
  ASSERT_TRUE(delivery.has_value());
  ASSERT_TRUE(delivery->recipients.front().last_failure.has_value());
  EXPECT_EQ(to_string(delivery->recipients.front().last_failure->code), "connect-failed");
  EXPECT_THAT(delivery->history.front().decision, HasSubstr("127.77.0.1"));
  EXPECT_THAT(delivery->history.front().decision, HasSubstr("127.77.0.2"));
}

TEST_F(CourierAttempt, each_attempt_tries_four_addresses_of_a_host_in_turn) {
  resolver_.add_mx("c.example", 10, "mx1.c.example");
  for (int address = 1; address <= 6; ++address)
    resolver_.add_a("mx1.c.example", {"127.77.0." + std::to_string(address)});
  const MessageId id = accept("", {"you@c.example"});
  const std::vector<Strings> want = {{"127.77.0.1", "127.77.0.2", "127.77.0.3", "127.77.0.4"},
                                     {"127.77.0.5", "127.77.0.6", "127.77.0.1", "127.77.0.2"},
                                     {"127.77.0.3", "127.77.0.4", "127.77.0.5", "127.77.0.6"}};
  for (const Strings& addresses : want) {
    ASSERT_TRUE(step());
    const auto delivery = delivery_of(id, "c.example");
    ASSERT_TRUE(delivery.has_value());
    const auto record = boost::json::parse(delivery->history.back().decision);
    Strings tried;
    for (const auto& connection : record.at("hosts").at(0).at("connections").as_array())
      tried.emplace_back(connection.at("address").as_string());
    EXPECT_EQ(tried, addresses);
    clock_.advance(delivery->next_attempt - clock_.utc_now());
  }
}

// No place for a connection.

class CourierWithoutPlace : public CourierAttempt {
 protected:
  CourierWithoutPlace() {
    resolver_.add_mx("c.example", 10, "mx1.c.example");
    resolver_.add_a("mx1.c.example", {"127.77.0.1", "127.77.0.2"});
    for (const char* name : {"x.example", "y.example"}) {
      const queue::DeliveryKey key{MessageId::make(clock_.utc_now(), *random_), domain(name)};
      line_.add(key, {clock_.utc_now() - 1h});
      EXPECT_EQ(line_.take()->key, key);
      others_.push_back(key);
    }
    clock_.advance(1s);  // they are slow, so that others may try
  }
  /// As many as may run at once have begun, and this one is taken.
  queue::Scheduler::Taken take_last() {
    const auto taken = line_.take().value();
    for (const queue::DeliveryKey& key : others_)
      EXPECT_TRUE(line_.begin(key));
    return taken;
  }
  void end_others() {
    for (const queue::DeliveryKey& key : others_)
      line_.remove_running(key, queue::Ending::answered, WaitingLine::FreedRoom::announced);
    others_.clear();
  }
  [[nodiscard]] std::string record_of(const MessageId& id) {
    return queue::encode(delivery_of(id, "c.example").value());
  }

  std::vector<queue::DeliveryKey> others_;
};

TEST_F(CourierWithoutPlace, pitfall_82_the_record_is_as_it_was_and_the_delivery_due_as_before) {
  const MessageId id = accept("me@a.example", {"you@c.example"});
  const std::string before = record_of(id);
  run(courier_.run(take_last()));
  EXPECT_THAT(journal_,
              ElementsAre("relaxed: put c.example", "ask c.example", "relaxed: put c.example"));
  EXPECT_EQ(record_of(id), before);
  EXPECT_EQ(line_.depth().running, 2U);
  EXPECT_FALSE(step()) << "nothing spins";
  EXPECT_EQ(log_.count("status="), 0U);
  EXPECT_EQ(metrics_.recipients_deferred.value(), 0U);
  EXPECT_EQ(unreachable_.size(), 0U);
  end_others();
  EXPECT_EQ(line_.next_due(), delivery_of(id, "c.example")->next_attempt);
  ASSERT_TRUE(step());
  EXPECT_EQ(delivery_of(id, "c.example")->attempts, 1U);
  EXPECT_EQ(log_.count("status=deferred"), 1U);
}

TEST_F(CourierWithoutPlace, pitfall_82_a_full_history_is_as_it_was_too) {
  const MessageId id = accept("me@a.example", {"you@c.example"});
  queue::Delivery delivery = delivery_of(id, "c.example").value();
  delivery.attempts = 20;
  for (int i = 0; i < static_cast<int>(queue::kMaxAttemptsKept); ++i)
    delivery.history.push_back({.at = delivery.arrived + i * 1ms, .decision = "{}"});
  ASSERT_TRUE(run(store_.memory().commit({queue::PutDelivery{delivery}})).has_value());
  clock_.advance(1s);
  run(courier_.run(take_last()));
  EXPECT_EQ(delivery_of(id, "c.example")->attempts, 20U);
  EXPECT_EQ(record_of(id), queue::encode(delivery));
}

TEST_F(CourierWithoutPlace, pitfall_82_a_first_attempt_writes_nothing_and_is_still_the_first) {
  const MessageId id = accept("me@a.example", {"you@c.example"});
  ASSERT_TRUE(line_.claim({id, domain("c.example")}));
  line_.remove_running({id, domain("c.example")}, queue::Ending::untried,
                       WaitingLine::FreedRoom::announced);
  line_.add({id, domain("c.example")}, {clock_.utc_now()}, kIntake);
  const std::string before = record_of(id);
  run(courier_.run(take_last()));
  EXPECT_THAT(journal_, ElementsAre("ask c.example"));
  EXPECT_EQ(record_of(id), before);
  end_others();
  ASSERT_TRUE(step());
  EXPECT_THAT(journal_, ElementsAre("ask c.example", "ask c.example", "relaxed: put c.example"));
}

TEST_F(CourierWithoutPlace, pitfall_82_the_last_attempt_is_still_owed) {
  const MessageId id = accept("", {"you@c.example"});
  queue::Delivery delivery = delivery_of(id, "c.example").value();
  delivery.attempts = 1;
  delivery.history.push_back({.at = delivery.arrived, .decision = "{}"});
  ASSERT_TRUE(run(store_.memory().commit({queue::PutDelivery{delivery}})).has_value());
  clock_.advance(retry_.give_up_after);
  run(courier_.run(take_last()));
  EXPECT_TRUE(has_message(id));
  end_others();
  EXPECT_EQ(run_due(), 2U) << "the attempt, then the end";
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(log_.count("status=deferred"), 1U);
}

TEST_F(CourierWithoutPlace, pitfall_82_a_note_that_cannot_be_taken_back_counts) {
  const MessageId id = accept("me@a.example", {"you@c.example"});
  resolver_.at_next_mx([&] { store_.memory().fail_writes(Errc::store_failed); });
  run(courier_.run(take_last()));
  store_.memory().heal();
  const auto noted = delivery_of(id, "c.example");
  EXPECT_EQ(noted->attempts, 1U);
  EXPECT_EQ(log_.count("attempt that was not made is counted"), 1U);
  end_others();
  EXPECT_EQ(line_.next_due(), noted->next_attempt);
}

TEST_F(CourierWithoutPlace, pitfall_82_what_needs_no_connection_needs_no_place) {
  const MessageId id = accept("", {"you@nowhere.example"});
  run(courier_.run(take_last()));
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(log_.count("status=bounced"), 1U);
}

// Our own spool fails.

TEST_F(CourierAttempt, an_attempt_that_cannot_be_noted_is_put_off) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  store_.memory().fail_writes(Errc::store_full);
  ASSERT_TRUE(step());
  EXPECT_THAT(resolver_.queries(), IsEmpty());
  EXPECT_EQ(line_.next_due(), clock_.utc_now() + 60s);
  store_.memory().heal();
  EXPECT_EQ(delivery_of(id, "b.example")->attempts, 0U);
  clock_.advance(60s);
  ASSERT_TRUE(step());
  EXPECT_EQ(delivery_of(id, "b.example")->attempts, 1U);
}

TEST_F(CourierAttempt, an_outcome_that_cannot_be_stored_leaves_the_old_record) {
  const MessageId id = accept("me@a.example", {"you@nowhere.example"});
  store_.memory().fail_next_commit(Errc::cancelled);
  ASSERT_TRUE(step());
  const auto delivery = delivery_of(id, "nowhere.example");
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->recipients.size(), 1U);
  EXPECT_EQ(delivery->attempts, 1U);
  EXPECT_TRUE(has_message(id));
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
  EXPECT_EQ(log_.count("removed"), 0U);
  EXPECT_EQ(line_.next_due(), delivery->next_attempt);
  EXPECT_EQ(line_.depth().messages, 1U) << "no notice may be in the line that is not in the spool";

  clock_.advance(delivery->next_attempt - clock_.utc_now());
  ASSERT_TRUE(step());
  EXPECT_EQ(notices().size(), 1U);
  EXPECT_FALSE(has_message(id));
}

TEST_F(CourierAttempt, an_outcome_is_written_again_when_the_spool_only_stumbles) {
  const MessageId id = accept("me@a.example", {"you@nowhere.example"});
  store_.memory().fail_next_commit(Errc::store_failed);
  ASSERT_TRUE(step());  // takes the second that the courier pauses
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(notices().size(), 1U);
  EXPECT_EQ(metrics_.notices_sent.value(), 1U);
  EXPECT_EQ(log_.count("outcome cannot be stored"), 1U);
}

TEST_F(CourierAttempt, a_spool_that_cannot_be_read_now_is_asked_again) {
  const MessageId id = accept("me@a.example", {"you@nowhere.example"});
  store_.memory().fail_reads(Errc::store_failed);
  ASSERT_TRUE(step());
  EXPECT_EQ(line_.next_due(), clock_.utc_now() + 60s);
  EXPECT_EQ(line_.depth().running, 0U);
  store_.memory().heal();
  clock_.advance(60s);
  ASSERT_TRUE(step());
  EXPECT_FALSE(has_message(id));
}

TEST_F(CourierAttempt, the_end_of_the_program_is_no_error) {
  accept("me@a.example", {"you@b.example"});
  store_.memory().close();
  ASSERT_TRUE(step());
  EXPECT_EQ(log_.count("cannot be read"), 0U);
}

TEST_F(CourierAttempt, pitfall_83_an_unreadable_record_frees_its_slot_and_stays) {
  std::vector<MessageId> broken;
  for (int i = 0; i < 2; ++i) {  // as many as may run at once
    broken.push_back(accept("me@a.example", {"you@b.example"}));
    store_.memory().put_row(queue::Column::deliveries,
                            queue::delivery_key(broken.back(), domain("b.example")), "garbage");
  }
  const MessageId good = accept("me@a.example", {"you@nowhere.example"});
  EXPECT_GE(run_due(), 3U);
  EXPECT_FALSE(has_message(good));
  EXPECT_EQ(line_.depth().running, 0U);
  EXPECT_EQ(log_.count("queued delivery cannot be read"), 2U);
  for (const MessageId& id : broken) {
    EXPECT_EQ(run(store_.memory().read_delivery(id, domain("b.example"))).error().code,
              Errc::corrupt);
    EXPECT_TRUE(has_message(id)) << "an operator may still mend the record";
  }
}

TEST_F(CourierAttempt, pitfall_83_a_set_aside_delivery_keeps_its_message_when_its_sibling_ends) {
  const MessageId id = accept("me@a.example", {"you@nowhere.example", "they@b.example"});
  store_.memory().put_row(queue::Column::deliveries, queue::delivery_key(id, domain("b.example")),
                          "garbage");
  EXPECT_GE(run_due(), 2U);
  EXPECT_FALSE(delivery_of(id, "nowhere.example").has_value());
  EXPECT_TRUE(has_message(id)) << "recovery keeps it too: an operator may still mend the record";
  EXPECT_EQ(store_.memory().body(id), "Subject: to the harbour\r\n\r\nhello\r\n");
}

TEST_F(CourierAttempt, pitfall_83_a_missing_envelope_frees_the_slot) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  run(store_.memory().commit({queue::RemoveMessage{id, 2}}));
  ASSERT_TRUE(step());
  EXPECT_EQ(line_.depth().deliveries, 0U);
  EXPECT_EQ(log_.count("queued delivery cannot be read"), 1U);
}

// Several destinations of one message.

TEST_F(CourierAttempt, the_body_goes_with_the_last_destination_in_either_order) {
  for (const bool backwards : {false, true}) {
    const MessageId id = accept("", {"you@one.example", "you@two.example"});
    const queue::DeliveryKey first{id, domain(backwards ? "two.example" : "one.example")};
    const queue::DeliveryKey second{id, domain(backwards ? "one.example" : "two.example")};
    ASSERT_TRUE(line_.claim(first));
    run(courier_.run({first, true}));
    EXPECT_EQ(store_.memory().body(id), "Subject: to the harbour\r\n\r\nhello\r\n");
    EXPECT_EQ(journal_.back(), "commit: remove " + to_string(first.destination));
    EXPECT_EQ(log_.count(id.str() + ": removed"), 0U);
    ASSERT_TRUE(line_.claim(second));
    run(courier_.run({second, true}));
    EXPECT_EQ(journal_.back(),
              "commit: remove " + to_string(second.destination) + ", remove message");
    EXPECT_FALSE(has_message(id));
    EXPECT_EQ(store_.memory().row_count(queue::Column::bodies), 0U);
    EXPECT_EQ(log_.count(id.str() + ": removed"), 1U);
  }
}

TEST_F(CourierAttempt, the_body_goes_too_when_both_end_at_the_same_moment) {
  const MessageId id = accept("", {"you@one.example", "you@two.example"});
  const queue::DeliveryKey first{id, domain("one.example")};
  const queue::DeliveryKey second{id, domain("two.example")};
  ASSERT_TRUE(line_.claim(first));
  ASSERT_TRUE(line_.claim(second));
  store_.before_next_commit([&] { run(courier_.run({second, true})); });
  run(courier_.run({first, true}));
  EXPECT_EQ(journal_.back(), "soon: remove message");
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(store_.memory().row_count(queue::Column::bodies), 0U);
  EXPECT_EQ(log_.count(id.str() + ": removed"), 1U);
}

TEST_F(CourierAttempt, one_destination_waits_while_another_bounces) {
  const MessageId id = accept("me@a.example", {"you@b.example", "you@nowhere.example"});
  ASSERT_TRUE(step());
  ASSERT_TRUE(step());
  EXPECT_TRUE(delivery_of(id, "b.example").has_value());
  EXPECT_FALSE(delivery_of(id, "nowhere.example").has_value());
  EXPECT_TRUE(has_message(id));
  clock_.advance(NoticeDesk::kGather);
  run(notice_desk_.tell_due());
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_THAT(notices().front(), Not(HasSubstr("you@b.example")));
}

// Operators.

TEST_F(CourierAttempt, remove_takes_the_message_without_a_notice) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  const queue::DeliveryKey key{id, domain("b.example")};
  ASSERT_TRUE(line_.claim(key));
  EXPECT_TRUE(run(courier_.remove(key)).has_value());
  EXPECT_THAT(journal_, ElementsAre("commit: remove b.example, remove message"));
  EXPECT_FALSE(has_message(id));
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(line_.depth().messages, 0U);
  EXPECT_EQ(log_.count(id.str() + ": removed"), 1U);
}

TEST_F(CourierAttempt, remove_leaves_the_body_to_the_siblings) {
  const MessageId id = accept("me@a.example", {"you@b.example", "you@c.example"});
  const queue::DeliveryKey key{id, domain("b.example")};
  ASSERT_TRUE(line_.claim(key));
  EXPECT_TRUE(run(courier_.remove(key)).has_value());
  EXPECT_TRUE(has_message(id));
  EXPECT_EQ(line_.keys_of(id).size(), 1U);
}

TEST_F(CourierAttempt, remove_that_fails_puts_the_delivery_back) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  const queue::DeliveryKey key{id, domain("b.example")};
  ASSERT_TRUE(line_.claim(key));
  store_.memory().fail_next_commit(Errc::store_failed);
  const auto removed = run(courier_.remove(key));
  ASSERT_FALSE(removed.has_value());
  EXPECT_EQ(removed.error().code, Errc::store_failed);
  EXPECT_TRUE(delivery_of(id, "b.example").has_value());
  EXPECT_EQ(line_.depth().running, 0U);
  EXPECT_EQ(line_.depth().deliveries, 1U);
}

TEST_F(CourierAttempt, remove_takes_the_body_when_the_sibling_ends_at_the_same_moment) {
  const MessageId id = accept("", {"you@one.example", "you@two.example"});
  const queue::DeliveryKey removed{id, domain("one.example")};
  const queue::DeliveryKey bounced{id, domain("two.example")};
  ASSERT_TRUE(line_.claim(removed));
  ASSERT_TRUE(line_.claim(bounced));
  store_.before_next_commit([&] { run(courier_.run({bounced, true})); });
  EXPECT_TRUE(run(courier_.remove(removed)).has_value());
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(store_.memory().row_count(queue::Column::bodies), 0U);
}

// Crashes.

TEST_F(CourierAttempt, a_crash_during_an_attempt_does_not_become_a_tight_loop) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  queue::RecoveredAll found;
  resolver_.at_next_mx([&] { found = run(queue::recover_all(store_.memory())).value(); });
  ASSERT_TRUE(step());
  ASSERT_EQ(found.deliveries.size(), 1U);
  const UtcTime again = queue::times_of(found.deliveries.front(), retry_, notify_,
                                        queue::Notifiable::yes, clock_.utc_now(), clock_.utc_now())
                            .attempt;
  EXPECT_GE(again, clock_.utc_now() + 270s);
  EXPECT_EQ(found.deliveries.front().message, id);
}

TEST_F(CourierAttempt, a_crash_during_the_last_attempt_does_not_become_a_tight_loop) {
  const MessageId id = accept("", {"you@b.example"});
  ASSERT_TRUE(step());
  clock_.advance(retry_.give_up_after + 1s);
  std::optional<queue::Delivery> during;
  resolver_.at_next_mx([&] { during = delivery_of(id, "b.example"); });
  ASSERT_TRUE(step());
  ASSERT_TRUE(during.has_value());
  // What the next process finds when this one is killed here.
  EXPECT_NE(queue::what_is_due(*during, clock_.utc_now(), retry_, notify_, queue::Notifiable::no,
                               queue::Room::yes, clock_.utc_now()),
            queue::Due::attempt);
}

TEST_F(CourierAttempt, redteam_52_of_an_attempt_that_the_program_died_in_nothing_is_certain) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  ASSERT_TRUE(step());
  EXPECT_EQ(delivery_of(id, "b.example")->recipients[0].given, queue::GivenSoFar{});
  clock_.advance(retry_.intervals.front() * 2);
  queue::GivenSoFar during;
  resolver_.at_next_mx([&] { during = delivery_of(id, "b.example")->recipients[0].given; });
  ASSERT_TRUE(step());
  EXPECT_EQ(during, queue::GivenSoFar{.latest = queue::Given::unknown});
  EXPECT_EQ(delivery_of(id, "b.example")->recipients[0].given, queue::GivenSoFar{});
}

TEST_F(CourierAttempt, a_power_cut_before_the_outcome_loses_nothing) {
  const MessageId id = accept("me@a.example", {"you@nowhere.example"});
  store_.memory().fail_next_commit(Errc::cancelled);
  ASSERT_TRUE(step());
  store_.memory().lose_power();
  const auto found = run(queue::recover_all(store_.memory())).value();
  ASSERT_EQ(found.deliveries.size(), 1U);
  EXPECT_EQ(found.deliveries.front().recipients.size(), 1U);
  EXPECT_EQ(store_.memory().body(id), "Subject: to the harbour\r\n\r\nhello\r\n");
}

TEST_F(CourierAttempt, a_power_cut_after_the_outcome_finds_the_notice_and_not_the_message) {
  const MessageId id = accept("me@a.example", {"you@nowhere.example"});
  ASSERT_TRUE(step());
  store_.memory().lose_power();
  const auto found = run(queue::recover_all(store_.memory())).value();
  EXPECT_EQ(found.orphans_removed, 0U);
  EXPECT_THAT(found.set_aside, IsEmpty());
  ASSERT_EQ(found.deliveries.size(), 1U);
  EXPECT_NE(found.deliveries.front().message, id);
  EXPECT_EQ(notices().size(), 1U);
}

}  // namespace
}  // namespace fulmar::delivery
