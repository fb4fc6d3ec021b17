// When senders are told: one notice a message, nothing twice and nothing forgotten.
#include "mta/delivery/notice_desk.h"

#include <gmock/gmock.h>

#include "tests/mta/delivery/courier_world.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

/// Mail to nowhere.example and gone.example fails at once, mail to slow.example waits.
class Desk : public CourierWorld {
 protected:
  Desk() {
    for (const char* name : {"a.example", "slow.example"})
      resolver_.fail(name, resolver::RecordType::mx, Errc::dns_servfail);
  }

  Strings records() {
    Strings keys;
    const auto table = run(store_.read_table(queue::kOwedNotices)).value();
    for (const auto& [key, value] : table)
      keys.push_back(key);
    return keys;
  }
  void pass(std::chrono::milliseconds time) {
    clock_.advance(time);
    run(notice_desk_.tell_due());
  }

  intake::LogLines log_;
};

TEST_F(Desk, DSN_16_deliveries_that_fail_together_share_a_notice) {
  accept("me@a.example", {"x@nowhere.example", "y@gone.example"});
  ASSERT_TRUE(step());
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_THAT(records(), SizeIs(1)) << "safe, while it waits for the other one";
  journal_.clear();
  ASSERT_TRUE(step());
  ASSERT_THAT(journal_, SizeIs(3));
  EXPECT_THAT(journal_[2],
              AllOf(StartsWith("commit: remove "),
                    EndsWith(", remove message, remove record, put chunk, put message, "
                             "put a.example")))
      << "all in one batch";
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], AllOf(HasSubstr("Final-Recipient: rfc822; x@nowhere.example"),
                                  HasSubstr("Final-Recipient: rfc822; y@gone.example")));
  EXPECT_THAT(records(), IsEmpty());
  EXPECT_EQ(metrics_.notices_sent.value(), 1U);
}

TEST_F(Desk, DSN_16_what_fails_first_does_not_wait_long_for_the_others) {
  accept("me@a.example", {"x@nowhere.example", "y@slow.example"});
  while (step()) {
  }
  pass(NoticeDesk::kGather - 1ms);
  EXPECT_THAT(notices(), IsEmpty());
  journal_.clear();
  pass(1ms);
  EXPECT_THAT(journal_,
              ElementsAre("commit: remove record, put chunk, put message, put a.example"));
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], AllOf(HasSubstr("x@nowhere.example"), Not(HasSubstr("y@slow"))));
  EXPECT_EQ(log_.count("sender failed notice: "), 1U);
  pass(1h);
  EXPECT_THAT(notices(), SizeIs(1)) << "once";
}

TEST_F(Desk, messages_do_not_share_a_notice) {
  accept("me@a.example", {"x@nowhere.example", "y@slow.example"});
  accept("me@a.example", {"x@nowhere.example", "y@slow.example"});
  while (step()) {
  }
  pass(NoticeDesk::kGather);
  EXPECT_THAT(notices(), SizeIs(2));
}

TEST_F(Desk, many_messages_are_told_of_by_few_synced_writes) {
  constexpr std::size_t kMany = 150;
  for (std::size_t i = 0; i < kMany; ++i)
    accept("me@a.example", {"x@nowhere.example", "y@slow.example"});
  while (step()) {
  }
  journal_.clear();
  pass(NoticeDesk::kGather);
  EXPECT_THAT(journal_, SizeIs(3)) << "of 64, 64 and 22";
  EXPECT_THAT(notices(), SizeIs(kMany));
  EXPECT_THAT(records(), IsEmpty());
  EXPECT_EQ(notice_desk_.waiting(), 0U);
  EXPECT_EQ(metrics_.notices_sent.value(), kMany);
}

TEST_F(Desk, what_was_owed_when_the_program_ended_is_told_after_the_next_start) {
  accept("me@a.example", {"x@nowhere.example", "y@slow.example"});
  while (step()) {
  }
  NoticeDesk next({store_, report_back_, line_, clock_, *random_, metrics_}, std::nullopt);
  ASSERT_TRUE(run(next.load()).has_value());
  clock_.advance(NoticeDesk::kGather);
  run(next.tell_due());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], HasSubstr("x@nowhere.example"));
  EXPECT_THAT(records(), IsEmpty());

  NoticeDesk after({store_, report_back_, line_, clock_, *random_, metrics_}, std::nullopt);
  ASSERT_TRUE(run(after.load()).has_value());
  clock_.advance(NoticeDesk::kGather);
  run(after.tell_due());
  EXPECT_THAT(notices(), SizeIs(1)) << "never twice";
}

