// What becomes of the recipients of one attempt, by what its hosts said.
#include "mta/delivery/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fulmar::delivery {
namespace {

using ::testing::HasSubstr;

HostFailure failed(Errc code) {
  return {.error = make_error(code, "because"), .host = {}, .reply = {}};
}

smtp::RecipientOutcome outcome(std::optional<Errc> failure) {
  smtp::RecipientOutcome result;
  result.delivered = !failure;
  if (failure) result.failure = make_error(*failure, "because");
  return result;
}

smtp::SessionResult session_of(std::vector<smtp::RecipientOutcome> recipients) {
  smtp::SessionResult result;
  result.recipients = std::move(recipients);
  return result;
}

TEST(Ledger, each_recipient_has_its_own_end) {
  Ledger ledger(3);
  const auto again =
      ledger.merge({.label = "mx1", .tls = "dane"},
                   session_of({outcome(std::nullopt), outcome(Errc::remote_permanent),
                               outcome(Errc::connection_lost)}));
  EXPECT_EQ(again, Ledger::Again::no);
  EXPECT_FALSE(ledger.all_decided());
  EXPECT_TRUE(ledger.is_decided(0));
  EXPECT_FALSE(ledger.is_decided(2));
  ledger.merge({.host = 1, .label = "mx2", .tls = "encrypted"},
               session_of({outcome(std::nullopt)}));
  ASSERT_TRUE(ledger.all_decided());
  const auto results = std::move(ledger).conclude({});
  EXPECT_EQ(results[0].state, RecipientState::delivered);
  EXPECT_EQ(results[0].tls, "dane");
  EXPECT_EQ(results[1].state, RecipientState::bounced);
  EXPECT_EQ(results[2].host, "mx2");
}

TEST(Ledger, DSN_05_keeps_who_owes_the_sender_word_of_a_delivery) {
  for (const auto duty : {smtp::DsnDuty::ours, smtp::DsnDuty::theirs}) {
    smtp::RecipientOutcome taken = outcome(std::nullopt);
    taken.dsn_duty = duty;
    Ledger ledger(1);
    ledger.merge({.label = "mx1", .tls = "dane"}, session_of({taken}));
    EXPECT_EQ(std::move(ledger).conclude({})[0].dsn_duty, duty);
  }
}

TEST(Ledger, another_policy_takes_back_what_rested_on_the_old_one_at_any_host) {
  Ledger ledger(1);
  ledger.note_failure(0, Basis::policy, failed(Errc::sts_mx_mismatch));
  ledger.note_failure(1, Basis::fact, failed(Errc::connect_failed));
  ledger.note_failure(2, Basis::policy, failed(Errc::requiretls_unmet));
  ledger.forget_policy_failures();
  EXPECT_EQ(std::move(ledger).conclude({})[0].failure.error.code, Errc::connect_failed);
}

TEST(Ledger, other_records_take_back_what_was_held_against_their_host_alone) {
  Ledger ledger(1);
  ledger.note_failure(0, Basis::records, failed(Errc::dane_mismatch));
  ledger.note_failure(1, Basis::fact, failed(Errc::connect_failed));
  ledger.forget_host(0);
  EXPECT_EQ(std::move(ledger).conclude({})[0].failure.error.code, Errc::connect_failed);
}

TEST(Ledger, redteam_7_what_could_not_be_looked_up_again_ends_nothing) {
  for (const Errc code : {Errc::requiretls_unmet, Errc::dane_mismatch}) {
    conf::Failure rules;
    rules.dane_mismatch.action = conf::FailureAction::bounce;
    Ledger open(1);
    open.note_failure(0, Basis::records, failed(code));
    open.leave_records_open(0);
    const auto waiting = std::move(open).conclude(rules);
    EXPECT_EQ(waiting[0].state, RecipientState::deferred);
    EXPECT_EQ(waiting[0].failure.error.code, Errc::dane_lookup);
    EXPECT_THAT(waiting[0].failure.error.detail, HasSubstr("because"));
    Ledger closed(1);
    closed.note_failure(0, Basis::records, failed(code));
    EXPECT_EQ(std::move(closed).conclude(rules)[0].state, RecipientState::bounced);
  }
}

TEST(Ledger, redteam_17_a_policy_that_could_not_be_looked_up_again_ends_nothing) {
  conf::Failure rules;
  rules.sts_certificate.action = conf::FailureAction::bounce;
  Ledger open(1);
  open.note_failure(0, Basis::policy, failed(Errc::sts_certificate));
  open.leave_policy_open();
  const auto waiting = std::move(open).conclude(rules);
  EXPECT_EQ(waiting[0].state, RecipientState::deferred);
  EXPECT_EQ(waiting[0].failure.error.code, Errc::sts_unknown);
  Ledger closed(1);
  closed.note_failure(0, Basis::policy, failed(Errc::sts_certificate));
  EXPECT_EQ(std::move(closed).conclude(rules)[0].state, RecipientState::bounced);
}

TEST(Ledger, redteam_16_hosts_that_were_not_tried_end_nothing) {
  Ledger ledger(1);
  ledger.note_failure(0, Basis::fact, failed(Errc::requiretls_unsupported));
  ledger.cut_short();
  const auto results = std::move(ledger).conclude({});
  EXPECT_EQ(results[0].state, RecipientState::deferred);
  EXPECT_EQ(results[0].failure.error.code, Errc::requiretls_unsupported);
  EXPECT_EQ(results[0].failure.error.status.klass, 4);
  EXPECT_FALSE(results[0].one_cause);
}

TEST(Ledger, redteam_20_missing_TLS_that_may_pass_ends_nothing) {
  conf::Failure rules;
  rules.sts_no_tls.action = conf::FailureAction::bounce;
  for (const bool may_pass : {true, false}) {
    Ledger ledger(1);
    ledger.merge({.may_pass = may_pass, .label = "mx1", .tls = "none"},
                 session_of({outcome(Errc::sts_no_tls)}));
    const auto results = std::move(ledger).conclude(rules);
    EXPECT_EQ(results[0].state, may_pass ? RecipientState::deferred : RecipientState::bounced);
  }
}

TEST(Ledger, redteam_18_one_cause_is_when_every_host_failed_for_the_same_class) {
  Ledger alike(1);
  alike.note_failure(0, Basis::fact, failed(Errc::connect_failed));
  alike.note_failure(1, Basis::fact, failed(Errc::connection_lost));
  EXPECT_TRUE(std::move(alike).conclude({})[0].one_cause);
  Ledger unlike(1);
  unlike.note_failure(0, Basis::records, failed(Errc::dane_mismatch));
  unlike.note_failure(1, Basis::fact, failed(Errc::remote_temporary));
  EXPECT_FALSE(std::move(unlike).conclude({})[0].one_cause);
}

TEST(Ledger, redteam_10_an_envelope_shown_to_a_host_that_proved_nothing_is_no_content) {
  Ledger ledger(1);
  smtp::SessionResult result = session_of({outcome(Errc::connection_lost)});
  result.shown = smtp::Shown::envelope;
  ledger.merge({.shown_unproven = true, .label = "mx1", .tls = "encrypted:downgraded"}, result);
  EXPECT_EQ(std::move(ledger).conclude({})[0].exposure, queue::Exposure::envelope);
}

TEST(Ledger, redteam_10_content_shown_to_a_host_that_proved_nothing_counts_as_shown) {
  Ledger ledger(1);
  smtp::SessionResult result = session_of({outcome(Errc::connection_lost)});
  result.shown = smtp::Shown::content;
  ledger.merge({.shown_unproven = true, .label = "mx1", .tls = "encrypted:downgraded"}, result);
  EXPECT_EQ(std::move(ledger).conclude({})[0].exposure, queue::Exposure::content);
}

TEST(Ledger, content_shown_before_on_a_kept_connection_counts_though_the_last_one_saw_less) {
  Ledger ledger(1);
  smtp::SessionResult result = session_of({outcome(Errc::connection_lost)});
  result.shown_in_clear = smtp::Shown::content;
  result.shown = smtp::Shown::envelope;
  ledger.merge({.shown_unproven = true, .label = "mx1", .tls = "encrypted:downgraded"}, result);
  EXPECT_EQ(std::move(ledger).conclude({})[0].exposure, queue::Exposure::content);
}

/// One host after the other, each with the failure of its session; what the attempt came to.
struct Tried {
  Errc failure = Errc::connection_lost;
  smtp::Shown shown = smtp::Shown::nothing;
  smtp::Shown shown_before = smtp::Shown::nothing;  ///< In an earlier dialogue with this host.
  bool in_doubt = false;
  smtp::Stage stage = smtp::Stage::mail;
};

RecipientResult result_of(const std::vector<Tried>& hosts) {
  Ledger ledger(1);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    smtp::RecipientOutcome ended = outcome(hosts[i].failure);
    ended.stage = hosts[i].stage;
    smtp::SessionResult session = session_of({ended});
    session.shown = hosts[i].shown;
    session.in_doubt = hosts[i].in_doubt;
    ledger.merge({.host = i, .shown = hosts[i].shown_before, .label = "mx", .tls = "dane"},
                 session);
  }
  return std::move(ledger).conclude({})[0];
}

