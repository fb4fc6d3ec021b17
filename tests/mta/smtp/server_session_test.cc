#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mta/smtp/server_dialogue.h"

namespace fulmar::smtp {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ServerSession, a_message_from_greeting_to_quit) {
  Dialogue dialogue;
  EXPECT_EQ(dialogue.greeting, "220 relay.example ESMTP Fulmar\r\n");
  EXPECT_EQ(dialogue.say("EHLO client.example\r\n"),
            "250-relay.example\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n"
            "250-SMTPUTF8\r\n250-DSN\r\n250-CHUNKING\r\n250-STARTTLS\r\n"
            "250 ENHANCEDSTATUSCODES\r\n");
  EXPECT_EQ(dialogue.say("MAIL FROM:<a@b.example> SIZE=20\r\n"), "250 2.1.0 sender ok\r\n");
  EXPECT_EQ(dialogue.say("RCPT TO:<c@d.example>\r\n"), "250 2.1.5 recipient ok\r\n");
  EXPECT_EQ(dialogue.say("DATA\r\n"), "354 end data with <CR><LF>.<CR><LF>\r\n");
  EXPECT_TRUE(dialogue.session().in_message());
  EXPECT_EQ(dialogue.say("Subject: x\r\n\r\n..dot\r\n.\r\n"), "250 2.0.0 queued as ID1\r\n");
  EXPECT_FALSE(dialogue.session().in_message());
  EXPECT_EQ(dialogue.say("QUIT\r\n"), "221 2.0.0 relay.example closing\r\n");
  EXPECT_TRUE(dialogue.over());

  ASSERT_EQ(dialogue.committed.size(), 1U);
  EXPECT_EQ(dialogue.committed[0], "Subject: x\r\n\r\n.dot\r\n");
  EXPECT_EQ(dialogue.facts->size, 20U);
  EXPECT_FALSE(dialogue.facts->eight_bit);
  EXPECT_EQ(dialogue.declared, std::vector<std::uint64_t>{20});
  const IncomingEnvelope& envelope = dialogue.envelopes.at(0);
  EXPECT_EQ(envelope.sender->text, "a@b.example");
  EXPECT_EQ(envelope.recipients.at(0).address.text, "c@d.example");
  EXPECT_EQ(envelope.helo, "client.example");
  EXPECT_TRUE(envelope.extended);
  EXPECT_FALSE(envelope.tls);
  EXPECT_EQ(dialogue.session().tally().messages, 1U);
  EXPECT_EQ(dialogue.session().tally().refusals, 0U);
  EXPECT_EQ(dialogue.session().tally().ended_by, "");
}

TEST(ServerSession, two_messages_in_one_session) {
  Dialogue dialogue;
  dialogue.with_envelope().send("one\r\n.\r\n");
  dialogue.say("MAIL FROM:<>\r\n");
  dialogue.say("RCPT TO:<x@y.example>\r\n");
  EXPECT_EQ(dialogue.send("two\r\n.\r\n"), "250 2.0.0 queued as ID2\r\n");
  EXPECT_EQ(dialogue.committed, (std::vector<std::string>{"one\r\n", "two\r\n"}));
  EXPECT_FALSE(dialogue.envelopes.at(1).sender.has_value());
  EXPECT_EQ(dialogue.envelopes.at(1).recipients.size(), 1U);
}

TEST(ServerSession, HELO_gives_plain_smtp) {
  Dialogue dialogue;
  EXPECT_EQ(dialogue.say("HELO client\r\n"), "250 relay.example\r\n");
  dialogue.say("MAIL FROM:<a@b.example>\r\n");
  dialogue.say("RCPT TO:<c@d.example>\r\n");
  dialogue.send("x\r\n.\r\n");
  EXPECT_FALSE(dialogue.envelopes.at(0).extended);
}

TEST(ServerSession, PIP_03_answers_in_order_and_in_one_piece) {
  Dialogue dialogue;
  dialogue.say("EHLO client.example\r\n");
  dialogue.writes.clear();
  EXPECT_EQ(
      dialogue.say(
          "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<bad>\r\nNOOP\r\nDATA\r\n"),
      "250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n"
      "501 5.1.3 bad recipient address: address without @\r\n250 2.0.0 ok\r\n"
      "354 end data with <CR><LF>.<CR><LF>\r\n");
  EXPECT_EQ(dialogue.writes.size(), 1U);
  EXPECT_EQ(
      dialogue.say("x\r\n.\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n"),
      "250 2.0.0 queued as ID1\r\n250 2.1.0 sender ok\r\n221 2.0.0 relay.example closing\r\n");
  EXPECT_EQ(dialogue.writes.size(), 2U);
}