TEST_F(Desk, starts_that_follow_each_other_closely_do_not_put_it_off) {
  accept("me@a.example", {"x@nowhere.example", "y@slow.example"});
  while (step()) {
  }
  for (auto left = NoticeDesk::kGather; left > 4s; left -= 3s) {
    NoticeDesk next({store_, report_back_, line_, clock_, *random_, metrics_}, std::nullopt);
    ASSERT_TRUE(run(next.load()).has_value());
    clock_.advance(3s);
    run(next.tell_due());
    EXPECT_THAT(notices(), IsEmpty());
    EXPECT_EQ(next.waiting(), 1U);
  }
  clock_.advance(4s);
  NoticeDesk last({store_, report_back_, line_, clock_, *random_, metrics_}, std::nullopt);
  ASSERT_TRUE(run(last.load()).has_value());
  run(last.tell_due());
  EXPECT_THAT(notices(), SizeIs(1));
  EXPECT_EQ(last.waiting(), 0U);
}

TEST_F(Desk, a_notice_that_cannot_be_stored_is_told_after_the_next_start) {
  accept("me@a.example", {"x@nowhere.example", "y@slow.example"});
  while (step()) {
  }
  store_.memory().fail_next_commit(Errc::cancelled);
  pass(NoticeDesk::kGather);
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_THAT(records(), SizeIs(1));
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
}

TEST_F(Desk, an_outcome_that_cannot_be_stored_is_not_told) {
  const MessageId id = accept("me@a.example", {"x@nowhere.example", "y@slow.example"});
  store_.before_next_commit([this] { store_.memory().fail_next_commit(Errc::cancelled); });
  while (step()) {
  }
  pass(NoticeDesk::kGather);
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_THAT(records(), IsEmpty());
  EXPECT_TRUE(has_message(id));
}

TEST_F(Desk, without_memory_to_wait_in_it_is_told_at_once) {
  accept("me@a.example", {"x@nowhere.example", "y@slow.example"},
         [](queue::Message& message, queue::Delivery&) {
           message.header = "Subject: " + std::string(NoticeDesk::kMemory, 'x') + "\r\n";
         });
  while (step()) {
  }
  EXPECT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(records(), IsEmpty());
}

TEST_F(Desk, a_record_that_does_not_decode_is_left_where_it_is) {
  const std::string key = MessageId::make(clock_.utc_now(), *random_).str();
  queue::Batch batch{queue::PutRecord{queue::kOwedNotices, key, "garbage"},
                     queue::PutRecord{queue::kOwedNotices, "no id", "garbage"}};
  ASSERT_TRUE(run(store_.commit(std::move(batch))).has_value());
  ASSERT_TRUE(run(notice_desk_.load()).has_value());
  EXPECT_EQ(log_.count("notice that is owed cannot be read"), 2U);
  pass(NoticeDesk::kGather);
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_THAT(records(), SizeIs(2));
}

TEST_F(Desk, delays_that_come_together_are_told_together) {
  const UtcTime start = clock_.utc_now();
  resolver_.fail("late.example", resolver::RecordType::mx, Errc::dns_servfail);
  accept("me@a.example", {"x@late.example", "y@slow.example"});
  while (clock_.utc_now() < start + 4h) {
    clock_.advance(std::max<std::chrono::milliseconds>(0ms, *line_.next_due() - clock_.utc_now()));
    ASSERT_TRUE(step());
  }
  while (step()) {
  }
  pass(NoticeDesk::kGather);
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], AllOf(HasSubstr("x@late.example"), HasSubstr("y@slow.example")));
}

