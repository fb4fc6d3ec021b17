// MAIL and RCPT: rights, parameters, and what a submission listener asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mta/smtp/server_dialogue.h"

namespace fulmar::smtp {
namespace {

using ::testing::StartsWith;

using Auth = ServerOptions::Auth;
using Kind = ServerOptions::Kind;
using Relaying = ServerOptions::Relaying;

struct Case {
  std::string_view line;
  std::string_view want;
};

TEST(ServerEnvelope, SUB_01_who_may_say_MAIL) {
  struct Row {
    Kind kind;
    Relaying relaying;
    Auth auth;
    std::string_view mail;
    std::string_view rcpt;
  };
  const Row rows[] = {
      {Kind::relay, Relaying::allowed, Auth::none, "250", "250"},
      {Kind::relay, Relaying::allowed, Auth::optional, "250", "250"},
      {Kind::relay, Relaying::allowed, Auth::required, "530 5.7.0 ", "503"},
      {Kind::relay, Relaying::denied, Auth::none, "250", "550 5.7.1 "},
      {Kind::relay, Relaying::denied, Auth::optional, "250", "550 5.7.1 "},
      {Kind::submission, Relaying::allowed, Auth::none, "250", "250"},
      {Kind::submission, Relaying::allowed, Auth::optional, "250", "250"},
      {Kind::submission, Relaying::denied, Auth::none, "550 5.7.1 ", "503"},
      {Kind::submission, Relaying::denied, Auth::optional, "530 5.7.0 ", "503"},
      {Kind::submission, Relaying::denied, Auth::required, "530 5.7.0 ", "503"},
  };
  for (const Row& row : rows) {
    ServerOptions options = usual();
    options.kind = row.kind;
    options.relaying = row.relaying;
    options.auth = row.auth;
    Dialogue dialogue(options);
    dialogue.say("EHLO c\r\n");
    EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example>\r\n"), StartsWith(std::string(row.mail)));
    EXPECT_THAT(dialogue.say("RCPT TO:<c@d.example>\r\n"), StartsWith(std::string(row.rcpt)));
  }
}

TEST(ServerEnvelope, SUB_01_SUB_02_addresses_of_a_submission) {
  ServerOptions options = usual();
  options.kind = Kind::submission;
  const Case cases[] = {
      {"MAIL FROM:<>", "250 2.1.0 "},
      {"MAIL FROM:<a@b.example>", "250 2.1.0 "},
      {"MAIL FROM:<a@[192.0.2.1]>", "250 2.1.0 "},
      {"MAIL FROM:<a@localhost>", "554 5.1.8 "},
  };
  for (const Case& each : cases) {
    Dialogue dialogue(options);
    dialogue.say("EHLO c\r\n");
    EXPECT_THAT(dialogue.say(std::string(each.line) + "\r\n"), StartsWith(std::string(each.want)));
  }
  Dialogue dialogue(options);
  dialogue.say("EHLO c\r\n");
  dialogue.say("MAIL FROM:<>\r\n");
  EXPECT_THAT(dialogue.say("RCPT TO:<a@intranet>\r\n"), StartsWith("554 5.1.2 "));
  EXPECT_THAT(dialogue.say("RCPT TO:<postmaster>\r\n"), StartsWith("250 "));
  Dialogue relay;
  relay.say("EHLO c\r\n");
  EXPECT_THAT(relay.say("MAIL FROM:<a@localhost>\r\n"), StartsWith("250 ")) << "as it came";
}

TEST(ServerEnvelope, SMTP_31_parameters_need_the_extensions_of_the_latest_EHLO) {
  const Case cases[] = {
      {"MAIL FROM:<a@b.example> RET=FULL", "555 5.5.4 "},
      {"MAIL FROM:<a@b.example> ENVID=x", "555 5.5.4 "},
      {"MAIL FROM:<a@b.example> SMTPUTF8", "555 5.5.4 "},
      {"MAIL FROM:<a@b.example> SIZE=10", "250 "},
  };
  for (const Case& each : cases) {
    Dialogue dialogue;
    dialogue.say("HELO c\r\n");
    EXPECT_THAT(dialogue.say(std::string(each.line) + "\r\n"), StartsWith(std::string(each.want)));
    Dialogue extended;
    extended.say("EHLO c\r\n");
    EXPECT_THAT(extended.say(std::string(each.line) + "\r\n"), StartsWith("250 "));
  }
  Dialogue dialogue;
  dialogue.say("HELO c\r\n");
  dialogue.say("MAIL FROM:<a@b.example>\r\n");
  EXPECT_THAT(dialogue.say("RCPT TO:<a@b.example> NOTIFY=NEVER\r\n"), StartsWith("555 5.5.4 "));
}

TEST(ServerEnvelope, DSN_01_what_is_asked_about_notices_comes_along) {
  Dialogue dialogue;
  dialogue.say("EHLO c\r\n");
  dialogue.say("MAIL FROM:<a@b.example> RET=HDRS ENVID=a+2Bb\r\n");
  dialogue.say("RCPT TO:<c@d.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;C+2Bx@d.example\r\n");
  dialogue.say("RCPT TO:<e@d.example>\r\n");
  dialogue.say("RCPT TO:<c@D.example> NOTIFY=NEVER\r\n");
  dialogue.send("x\r\n.\r\n");
  const IncomingEnvelope& envelope = dialogue.envelopes.at(0);
  EXPECT_EQ(envelope.ret, DsnReturn::headers);
  EXPECT_EQ(envelope.envelope_id, "a+2Bb");
  ASSERT_EQ(envelope.recipients.size(), 2U);
  EXPECT_EQ(to_string(envelope.recipients[0].notify), "SUCCESS,DELAY");
  EXPECT_EQ(envelope.recipients[0].original_recipient, "rfc822;C+2Bx@d.example");
  EXPECT_FALSE(envelope.recipients[1].notify.stated);
}

TEST(ServerEnvelope, redteam_39_a_recipient_who_is_named_twice_loses_no_notice) {
  struct Row {
    std::string first;
    std::string second;
    std::string want;  // empty: nothing stated
  };
  const Row rows[] = {
      {" NOTIFY=NEVER", " NOTIFY=FAILURE,SUCCESS", "SUCCESS,FAILURE"},
      {" NOTIFY=NEVER", "", "FAILURE,DELAY"},
      {"", " NOTIFY=SUCCESS", "SUCCESS,FAILURE,DELAY"},
      {" NOTIFY=NEVER", " NOTIFY=NEVER", "NEVER"},
      {"", "", ""},
  };
  for (const Row& row : rows) {
    Dialogue dialogue;
    dialogue.say("EHLO c\r\n");
    dialogue.say("MAIL FROM:<a@b.example>\r\n");
    dialogue.say("RCPT TO:<c@d.example>" + row.first + "\r\n");
    dialogue.say("RCPT TO:<c@D.example>" + row.second + " ORCPT=rfc822;x@y.example\r\n");
    dialogue.send("x\r\n.\r\n");
    const auto& recipients = dialogue.envelopes.at(0).recipients;
    ASSERT_EQ(recipients.size(), 1U);
    EXPECT_EQ(recipients[0].notify.stated ? to_string(recipients[0].notify) : "", row.want);
    EXPECT_EQ(recipients[0].original_recipient, "rfc822;x@y.example");
  }
}

TEST(ServerEnvelope, EAI_01_addresses_beyond_ascii_need_the_parameter) {
  const std::string mail = "MAIL FROM:<b\xC3\xBC@b.example>";
  const std::string rcpt = "RCPT TO:<b\xC3\xBC@b.example>";
  Dialogue without;
  without.say("EHLO c\r\n");
  EXPECT_THAT(without.say(mail + "\r\n"), StartsWith("553 5.6.7 "));
  EXPECT_THAT(without.say("MAIL FROM:<a@b\xC3\xBC.example>\r\n"), StartsWith("250 "))
      << "a domain goes on in A-labels";
  EXPECT_THAT(without.say(rcpt + "\r\n"), StartsWith("553 5.6.7 "));
  EXPECT_THAT(without.say("RCPT TO:<a@b.example> ORCPT=utf-8;b\xC3\xBC@b.example\r\n"),
              StartsWith("501 5.5.4 "));
  Dialogue with;
  with.say("EHLO c\r\n");
  EXPECT_THAT(with.say(mail + " SMTPUTF8\r\n"), StartsWith("250 "));
  EXPECT_THAT(with.say(rcpt + " ORCPT=utf-8;b\xC3\xBC@b.example\r\n"), StartsWith("250 "));
  with.send("Subject: \xC3\xBC\r\n\r\nx\r\n.\r\n");
  EXPECT_TRUE(with.envelopes.at(0).smtputf8);
  EXPECT_TRUE(with.facts->eight_bit_header);
  EXPECT_TRUE(with.facts->eight_bit);
}

TEST(ServerEnvelope, EAI_02_eight_bit_octets_of_the_body_need_no_SMTPUTF8) {
  Dialogue dialogue;
  dialogue.with_envelope();
  dialogue.send("Subject: u\r\n\r\n\xC3\xBC\r\n.\r\n");
  EXPECT_FALSE(dialogue.facts->eight_bit_header);
  EXPECT_TRUE(dialogue.facts->eight_bit);
}

TEST(ServerEnvelope, refusals_of_the_program_have_their_own_replies) {
  const auto refused = [](EnhancedStatus status, Retry retry) {
    Error why = make_error(Errc::limit, "in words");
    why.status = status;
    why.retry = retry;
    return why;
  };
  struct Row {
    Error why;
    std::string_view want;
  };
  const Row rows[] = {
      {refused({5, 7, 1}, Retry::never), "550 5.7.1 in words\r\n"},
      {refused({4, 7, 1}, Retry::later), "450 4.7.1 in words\r\n"},
      {refused({4, 3, 1}, Retry::later), "452 4.3.1 insufficient storage; try again later\r\n"},
      {refused({4, 3, 0}, Retry::later), "451 4.3.0 cannot take mail now; try again later\r\n"},
  };
  for (const Row& row : rows) {
    Dialogue dialogue;
    dialogue.refuse_envelope = row.why;
    dialogue.say("EHLO c\r\n");
    EXPECT_EQ(dialogue.say("MAIL FROM:<a@b.example>\r\n"), row.want);
    EXPECT_EQ(dialogue.session().tally().last_refusal + "\r\n", row.want);
  }
}

TEST(ServerEnvelope, ten_thousand_commands_without_a_message_are_enough) {
  Dialogue dialogue;
  dialogue.say("EHLO c\r\n");
  std::string said;
  for (int i = 0; i < 10'001 && !dialogue.over(); ++i)
    said = dialogue.say("NOOP\r\n");
  EXPECT_EQ(said, "421 4.7.0 relay.example too many commands without a message\r\n");
}

}  // namespace
}  // namespace fulmar::smtp