TEST(ServerSession, replies_to_many_commands_are_written_before_they_pile_up) {
  Dialogue dialogue;
  dialogue.writes.clear();
  std::string noops;
  for (int i = 0; i < 5000; ++i)
    noops += "NOOP\r\n";
  EXPECT_EQ(dialogue.say(noops).size(), 5000 * std::string_view("250 2.0.0 ok\r\n").size());
  for (const std::string& write : dialogue.writes)
    EXPECT_LT(write.size(), 9000U);
}

struct OrderCase {
  std::string_view name;
  std::vector<std::string_view> before;
  std::string_view command;
  std::string_view want;
};

TEST(ServerSession, SMTP_31_order_errors) {
  const std::string_view ehlo = "EHLO c\r\n";
  const std::string_view mail = "MAIL FROM:<a@b.example>\r\n";
  const std::string_view rcpt = "RCPT TO:<c@d.example>\r\n";
  const OrderCase cases[] = {
      {"MAIL before EHLO", {}, mail, "503 5.5.1 "},
      {"RCPT before MAIL", {ehlo}, rcpt, "503 5.5.1 "},
      {"DATA before MAIL", {ehlo}, "DATA\r\n", "503 5.5.1 "},
      {"DATA before RCPT", {ehlo, mail}, "DATA\r\n", "554 5.5.1 "},
      {"MAIL within MAIL", {ehlo, mail}, mail, "503 5.5.1 "},
      {"RCPT after RSET", {ehlo, mail, "RSET\r\n"}, rcpt, "503 5.5.1 "},
      {"RCPT after another EHLO", {ehlo, mail, ehlo}, rcpt, "503 5.5.1 "},
      {"MAIL after another EHLO", {ehlo, mail, ehlo}, mail, "250 2.1.0 "},
      {"RSET keeps EHLO", {ehlo, "RSET\r\n"}, mail, "250 2.1.0 "},
      {"RSET before EHLO", {}, "RSET\r\n", "250 2.0.0 "},
      {"VRFY before EHLO", {}, "VRFY a\r\n", "252 2.0.0 "},
      {"HELP before EHLO", {}, "HELP\r\n", "214 2.0.0 "},
      {"QUIT before EHLO", {}, "QUIT\r\n", "221 2.0.0 "},
      {"EHLO without name", {}, "EHLO\r\n", "501 a host"},
      {"unknown command", {ehlo}, "WHAT\r\n", "500 5.5.1 "},
      {"empty line", {ehlo}, "\r\n", "500 5.5.1 "},
      {"the envelope survives NOOP and errors",
       {ehlo, mail, rcpt, "NOOP\r\n", "X\r\n"},
       "DATA\r\n",
       "354 "},
  };
  for (const OrderCase& each : cases) {
    Dialogue dialogue;
    for (const auto line : each.before)
      dialogue.say(line);
    EXPECT_THAT(dialogue.say(each.command), StartsWith(std::string(each.want))) << each.name;
  }
}

TEST(ServerSession, ESC_01_every_reply_has_a_status_but_hello_and_354) {
  Dialogue dialogue;
  EXPECT_EQ(dialogue.say("EHLO\r\n"), "501 a host name is needed\r\n");
  EXPECT_EQ(dialogue.say("HELO a b\r\n"), "501 malformed host name\r\n");
}

TEST(ServerSession, relaying_denied_at_RCPT) {
  ServerOptions options = usual();
  options.relaying = ServerOptions::Relaying::denied;
  Dialogue dialogue(options);
  dialogue.say("EHLO c\r\n");
  EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("250"));
  EXPECT_THAT(dialogue.say("RCPT TO:<c@d.example>\r\n"), StartsWith("550 5.7.1 "));
  EXPECT_THAT(dialogue.say("DATA\r\n"), StartsWith("554 5.5.1 "));
}

