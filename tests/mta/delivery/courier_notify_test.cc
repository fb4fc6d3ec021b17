// NOTIFY on the way out: of which ends the sender hears, and of which not. RFC 3461 §5.2
#include <gmock/gmock.h>

#include <boost/asio/detached.hpp>

#include "tests/mta/delivery/courier_world.h"
#include "tests/mta/delivery/fake_host.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::delivery {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using resolver::RecordType;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr DsnNotify kNever{.stated = true};
constexpr DsnNotify kFailure{.stated = true, .failure = true};
constexpr DsnNotify kSuccess{.stated = true, .success = true};
constexpr DsnNotify kAll{.stated = true, .success = true, .failure = true, .delay = true};

class CourierNotify : public CourierWorld {
 protected:
  CourierNotify() {
    // The sender's own domain cannot be reached, so that notices stay where they can be read.
    resolver_.fail("a.example", RecordType::mx, Errc::dns_servfail);
    resolver_.fail("slow.example", RecordType::mx, Errc::dns_servfail);
  }

  /// NOTIFY for the first recipient, the second, and so on.
  static Edit asking(std::vector<DsnNotify> notify) {
    return [notify = std::move(notify)](queue::Message&, queue::Delivery& delivery) {
      for (std::size_t i = 0; i < notify.size(); ++i)
        delivery.recipients.at(i).notify = notify[i];
    };
  }
  void pass(std::chrono::milliseconds time) {
    const UtcTime end = clock_.utc_now() + time;
    for (auto due = line_.next_due(); due && *due <= end; due = line_.next_due()) {
      clock_.advance(std::max(0ms, *due - clock_.utc_now()));
      ASSERT_TRUE(step());
      ASSERT_LT(++steps_, 1000U) << "a tight loop";
    }
    clock_.advance(end - clock_.utc_now());
  }

  intake::LogLines log_;
  std::size_t steps_ = 0;
};

// Failure.

TEST_F(CourierNotify, DSN_06_pitfall_109_NEVER_ends_without_a_notice_and_waits_for_no_sync) {
  const MessageId id = accept("me@a.example", {"you@nowhere.example"}, asking({kNever}));
  ASSERT_TRUE(step());
  EXPECT_THAT(journal_, ElementsAre("relaxed: put nowhere.example", "ask nowhere.example",
                                    "soon: remove nowhere.example, remove message"));
  EXPECT_FALSE(has_message(id));
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(metrics_.recipients_bounced.value(), 1U);
  EXPECT_EQ(log_.count("status=bounced"), 1U);
  EXPECT_EQ(log_.count("failed without a notice: the sender asked for none"), 1U);
  EXPECT_EQ(log_.count("undeliverable notice dropped"), 0U);
}

TEST_F(CourierNotify, DSN_06_only_those_are_in_the_notice_that_the_sender_wants_to_hear_of) {
  accept("me@a.example",
         {"never@nowhere.example", "delay@nowhere.example", "all@nowhere.example",
          "unstated@nowhere.example"},
         asking({kNever, {.stated = true, .delay = true}, kAll}));
  ASSERT_TRUE(step());
  ASSERT_THAT(notices(), SizeIs(1));
  const std::string notice = notices().front();
  EXPECT_THAT(notice, AllOf(HasSubstr("rfc822; all@nowhere.example"),
                            HasSubstr("rfc822; unstated@nowhere.example")));
  EXPECT_THAT(notice, AllOf(Not(HasSubstr("never@")), Not(HasSubstr("delay@"))));
  EXPECT_EQ(metrics_.recipients_bounced.value(), 4U);
  EXPECT_EQ(log_.count("failed without a notice"), 2U);
}

TEST_F(CourierNotify, DSN_06_the_end_of_waiting_is_no_different) {
  const MessageId id = accept("me@a.example", {"you@slow.example"}, asking({kNever}));
  pass(5 * 24h + 1s);
  EXPECT_FALSE(has_message(id));
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
  EXPECT_EQ(log_.count("failed without a notice"), 1U);
}

TEST_F(CourierNotify, DSN_06_nor_is_an_end_by_the_operator) {
  const MessageId id =
      accept("me@a.example", {"never@slow.example", "you@slow.example"}, asking({kNever}));
  const queue::DeliveryKey key{id, domain("slow.example")};
  ASSERT_TRUE(line_.claim(key));
  ASSERT_TRUE(run(courier_.bounce(key, "we do not serve them")).has_value());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices().front(), AllOf(HasSubstr("you@slow.example"), Not(HasSubstr("never@"))));
  EXPECT_EQ(log_.count("failed without a notice"), 1U);
}