TEST(Ledger, redteam_52_how_far_the_message_came_is_of_the_whole_attempt) {
  using queue::Given;
  using smtp::Shown;
  using smtp::Stage;
  struct Case {
    std::string name;
    std::vector<Tried> hosts;
    Given want = Given::nothing;
  };
  const std::vector<Case> cases = {
      {"only an envelope", {{.shown = Shown::envelope}}, Given::nothing},
      {"a body broke off and nobody else was there",
       {{.shown = Shown::content, .stage = Stage::body}},
       Given::content},
      {"a body broke off and another host's failure decides",
       {{.shown = Shown::content, .stage = Stage::body}, {.failure = Errc::relay_auth}},
       Given::content},
      {"the same in the other order",
       {{.failure = Errc::relay_auth}, {.shown = Shown::content, .stage = Stage::body}},
       Given::content},
      {"it went over a kept connection that broke",
       {{.shown_before = Shown::content}},
       Given::content},
      {"no answer to the end of the message",
       {{.shown = Shown::content, .in_doubt = true, .stage = Stage::final_dot}},
       Given::in_doubt},
      {"no answer, but this recipient had been refused before",
       {{.failure = Errc::remote_permanent,
         .shown = Shown::content,
         .in_doubt = true,
         .stage = Stage::rcpt}},
       Given::content},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(result_of(c.hosts).given, c.want);
  }
}

TEST(Ledger, without_any_reason_there_is_still_an_end) {
  const auto results = Ledger(1).conclude({});
  EXPECT_EQ(results[0].state, RecipientState::deferred);
  EXPECT_EQ(results[0].failure.error.code, Errc::connect_failed);
}

}  // namespace
}  // namespace fulmar::delivery