TEST_F(Desk, redteam_47_a_delay_that_is_over_before_its_notice_was_written_is_not_told) {
  const MessageId id = accept("me@a.example", {"x@slow.example", "y@slow.example"});
  const queue::Message message = run(store_.read_message(id)).value();
  OwedNotice owed{.message = message, .delivery = *delivery_of(id, "slow.example")};
  for (const queue::Recipient& recipient : owed.delivery.recipients)
    owed.words.push_back(delayed(recipient));
  auto telling = notice_desk_.tell(owed, WaitingLine::Siblings::some);
  ASSERT_TRUE(run(store_.commit(std::exchange(telling.operations, {}))).has_value());
  notice_desk_.note_stored(std::move(telling));

  // The first is delivered, the second waits on.
  auto one =
      notice_desk_.withdraw_delays(message, domain("slow.example"), {owed.delivery.recipients[1]});
  ASSERT_THAT(one.never_told, SizeIs(1));
  EXPECT_EQ(one.never_told[0].text, "x@slow.example");
  ASSERT_TRUE(run(store_.commit(std::exchange(one.operations, {}))).has_value());
  EXPECT_THAT(records(), SizeIs(1));
  // Until it is known whether that was stored, nobody else can tell of the rest.
  pass(NoticeDesk::kGather);
  EXPECT_THAT(notices(), IsEmpty());
  notice_desk_.note_withdrawn(std::move(one));
  // The same again withdraws nothing.
  EXPECT_THAT(
      notice_desk_.withdraw_delays(message, domain("slow.example"), {owed.delivery.recipients[1]})
          .operations,
      IsEmpty());
  // Another destination's delays are its own.
  EXPECT_THAT(notice_desk_.withdraw_delays(message, domain("b.example"), {}).operations, IsEmpty());
  auto rest = notice_desk_.withdraw_delays(message, domain("slow.example"), {});
  ASSERT_TRUE(run(store_.commit(std::move(rest.operations))).has_value());
  EXPECT_THAT(records(), IsEmpty());
  pass(NoticeDesk::kGather);
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(Desk, redteam_51_what_could_not_be_withdrawn_is_owed_as_before) {
  const MessageId id = accept("me@a.example", {"x@slow.example"});
  const queue::Message message = run(store_.read_message(id)).value();
  OwedNotice owed{.message = message, .delivery = *delivery_of(id, "slow.example")};
  owed.words = {delayed(owed.delivery.recipients[0])};
  auto telling = notice_desk_.tell(owed, WaitingLine::Siblings::some);
  ASSERT_TRUE(run(store_.commit(std::exchange(telling.operations, {}))).has_value());
  notice_desk_.note_stored(std::move(telling));
  const queue::DeliveryKey key{id, domain("slow.example")};
  ASSERT_TRUE(line_.claim(key));
  store_.memory().fail_next_commit(Errc::store_full);
  ASSERT_FALSE(run(courier_.remove(key)).has_value());
  pass(NoticeDesk::kGather);
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], HasSubstr("x@slow.example"));
}

TEST_F(Desk, redteam_51_what_waits_takes_no_more_memory_than_its_record) {
  const MessageId id = accept("me@a.example", {"x@slow.example"});
  OwedNotice owed{.message = run(store_.read_message(id)).value(),
                  .delivery = *delivery_of(id, "slow.example")};
  owed.words = {delayed(owed.delivery.recipients[0])};
  owed.delivery.recipients.assign(1000, owed.delivery.recipients[0]);
  owed.delivery.history.assign(8, {.at = clock_.utc_now(), .decision = std::string(8000, 'x')});
  const auto telling = notice_desk_.tell(owed, WaitingLine::Siblings::some);
  ASSERT_TRUE(telling.gathered.has_value());
  EXPECT_THAT(telling.gathered->owed.delivery.recipients, IsEmpty());
  EXPECT_THAT(telling.gathered->owed.delivery.history, SizeIs(1));
}

TEST_F(Desk, redteam_47_an_operator_who_deletes_a_message_withdraws_what_was_to_be_told_of_it) {
  resolver_.fail("late.example", resolver::RecordType::mx, Errc::dns_servfail);
  const UtcTime start = clock_.utc_now();
  const MessageId id = accept("me@a.example", {"x@late.example", "y@slow.example"});
  while (records().size() < 2) {
    clock_.advance(std::max<std::chrono::milliseconds>(0ms, *line_.next_due() - clock_.utc_now()));
    ASSERT_TRUE(step());
    ASSERT_LT(clock_.utc_now(), start + 5h);
  }
  const queue::DeliveryKey key{id, domain("late.example")};
  ASSERT_TRUE(line_.claim(key));
  ASSERT_TRUE(run(courier_.remove(key)).has_value());
  pass(NoticeDesk::kGather);
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], AllOf(HasSubstr("y@slow.example"), Not(HasSubstr("x@late.example"))));
}