TEST_F(CourierNotify, DSN_08_pitfall_110_our_operator_hears_of_a_notice_that_cannot_leave) {
  const MessageId about = MessageId::make(clock_.utc_now(), *random_);
  accept("", {"you@nowhere.example"}, [&](queue::Message& message, queue::Delivery& delivery) {
    message.about = about;
    delivery.recipients.at(0).notify = kNever;
  });
  ASSERT_TRUE(step());
  EXPECT_THAT(store_.memory().messages(), IsEmpty());
  EXPECT_EQ(log_.count("undeliverable notice dropped"), 1U);
  EXPECT_EQ(log_.count("about=" + about.str()), 1U);
  EXPECT_EQ(metrics_.notices_dropped.value(), 1U);
  EXPECT_EQ(log_.count("failed without a notice"), 0U);
}

// Delay.

TEST_F(CourierNotify, DSN_07_a_delay_is_told_of_those_whose_sender_wants_it) {
  accept("me@a.example", {"never@slow.example", "you@slow.example", "success@slow.example"},
         asking({kNever, {}, kSuccess}));
  pass(4h + 1s);
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices().front(), AllOf(HasSubstr("you@slow.example"), Not(HasSubstr("never@")),
                                       Not(HasSubstr("success@"))));
}

TEST_F(CourierNotify, DSN_07_pitfall_103_without_DELAY_nobody_wakes_and_nothing_is_told) {
  const MessageId id = accept("me@a.example", {"you@slow.example"}, asking({kSuccess}));
  pass(24h);
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
  const auto delivery = delivery_of(id, "slow.example");
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->delay_notices, 0U);
  EXPECT_EQ(steps_, delivery->attempts) << "woken for attempts alone";
}

// Delivery.

/// Mail for a.example and b.example goes to a host on loopback.
class CourierRelays : public CourierNotify {
 protected:
  CourierRelays() {
    resolver_.add_a("mx1.b.example", {"127.0.0.1"}, resolver::Security::insecure);
    asio::co_spawn(io_, host_.serve(), asio::detached);
  }

  /// Runs the delivery that is due next, and the host beside it.
  bool step_with_host() {
    const auto taken = line_.take();
    if (!taken) return false;
    auto ended = asio::co_spawn(io_, relaying_.run(*taken), asio::use_future);
    while (ended.wait_for(0s) != std::future_status::ready)
      io_.run_one();
    return true;
  }
  DestinationRules rules() {
    std::vector<conf::Destination> entries;
    for (const char* name : {"a.example", "b.example"}) {
      conf::Destination& entry = entries.emplace_back();
      entry.domain = conf::DomainPattern::parse(name).value();
      entry.relay = conf::Relay::parse("[mx1.b.example]:" + std::to_string(host_.port())).value();
    }
    return DestinationRules::load(entries).value();
  }

  asio::io_context io_;
  FakeHost host_{io_};
  Planner to_host_{{.resolver = resolver_,
                    .mta_sts = sts_,
                    .random = *random_,
                    .clock = clock_,
                    .metrics = metrics_,
                    .troubles = troubles_},
                   {.own_name = domain("relay.example"), .allow_networks = {}, .rules = rules()}};
  Courier relaying_{
      {.attempt = {.planner = to_host_, .store = &store_, .context = *context_, .clock = clock_},
       .store = store_,
       .line = line_,
       .first_copies = first_copies_,
       .first_attempts = first_attempts_,
       .report_back = report_back_,
       .notice_desk = notice_desk_,
       .suspensions = suspensions_,
       .quarantine = quarantine_,
       .clock = clock_,
       .random = *random_,
       .metrics = metrics_,
       .troubles = troubles_},
      {.attempt = {.converse = {.helo_name = "relay.example", .outbound = {}}},
       .retry = retry_,
       .notify = notify_}};
};