TEST(ServerSession, duplicates_are_accepted_once) {
  Dialogue dialogue;
  dialogue.with_envelope();
  EXPECT_THAT(dialogue.say("RCPT TO:<c@D.example>\r\nRCPT TO:<C@d.example>\r\n"),
              StartsWith("250 2.1.5 recipient ok\r\n250 2.1.5"));
  dialogue.send("x\r\n.\r\n");
  std::vector<std::string> texts;
  for (const IncomingRecipient& each : dialogue.envelopes.at(0).recipients)
    texts.push_back(each.address.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"c@d.example", "e@f.example", "C@d.example"}));
}

TEST(ServerSession, SMTP_28_too_many_recipients_are_for_the_next_message) {
  Dialogue dialogue;
  dialogue.say("EHLO c\r\n");
  dialogue.say("MAIL FROM:<a@b.example>\r\n");
  std::string commands;
  for (int i = 0; i < 200; ++i)
    commands += "RCPT TO:<u" + std::to_string(i) + "@d.example>\r\n";
  const std::string said = dialogue.say(commands);
  std::size_t taken = 0;
  for (std::size_t at = said.find("250 2.1.5"); at != std::string::npos;
       at = said.find("250 2.1.5", at + 1))
    ++taken;
  EXPECT_EQ(taken, 100U);
  EXPECT_THAT(said, EndsWith("452 4.5.3 too many recipients\r\n"));
  EXPECT_FALSE(dialogue.over()) << "refusals beyond the limit are no errors of the client";
  EXPECT_THAT(dialogue.say("RCPT TO:<u5@d.example>\r\n"), StartsWith("250"));
  EXPECT_EQ(dialogue.send("x\r\n.\r\n"), "250 2.0.0 queued as ID1\r\n");
  EXPECT_EQ(dialogue.envelopes.at(0).recipients.size(), 100U);
}

TEST(ServerSession, SMU_04_bytes_before_their_time_end_the_session) {
  const OrderCase cases[] = {
      {"behind EHLO", {}, "EHLO c\r\nMAIL FROM:<a@b.example>\r\n", "554 5.5.0 "},
      {"half a line behind EHLO", {}, "EHLO c\r\nM", "554 5.5.0 "},
      {"behind HELO", {}, "HELO c\r\nMAIL FROM:<a@b.example>\r\n", "554 5.5.0 "},
      {"behind STARTTLS", {"EHLO c\r\n"}, "STARTTLS\r\nMAIL FROM:<x@y.example>\r\n", "554 5.5.0 "},
      {"behind DATA",
       {"EHLO c\r\n", "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"},
       "DATA\r\nx\r\n.\r\n",
       "554 5.5.0 "},
      {"behind DATA without envelope", {"EHLO c\r\n"}, "DATA\r\nQUIT\r\n.\r\n", "554 5.5.0 "},
  };
  for (const OrderCase& each : cases) {
    Dialogue dialogue;
    for (const auto line : each.before)
      dialogue.say(line);
    const std::string said = dialogue.say(each.command);
    EXPECT_THAT(said, StartsWith(std::string(each.want))) << each.name;
    EXPECT_EQ(said.find('\n'), said.size() - 1) << each.name << ": nothing else is answered";
    EXPECT_TRUE(dialogue.over()) << each.name;
    EXPECT_EQ(dialogue.handshakes, 0) << each.name;
    EXPECT_TRUE(dialogue.envelopes.empty()) << each.name;
  }
}

TEST(ServerSession, SMU_04_client_that_speaks_before_the_greeting) {
  ServerSession session(usual());
  EXPECT_TRUE(std::holds_alternative<ServerWrite>(session.resume(SessionStarted{})));
  const auto refusal = session.resume(ServerBytesReceived{"EHLO c\r\n"});
  EXPECT_THAT(std::get<ServerWrite>(refusal).bytes, StartsWith("554 5.5.0 "));
  EXPECT_TRUE(std::holds_alternative<ServerClose>(session.resume(ServerBytesWritten{})));
}

TEST(ServerSession, STL_01_STL_02_starttls_forgets_what_was_said_in_clear) {
  Dialogue dialogue;
  dialogue.say("EHLO c\r\n");
  dialogue.say("MAIL FROM:<a@b.example>\r\n");
  EXPECT_EQ(dialogue.say("STARTTLS\r\n"), "220 2.0.0 ready to start TLS\r\n");
  EXPECT_EQ(dialogue.handshakes, 1);
  EXPECT_THAT(dialogue.say("RCPT TO:<c@d.example>\r\n"), StartsWith("503 "));
  EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("503 ")) << "EHLO again";
  EXPECT_THAT(dialogue.say("EHLO c\r\n"), Not(HasSubstr("STARTTLS")));
  EXPECT_THAT(dialogue.say("STARTTLS\r\n"), StartsWith("503 5.5.1 "));
  dialogue.say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
  dialogue.send("x\r\n.\r\n");
  EXPECT_TRUE(dialogue.envelopes.at(0).tls);
}