// Many notices to one sender.

class BusyDesk : public Desk {
 protected:
  static constexpr conf::Rate kRate{2, std::chrono::hours(1)};

  BusyDesk() {
    for (int i = 0; i < 5; ++i)
      desk_.note_stored(stored(desk_.tell(owed("me@a.example", i), WaitingLine::Siblings::none)));
  }

  OwedNotice owed(const std::string& sender, int number) {
    OwedNotice owed;
    owed.message.id = MessageId::make(clock_.utc_now(), *random_);
    owed.message.sender = Mailbox::parse(sender).value();
    owed.message.arrived = clock_.utc_now();
    owed.message.header = "Subject: figures " + std::to_string(number) +
                          "\r\nX-Long: " + std::string(500, 'x') + "\r\n";
    owed.delivery.message = owed.message.id;
    owed.delivery.destination = domain("b.example");
    owed.delivery.history = {{.at = clock_.utc_now(), .decision = std::string(500, ' ')}};
    owed.words = {failed({.address = Mailbox::parse("you@b.example").value(),
                          .last_failure = make_error(Errc::domain_not_found, "no such domain")})};
    return owed;
  }
  NoticeDesk::Telling stored(NoticeDesk::Telling telling) {
    EXPECT_TRUE(run(store_.commit(std::exchange(telling.operations, {}))).has_value());
    return telling;
  }
  void pass(NoticeDesk& desk, std::chrono::milliseconds time) {
    clock_.advance(time);
    run(desk.tell_due());
  }

  NoticeDesk desk_{{store_, report_back_, line_, clock_, *random_, metrics_}, kRate};
};

TEST_F(BusyDesk, pitfall_102_what_is_beyond_the_rate_comes_in_one_summary) {
  EXPECT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(records(), SizeIs(3));
  pass(desk_, 1h - 1ms);
  EXPECT_THAT(notices(), SizeIs(2));
  pass(desk_, 1ms);
  ASSERT_THAT(notices(), SizeIs(3));
  const std::string summary = notices().back();
  EXPECT_THAT(summary, AllOf(HasSubstr("To: <me@a.example>"), HasSubstr("figures 2"),
                             HasSubstr("figures 3"), HasSubstr("figures 4"),
                             Not(HasSubstr("figures 1")), HasSubstr("you@b.example")));
  EXPECT_THAT(records(), IsEmpty());
  EXPECT_EQ(log_.count("sender summary notice: "), 3U) << "of each message";
  EXPECT_EQ(metrics_.notices_sent.value(), 3U);
  pass(desk_, 5h);
  EXPECT_THAT(notices(), SizeIs(3)) << "once";
}

TEST_F(BusyDesk, pitfall_102_the_summary_counts_in_the_next_hour) {
  pass(desk_, 1h);
  for (int i = 10; i < 13; ++i)
    desk_.note_stored(stored(desk_.tell(owed("me@a.example", i), WaitingLine::Siblings::none)));
  EXPECT_THAT(notices(), SizeIs(4)) << "two, the summary, one more";
  EXPECT_THAT(records(), SizeIs(2));
}

TEST_F(BusyDesk, pitfall_102_others_are_told_as_ever) {
  desk_.note_stored(stored(desk_.tell(owed("you@c.example", 9), WaitingLine::Siblings::none)));
  EXPECT_THAT(notices(), SizeIs(3));
}

TEST_F(BusyDesk, pitfall_102_what_is_held_back_takes_little_room_and_outlives_the_program) {
  const auto table = run(store_.read_table(queue::kOwedNotices)).value();
  for (const auto& [key, value] : table)
    EXPECT_LT(value.size(), 700U);
  NoticeDesk next({store_, report_back_, line_, clock_, *random_, metrics_}, kRate);
  ASSERT_TRUE(run(next.load()).has_value());
  pass(next, NoticeDesk::kGather - 1ms);
  EXPECT_THAT(notices(), SizeIs(2)) << "not before the deliveries had a chance";
  pass(next, 1ms);
  EXPECT_THAT(notices(), SizeIs(3)) << "the summary, early";
  EXPECT_THAT(notices().back(), HasSubstr("figures 4"));
  EXPECT_THAT(records(), IsEmpty());
}