TEST_F(CourierRelays, DSN_05_SUCCESS_at_a_host_without_DSN_is_told_as_relayed_in_one_batch) {
  const MessageId id =
      accept("me@a.example", {"you@b.example"}, [](queue::Message& message, queue::Delivery& it) {
        message.ret = DsnReturn::full;
        message.envelope_id = "QQ+2B314159";
        it.recipients[0].notify = kSuccess;
        it.recipients[0].original_recipient = "rfc822;You@old.example";
      });
  ASSERT_TRUE(step_with_host());
  EXPECT_THAT(host_.heard(), ElementsAre("EHLO relay.example", "MAIL FROM:<me@a.example>",
                                         "RCPT TO:<you@b.example>", "DATA", "QUIT"));
  EXPECT_THAT(journal_, ElementsAre("relaxed: put b.example",
                                    "commit: remove b.example, remove message, put chunk, put "
                                    "message, put a.example"));
  EXPECT_FALSE(has_message(id));
  ASSERT_THAT(notices(), SizeIs(1));
  const std::string notice = notices().front();
  EXPECT_THAT(notice, AllOf(HasSubstr("Action: relayed\r\nStatus: 2.0.0\r\n"
                                      "Remote-MTA: dns; mx1.b.example\r\n"
                                      "Diagnostic-Code: smtp; 250 2.0.0 taken\r\n"),
                            HasSubstr("Original-Envelope-Id: QQ+314159\r\n"),
                            HasSubstr("Original-Recipient: rfc822; You@old.example\r\n"),
                            HasSubstr("Content-Type: text/rfc822-headers")));
  EXPECT_THAT(notice, HasSubstr("not proven to be protected")) << "it went in clear";
  EXPECT_THAT(notice, HasSubstr("127.0.0.1")) << "the attempt's facts";
  EXPECT_EQ(metrics_.notices_sent.value(), 1U);
  EXPECT_EQ(metrics_.recipients_delivered.value(), 1U);
  EXPECT_EQ(log_.count("sender relayed notice: "), 1U);
  EXPECT_EQ(line_.keys().size(), 1U) << "it is due to the sender's domain";
}

TEST_F(CourierRelays, DSN_04_a_host_with_DSN_gets_it_all_and_nothing_is_owed) {
  host_.offer("DSN");
  accept("me@a.example", {"you@b.example", "me@b.example"},
         [](queue::Message& message, queue::Delivery& it) {
           message.ret = DsnReturn::headers;
           message.envelope_id = "QQ+2B314159";
           it.recipients[0].notify = kAll;
           it.recipients[0].original_recipient = "rfc822;You+2B@old.example";
         });
  ASSERT_TRUE(step_with_host());
  EXPECT_THAT(host_.heard(), ElementsAre("EHLO relay.example",
                                         "MAIL FROM:<me@a.example> RET=HDRS ENVID=QQ+2B314159",
                                         "RCPT TO:<you@b.example> NOTIFY=SUCCESS,FAILURE,DELAY "
                                         "ORCPT=rfc822;You+2B@old.example",
                                         "RCPT TO:<me@b.example>", "DATA", "QUIT"));
  EXPECT_THAT(journal_,
              ElementsAre("relaxed: put b.example", "soon: remove b.example, remove message"));
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(CourierRelays, DSN_05_who_did_not_ask_hears_nothing_and_waits_for_nothing) {
  accept("me@a.example", {"a@b.example", "b@b.example"}, asking({kNever}));
  ASSERT_TRUE(step_with_host());
  EXPECT_THAT(journal_,
              ElementsAre("relaxed: put b.example", "soon: remove b.example, remove message"));
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(CourierRelays, DSN_08_nobody_is_told_behind_the_null_sender) {
  accept("", {"you@b.example"}, asking({kSuccess}));
  ASSERT_TRUE(step_with_host());
  EXPECT_THAT(store_.memory().messages(), IsEmpty());
  EXPECT_EQ(log_.count("undeliverable notice dropped"), 0U);
}

TEST_F(CourierRelays, DSN_16_pitfall_107_one_notice_lists_just_those_it_is_about) {
  host_.refuse("gone@b.example");
  accept("me@a.example", {"success@b.example", "gone@b.example", "plain@b.example"},
         asking({kSuccess}));
  ASSERT_TRUE(step_with_host());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], AllOf(HasSubstr("Subject: Not delivered: your message to gone@"),
                                  HasSubstr("Final-Recipient: rfc822; gone@b.example\r\n"
                                            "Action: failed"),
                                  HasSubstr("Final-Recipient: rfc822; success@b.example\r\n"
                                            "Action: relayed"),
                                  Not(HasSubstr("rfc822; plain@"))));
  EXPECT_EQ(metrics_.notices_sent.value(), 1U);
}

TEST_F(CourierRelays, who_was_told_of_a_delay_is_told_when_it_is_over) {
  // As it is after the notice of a delay.
  const auto announced = [](queue::Message&, queue::Delivery& delivery) {
    delivery.delay_notices = 1;
    delivery.recipients.at(1).notify = kFailure;
  };
  accept("me@a.example", {"told@b.example", "not-told@b.example"}, announced);
  ASSERT_TRUE(step_with_host());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], AllOf(HasSubstr("Subject: Delay over: "),
                                  HasSubstr("Final-Recipient: rfc822; told@b.example\r\n"
                                            "Action: relayed\r\nStatus: 2.0.0\r\n"
                                            "Remote-MTA: dns; mx1.b.example"),
                                  Not(HasSubstr("not-told@"))));
  EXPECT_EQ(log_.count("sender cleared notice: "), 1U);
}