TEST(ServerSession, starttls_that_is_not_offered) {
  ServerOptions options = usual();
  options.tls = ServerOptions::Tls::none;
  Dialogue dialogue(options);
  EXPECT_THAT(dialogue.say("EHLO c\r\n"), Not(HasSubstr("STARTTLS")));
  EXPECT_THAT(dialogue.say("STARTTLS\r\n"), StartsWith("502 5.5.1 "));
  EXPECT_EQ(dialogue.handshakes, 0);
}

TEST(ServerSession, implicit_tls) {
  ServerOptions options = usual();
  options.tls = ServerOptions::Tls::active;
  Dialogue dialogue(options);
  EXPECT_THAT(dialogue.say("EHLO c\r\n"), Not(HasSubstr("STARTTLS")));
  dialogue.say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
  dialogue.send("x\r\n.\r\n");
  EXPECT_TRUE(dialogue.envelopes.at(0).tls);
}

TEST(ServerSession, REQ_01_REQUIRETLS_is_offered_under_TLS_only) {
  const std::string_view mail = "MAIL FROM:<a@b.example> REQUIRETLS\r\n";
  ServerOptions options = usual();
  options.requiretls = true;
  Dialogue dialogue(options);
  EXPECT_THAT(dialogue.say("EHLO c\r\n"), Not(HasSubstr("REQUIRETLS")));
  EXPECT_EQ(dialogue.say(mail), "555 5.5.4 MAIL parameter not supported\r\n");
  dialogue.say("STARTTLS\r\n");
  EXPECT_THAT(dialogue.say("EHLO c\r\n"), HasSubstr("250-REQUIRETLS\r\n"));
  EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example> REQUIRETLS=1\r\n"), StartsWith("501 5.5.4 "));
  EXPECT_THAT(dialogue.say(mail), StartsWith("250 2.1.0 "));
  dialogue.say("RCPT TO:<c@d.example>\r\n");
  dialogue.send("x\r\n.\r\n");
  EXPECT_TRUE(dialogue.envelopes.at(0).requiretls);
  dialogue.say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
  dialogue.send("x\r\n.\r\n");
  EXPECT_FALSE(dialogue.envelopes.at(1).requiretls) << "not for the next message";
  dialogue.say("HELO c\r\n");
  EXPECT_THAT(dialogue.say(mail), StartsWith("555 5.5.4 ")) << "HELO offers nothing";

  options.tls = ServerOptions::Tls::active;
  Dialogue implicit(options);
  EXPECT_THAT(implicit.say("EHLO c\r\n"), HasSubstr("250-REQUIRETLS\r\n"));
  options.requiretls = false;
  Dialogue off(options);
  EXPECT_THAT(off.say("EHLO c\r\n"), Not(HasSubstr("REQUIRETLS")));
  EXPECT_THAT(off.say(mail), StartsWith("555 5.5.4 "));
}

TEST(ServerSession, REQ_01_MAIL_may_be_longer_by_its_parameters) {
  ServerOptions options = usual();
  options.tls = ServerOptions::Tls::active;
  options.requiretls = true;
  Dialogue dialogue(options);
  dialogue.say("EHLO c\r\n");
  const std::string parameters = " SIZE=00000000000000000001 BODY=8BITMIME REQUIRETLS\r\n";
  std::string line = "MAIL FROM:<a@b.example>";
  line.resize(512 + 26 + 17 + 11 - parameters.size(), ' ');
  EXPECT_THAT(dialogue.say(line + parameters), StartsWith("250 2.1.0 "));
}

TEST(ServerSession, pitfall_88_envelope_refused_for_want_of_space) {
  Dialogue dialogue;
  dialogue.refuse_envelope = make_error(Errc::store_full, "/var/lib/fulmar: 12 octets free");
  dialogue.say("EHLO c\r\n");
  std::string pipelined = "MAIL FROM:<a@b.example>\r\n";
  for (int i = 0; i < 60; ++i)
    pipelined += "RCPT TO:<c@d.example>\r\n";
  const std::string said = dialogue.say(pipelined + "DATA\r\n");
  EXPECT_THAT(said, StartsWith("452 4.3.1 insufficient storage; try again later\r\n503 5.5.1 "));
  EXPECT_THAT(said, EndsWith("503 5.5.1 MAIL was refused\r\n"));
  EXPECT_FALSE(dialogue.over()) << "the client only pipelined";
  dialogue.refuse_envelope.reset();
  EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("250"));
}