TEST_F(BusyDesk, pitfall_102_gathered_ones_are_held_back_under_their_keys) {
  OwedNotice first = owed("me@a.example", 20);
  OwedNotice second = first;
  desk_.note_stored(stored(desk_.tell(first, WaitingLine::Siblings::some)));
  desk_.note_stored(stored(desk_.tell(second, WaitingLine::Siblings::none)));
  EXPECT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(records(), SizeIs(5));
  pass(desk_, 1h);
  EXPECT_THAT(notices(), SizeIs(3));
  EXPECT_THAT(records(), IsEmpty());
}

TEST_F(BusyDesk, redteam_48_redteam_51_what_must_stand_alone_is_not_held_back) {
  OwedNotice with_notify = owed("me@a.example", 30);
  with_notify.words[0].recipient.notify = {.stated = true, .failure = true};
  OwedNotice with_envid = owed("me@a.example", 31);
  with_envid.message.envelope_id = "QQ314159";
  OwedNotice with_requiretls = owed("me@a.example", 32);
  with_requiretls.message.requiretls = true;
  OwedNotice without_tls = owed("me@a.example", 33);
  without_tls.message.tls_optional = true;
  for (const OwedNotice& each : {with_notify, with_envid, with_requiretls, without_tls})
    desk_.note_stored(stored(desk_.tell(each, WaitingLine::Siblings::none)));
  EXPECT_THAT(notices(), SizeIs(6));
  EXPECT_THAT(records(), SizeIs(3));
}

TEST_F(BusyDesk, redteam_51_the_spelling_of_the_domain_makes_no_other_sender) {
  desk_.note_stored(stored(desk_.tell(owed("me@A.Example", 60), WaitingLine::Siblings::none)));
  EXPECT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(records(), SizeIs(4));
}

TEST_F(BusyDesk, redteam_48_without_memory_the_summary_comes_before_its_time) {
  OwedNotice large = owed("me@a.example", 40);
  large.words[0].recipient.last_failure->detail = std::string(300, 'x');
  large.words.assign(50'000, large.words[0]);
  desk_.note_stored(stored(desk_.tell(large, WaitingLine::Siblings::none)));
  ASSERT_THAT(notices(), SizeIs(3));
  EXPECT_THAT(notices().back(), AllOf(HasSubstr("figures 2"), HasSubstr("figures 40")));
  EXPECT_THAT(records(), IsEmpty());
}

TEST_F(BusyDesk, redteam_48_the_relay_that_failed_stays_known) {
  OwedNotice relayed = owed("me@a.example", 50);
  relayed.delivery.history[0].decision =
      R"({"next_hop":"relay.c.example","rule":{"relay":"relay.c.example"}})";
  notice::NoticeFacts facts;
  add_facts(abridged(relayed), facts);
  EXPECT_EQ(facts.recipients.at(0).relay, "relay.c.example");
}

TEST(NoticeQuota, pitfall_102_so_many_in_a_time) {
  NoticeQuota quota(conf::Rate{2, std::chrono::hours(1)});
  const SteadyTime start{};
  EXPECT_TRUE(quota.take("me", start));
  EXPECT_TRUE(quota.take("me", start + 30min));
  EXPECT_FALSE(quota.take("me", start + 1h - 1ms));
  EXPECT_EQ(quota.ends("me", start), start + 1h);
  EXPECT_TRUE(quota.take("you", start));
  EXPECT_TRUE(quota.take("me", start + 1h));
  EXPECT_TRUE(NoticeQuota(std::nullopt).take("me", start));
}

TEST(NoticeQuota, pitfall_102_memory_has_a_bound) {
  NoticeQuota quota(conf::Rate{1, std::chrono::hours(1)});
  const SteadyTime start{};
  for (std::size_t i = 0; i < NoticeQuota::kMaxSenders; ++i)
    ASSERT_TRUE(quota.take(std::to_string(i), start));
  EXPECT_TRUE(quota.take("one more", start));
  EXPECT_TRUE(quota.take("one more", start)) << "not held back";
  EXPECT_TRUE(quota.take("one more", start + 1h));
  EXPECT_FALSE(quota.take("one more", start + 1h)) << "there is room again";
}

}  // namespace
}  // namespace fulmar::delivery