TEST_F(CourierRelays, redteam_52_what_is_in_doubt_is_never_called_not_taken_later) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  host_.break_off_at_dot();
  ASSERT_TRUE(step_with_host());
  const auto waiting = delivery_of(id, "b.example");
  ASSERT_TRUE(waiting.has_value());
  EXPECT_EQ(waiting->recipients[0].given.latest, queue::Given::in_doubt);
  host_.refuse("you@b.example");
  clock_.advance(retry_.intervals.front() * 2);
  ASSERT_TRUE(step_with_host());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], AllOf(HasSubstr("Action: failed"),
                                  HasSubstr("The message may have arrived all the same"),
                                  Not(HasSubstr("nothing was delivered"))));
}

TEST_F(CourierRelays, redteam_53_nobody_knows_how_far_a_first_attempt_before_this_start_came) {
  host_.refuse("you@b.example");
  first_attempts_.note_recovered(accept("me@a.example", {"you@b.example"}));
  ASSERT_TRUE(step_with_host());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0],
              AllOf(HasSubstr("We have no word"), Not(HasSubstr("so nothing was delivered"))));
}

TEST_F(CourierRelays, redteam_53_nor_does_the_operator_who_ends_it_before_another) {
  const MessageId id = accept("me@a.example", {"you@b.example"});
  first_attempts_.note_recovered(id);
  const queue::DeliveryKey key{id, domain("b.example")};
  ASSERT_TRUE(line_.claim(key));
  ASSERT_TRUE(run(courier_.bounce(key, "we do not serve them")).has_value());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], HasSubstr("Subject: Delivery not confirmed"));
}

TEST_F(CourierRelays, redteam_53_what_was_refused_at_its_first_attempt_is_certain) {
  host_.refuse("you@b.example");
  accept("me@a.example", {"you@b.example"});
  ASSERT_TRUE(step_with_host());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], HasSubstr("so nothing was delivered"));
}

TEST_F(CourierRelays, who_was_told_of_no_delay_is_not_told_of_its_end) {
  accept("me@a.example", {"you@b.example"});
  ASSERT_TRUE(step_with_host());
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(CourierRelays, DSN_05_an_outcome_that_cannot_be_stored_makes_no_notice) {
  const MessageId id = accept("me@a.example", {"you@b.example"}, asking({kSuccess}));
  store_.before_next_commit([this] { store_.memory().fail_next_commit(Errc::cancelled); });
  ASSERT_TRUE(step_with_host());
  EXPECT_TRUE(has_message(id));
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(metrics_.notices_sent.value(), 0U);
  EXPECT_EQ(line_.depth().running, 0U);
}

TEST_F(CourierRelays, DSN_09_a_notice_of_ours_asks_for_none_about_itself) {
  host_.offer("DSN");
  accept("me@a.example", {"you@nowhere.example"}, [](queue::Message& message, queue::Delivery&) {
    message.ret = DsnReturn::full;
    message.envelope_id = "id";
  });
  ASSERT_TRUE(step_with_host());
  ASSERT_TRUE(step_with_host());
  EXPECT_THAT(host_.heard(), ElementsAre("EHLO relay.example", "MAIL FROM:<>",
                                         "RCPT TO:<me@a.example> NOTIFY=NEVER", "DATA", "QUIT"));
  EXPECT_THAT(store_.memory().messages(), IsEmpty());
}

TEST_F(CourierRelays, EAI_02_pitfall_76_header_fields_in_UTF8_need_SMTPUTF8) {
  const auto in_utf8 = [](queue::Message& message, queue::Delivery&) { message.smtputf8 = true; };
  accept("me@a.example", {"you@b.example"}, in_utf8);
  ASSERT_TRUE(step_with_host());
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices().front(), HasSubstr("Status: 5.6.7"));
  EXPECT_THAT(host_.heard(), ElementsAre("EHLO relay.example", "QUIT"));

  host_.offer("SMTPUTF8");
  accept("me@a.example", {"you@b.example"}, in_utf8);
  ASSERT_TRUE(step_with_host()) << "the notice, or the message";
  ASSERT_TRUE(step_with_host());
  EXPECT_THAT(host_.heard(), Contains("MAIL FROM:<me@a.example> SMTPUTF8"));
  EXPECT_THAT(host_.heard(), Contains("MAIL FROM:<>")) << "our notice is ASCII";
}

}  // namespace
}  // namespace fulmar::delivery