TEST(ServerSession, pitfall_93_where_memory_is_short_a_client_is_sent_away) {
  Dialogue dialogue;
  dialogue.refuse_envelope = make_error(Errc::limit, "12345 octets are in use");
  dialogue.refuse_envelope->status = {4, 3, 2};
  dialogue.say("EHLO c\r\n");
  EXPECT_EQ(dialogue.say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"),
            "421 4.3.2 relay.example busy; try again later\r\n");
  EXPECT_TRUE(dialogue.over());
}

TEST(ServerSession, twenty_errors_in_a_row_or_fifty_in_all) {
  Dialogue row;
  std::string said;
  for (int i = 0; i < 20; ++i)
    said = row.say("WHAT\r\n");
  EXPECT_EQ(said,
            "500 5.5.1 command not recognised\r\n421 4.7.0 relay.example too many errors\r\n");
  EXPECT_TRUE(row.over());
  EXPECT_EQ(row.session().tally().ended_by, "too many errors");
  EXPECT_EQ(row.session().tally().refusals, 20U);

  Dialogue all;
  int errors = 0;
  while (!all.over() && errors < 100) {
    all.say("WHAT\r\n");
    ++errors;
    if (errors % 10 == 0 && !all.over()) all.say("NOOP\r\n");
  }
  EXPECT_EQ(errors, 50);
}

TEST(ServerSession, lines_over_the_limit) {
  Dialogue dialogue;
  const std::string fits = "NOOP " + std::string(2048 - 7, 'x') + "\r\n";
  EXPECT_THAT(dialogue.say(fits), StartsWith("250 "));
  EXPECT_EQ(dialogue.say("NOOP x" + fits.substr(5)), "500 5.5.2 line too long\r\n");
  EXPECT_EQ(dialogue.say("NOOP\r\n"), "250 2.0.0 ok\r\n");
  EXPECT_EQ(dialogue.say(std::string(60'000, 'x')), "");
  EXPECT_EQ(dialogue.say("\r\nNOOP\r\n"), "500 5.5.2 line too long\r\n250 2.0.0 ok\r\n");
  EXPECT_EQ(dialogue.say(std::string(60'000, 'x')), "");
  EXPECT_THAT(dialogue.say(std::string(60'000, 'x')), StartsWith("500 5.5.2 "));
  EXPECT_TRUE(dialogue.over());
}

TEST(ServerSession, http_is_turned_away) {
  Dialogue dialogue;
  EXPECT_EQ(dialogue.say("POST / HTTP/1.1\r\nHost: relay\r\n\r\nEHLO c\r\n"),
            "500 5.5.1 this is SMTP, not HTTP\r\n");
  EXPECT_TRUE(dialogue.over());
}

TEST(ServerSession, timeout_and_stop) {
  Dialogue idle;
  idle.say("EHLO c\r\n");
  EXPECT_EQ(idle.tell(ServerTimedOut{}), "421 4.4.2 relay.example nothing came in time\r\n");
  EXPECT_TRUE(idle.over());

  Dialogue stopped;
  EXPECT_EQ(stopped.tell(ServerStopping{}), "421 4.3.2 relay.example shutting down\r\n");
  EXPECT_TRUE(stopped.over());

  Dialogue sending;
  sending.with_envelope().say("DATA\r\n");
  EXPECT_EQ(sending.tell(ServerStopping{}), "");
  EXPECT_TRUE(sending.session().in_message());
  EXPECT_EQ(sending.say("x\r\n.\r\nMAIL FROM:<a@b.example>\r\n"),
            "250 2.0.0 queued as ID1\r\n421 4.3.2 relay.example shutting down\r\n");
  EXPECT_TRUE(sending.over());

  Dialogue lost;
  lost.with_envelope().say("DATA\r\n");
  EXPECT_THAT(lost.tell(ServerTimedOut{}), StartsWith("421 4.4.2 "));
  EXPECT_TRUE(lost.session().in_message()) << "the driver discards the body";
}

}  // namespace
}  // namespace fulmar::smtp
