#include <gtest/gtest.h>

#include "client_dialogue.h"
#include "client_scenes.h"
#include "mta/smtp/client_session.h"

namespace fulmar::smtp {
namespace {

// ---- one recipient, one command a time

TEST(ClientSession, delivers_without_any_extension) {
  const auto result = play_everything({.lines = kPlainHost + kTransaction});
  ASSERT_EQ(result.recipients.size(), 1U);
  EXPECT_TRUE(result.recipients[0].delivered);
  EXPECT_EQ(result.recipients[0].reply->verbatim(), "250 2.0.0 queued");
  EXPECT_EQ(result.recipients[0].stage, Stage::final_dot);
  EXPECT_EQ(result.stage, Stage::quit);
  EXPECT_FALSE(result.failure || result.tls || result.tls_failed || result.starttls_offered ||
               result.in_doubt);
}

TEST(ClientSession, null_reverse_path) {
  Script script{.lines = kPlainHost + Lines{"C: MAIL FROM:<>", "S: 250 ok"} + kRcpt + kData +
                         kBody + Lines{"S: 250 ok"} + kQuit};
  script.envelope.reverse_path = "";
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientSession, SMTP_32_failing_QUIT_changes_nothing) {
  const Lines until_quit =
      kPlainHost + kMail + kRcpt + kData + kBody + Lines{"S: 250 ok", "C: QUIT"};
  for (const char* end : {"LOST", "TIMEOUT", "LOST after write", "S: 500 what", "S: garbage"}) {
    const auto result = play_everything({.lines = until_quit + Lines{end}});
    EXPECT_TRUE(result.recipients[0].delivered) << end;
    EXPECT_FALSE(result.failure || result.in_doubt) << end;
  }
}

TEST(ClientSession, SMTP_16_unknown_codes_count_by_first_digit) {
  const auto result = play_everything(
      {.lines = Lines{"S: 229 hi", "C: EHLO mail.client.example", "S: 299",
                      "C: MAIL FROM:<from@client.example>", "S: 201ok", "C: RCPT TO:<a@x.example>",
                      "S: 251 will forward", "C: DATA", "S: 399"} +
                kBody + Lines{"S: 255 ok"} + kQuit});
  EXPECT_TRUE(result.recipients[0].delivered);
}

// ---- greeting, EHLO, HELO

TEST(ClientSession, SMTP_20_pitfall_55_refusing_greeting_means_another_host) {
  for (const char* greeting : {"S: 554 no mail here", "S: 521 never", "S: 450 busy"}) {
    const auto result = play_everything({.lines = Lines{greeting} + kQuit});
    ASSERT_TRUE(result.failure) << greeting;
    EXPECT_EQ(result.failure->retry, Retry::next_host) << greeting;
    EXPECT_EQ(result.recipients[0].failure, result.failure);
    EXPECT_EQ(result.stage, Stage::greeting);
  }
}

TEST(ClientSession, SMTP_17_greeting_of_something_else) {
  for (const char* greeting : {"S: SSH-2.0-x", "S: 199 hm", "S: 350 hm"}) {
    expect_all_fail(play_everything({.lines = {greeting}}), Errc::remote_protocol,
                    Retry::next_host);
  }
}

TEST(ClientSession, SMTP_18_421_in_the_greeting) {
  expect_all_fail(play_everything({.lines = {"S: 421 too busy"}}), Errc::remote_temporary,
                  Retry::next_host);
}

TEST(ClientSession, connection_lost_before_anything) {
  expect_all_fail(play_everything({.lines = {"LOST"}}), Errc::connection_lost, Retry::next_host);
  expect_all_fail(play_everything({.lines = {"TIMEOUT"}}), Errc::connection_lost, Retry::next_host);
}

TEST(ClientSession, SMTP_21_HELO_when_EHLO_is_refused) {
  for (const char* reply : {"S: 500 what", "S: 502 no", "S: 504 no", "S: 550 no"}) {
    const auto result = play_everything(
        {.lines = kGreeting +
                  Lines{reply, "C: HELO mail.client.example", "S: 250-hi", "S: 250 PIPELINING"} +
                  kTransaction});
    EXPECT_TRUE(result.recipients[0].delivered) << reply;
  }
}

TEST(ClientSession, SMTP_21_refused_EHLO_and_HELO) {
  const auto result = play_everything(
      {.lines =
           kGreeting + Lines{"S: 500 what", "C: HELO mail.client.example", "S: 550 no"} + kQuit});
  expect_all_fail(result, Errc::remote_permanent, Retry::next_host);
  EXPECT_EQ(result.stage, Stage::ehlo);
}

TEST(ClientSession, temporary_refusal_of_EHLO) {
  expect_all_fail(play_everything({.lines = kGreeting + Lines{"S: 451 later"} + kQuit}),
                  Errc::remote_temporary, Retry::next_host);
}

TEST(ClientSession, SMU_05_a_name_that_would_break_the_EHLO_line) {
  for (const char* name : {"", "a b", "a\r\nMAIL FROM:<x@y>", "a\n"}) {
    Script script;
    script.options.helo_name = name;
    expect_all_fail(play(script).result, Errc::invalid_argument, Retry::never);
  }
}

// ---- STARTTLS

TEST(ClientSession, STL_01_STL_02_encrypted) {
  for (const auto mode : {StartTls::required, StartTls::offered}) {
    Script script{.lines = kUnderTls + kTransaction};
    script.options.starttls = mode;
    const auto result = play_everything(script);
    EXPECT_TRUE(result.recipients[0].delivered);
    EXPECT_TRUE(result.tls);
    EXPECT_TRUE(result.starttls_offered);
    EXPECT_FALSE(result.tls_failed);
  }
}

TEST(ClientSession, STL_02_pitfall_59_capabilities_in_clear_are_forgotten) {
  const Lines opening = kGreeting + Lines{"S: 250-mx.example",
                                          "S: 250-PIPELINING",
                                          "S: 250-SIZE 1",
                                          "S: 250-8BITMIME",
                                          "S: 250 STARTTLS",
                                          "C: STARTTLS",
                                          "S: 220 go",
                                          "TLS",
                                          "C: EHLO mail.client.example"};
  Script script{.lines = opening + Lines{"S: 250-mx", "S: 250 STARTTLS"} + kTransaction};
  script.envelope.size = 23;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered) << "and STARTTLS is not sent twice";

  script.lines = opening + Lines{"S: 250 mx"} + kQuit;
  script.envelope.eight_bit = true;
  expect_all_fail(play_everything(script), Errc::eight_bit_unsupported, Retry::next_host);
}

TEST(ClientSession, HELO_under_TLS_is_no_downgrade) {
  Script script{.lines = kTlsHost +
                         Lines{"S: 220 go", "TLS", "C: EHLO mail.client.example", "S: 502 no",
                               "C: HELO mail.client.example", "S: 250 hi"} +
                         kTransaction};
  script.options.starttls = StartTls::required;
  const auto result = play_everything(script);
  EXPECT_TRUE(result.recipients[0].delivered && result.tls);
}

TEST(ClientSession, STARTTLS_is_not_used_when_it_must_not_be) {
  Script script{.lines = kGreeting + Lines{"S: 250-mx", "S: 250 STARTTLS"} + kTransaction};
  script.options.starttls = StartTls::never;
  const auto result = play_everything(script);
  EXPECT_TRUE(result.recipients[0].delivered);
  EXPECT_TRUE(result.starttls_offered);
  EXPECT_FALSE(result.tls || result.tls_failed);
}

TEST(ClientSession, required_and_not_offered) {
  for (const Lines& hello :
       {Lines{"S: 250 mx"}, Lines{"S: 250-mx", "S: 250 XSTARTTLS"}, Lines{"S: 502 EHLO unknown"}}) {
    Script script{.lines = kGreeting + hello + kQuit};
    script.options.starttls = StartTls::required;
    const auto result = play_everything(script);
    expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
    EXPECT_EQ(to_string(result.failure->status), "4.7.4");
    EXPECT_TRUE(result.failure->detail.starts_with("STARTTLS is not offered"));
    EXPECT_FALSE(result.starttls_offered || result.tls_failed || result.tls);
  }
}

TEST(ClientSession, required_and_EHLO_refused_for_another_reason) {
  Script script{.lines = kGreeting + Lines{"S: 550 5.7.1 blocked"} + kQuit};
  script.options.starttls = StartTls::required;
  const auto result = play_everything(script);
  expect_all_fail(result, Errc::remote_permanent, Retry::next_host);
  EXPECT_EQ(result.recipients[0].reply->verbatim(), "550 5.7.1 blocked");
}

TEST(ClientSession, STL_03_refused_STARTTLS) {
  for (const auto mode : {StartTls::required, StartTls::offered}) {
    for (const char* reply : {"S: 454 4.7.0 not now", "S: 501 no", "S: 554 no", "S: 350 hm"}) {
      SCOPED_TRACE(reply);
      Script script{.lines = kTlsHost + Lines{reply} + kQuit};
      script.options.starttls = mode;
      const auto result = play_everything(script);
      expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
      EXPECT_TRUE(result.failure->detail.starts_with("STARTTLS is refused: "));
      EXPECT_TRUE(result.tls_failed && result.starttls_offered && !result.tls);
      EXPECT_EQ(result.stage, Stage::starttls);
      EXPECT_EQ("S: " + result.recipients[0].reply->verbatim(), reply);
    }
  }
}

TEST(ClientSession, STL_03_SMTP_18_421_to_STARTTLS_is_a_refusal_too) {
  for (const auto mode : {StartTls::required, StartTls::offered}) {
    Script script{.lines = kTlsHost + Lines{"S: 421 4.7.0 bye"}};
    script.options.starttls = mode;
    const auto result = play_everything(script);
    expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
    EXPECT_EQ(result.failure->detail, "STARTTLS is refused: 421 4.7.0 bye");
    EXPECT_TRUE(result.tls_failed);
    EXPECT_EQ(result.recipients[0].reply->code, 421);
  }
}

TEST(ClientSession, STL_06_STARTTLS_without_a_usable_answer_is_a_failure_of_TLS) {
  for (const auto mode : {StartTls::required, StartTls::offered}) {
    for (const char* end : {"LOST", "LOST after write", "TIMEOUT", "S: nonsense"}) {
      SCOPED_TRACE(end);
      Script script{.lines = kTlsHost + Lines{end}};
      script.options.starttls = mode;
      const auto result = play_everything(script);
      expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
      EXPECT_TRUE(result.tls_failed);
      EXPECT_EQ(result.stage, Stage::starttls);
    }
  }
}

TEST(ClientSession, STL_02_pitfall_58_injection_behind_the_reply_to_STARTTLS) {
  for (const char* injected : {"S: 250 x", "S: 250-SIZE 1", "S: ", "S: x"}) {
    for (const auto mode : {StartTls::required, StartTls::offered}) {
      Script script{.lines = kTlsHost + Lines{"S: 220 go", injected}};
      script.options.starttls = mode;
      const auto result = play(script).result;
      expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
      EXPECT_TRUE(result.tls_failed) << injected;
    }
  }
}

TEST(ClientSession, pitfall_58_injected_octets_without_a_line_end) {
  ClientSession session = one_recipient();
  (void)session.resume(Connected{});
  (void)session.resume(BytesReceived{"220 hi\r\n"});
  (void)session.resume(BytesWritten{});
  (void)session.resume(BytesReceived{"250-hi\r\n250 STARTTLS\r\n"});
  (void)session.resume(BytesWritten{});
  EXPECT_TRUE(std::holds_alternative<DoClose>(session.resume(BytesReceived{"220 go\r\n2"})));
  EXPECT_TRUE(session.result().tls_failed);
}

TEST(ClientSession, pitfall_60_failed_handshake_closes_at_once) {
  const auto result = play_everything({.lines = kTlsHost + Lines{"S: 220 go", "TLS failed"}});
  expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
  EXPECT_TRUE(result.tls_failed && !result.tls);
  EXPECT_EQ(result.stage, Stage::tls);
}

TEST(ClientSession, STL_04_certificate_that_proves_nothing_gets_QUIT) {
  const auto result =
      play_everything({.lines = kTlsHost + Lines{"S: 220 go", "TLS refused"} + kQuit});
  expect_all_fail(result, Errc::dane_mismatch, Retry::next_host);
  EXPECT_TRUE(result.tls && !result.tls_failed);
}

TEST(ClientSession, pitfall_63_connection_lost_before_the_first_reply_under_TLS) {
  const Lines until_ehlo = kTlsHost + Lines{"S: 220 go", "TLS", "C: EHLO mail.client.example"};
  for (const char* end : {"LOST", "LOST after write"}) {
    const auto result = play_everything({.lines = until_ehlo + Lines{end}});
    expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
    EXPECT_TRUE(result.tls_failed);
  }
  const auto slow = play_everything({.lines = until_ehlo + Lines{"TIMEOUT"}});
  expect_all_fail(slow, Errc::connection_lost, Retry::next_host);
  EXPECT_FALSE(slow.tls_failed);

  const auto later =
      play_everything({.lines = kUnderTls + Lines{"C: MAIL FROM:<from@client.example>", "LOST"}});
  expect_all_fail(later, Errc::connection_lost, Retry::next_host);
  EXPECT_FALSE(later.tls_failed);
}

// ---- what was shown in clear

TEST(ClientSession, shown_in_clear_is_the_most_that_was_written_without_TLS) {
  struct Case {
    const char* name;
    Lines lines;
    Shown want;
  };
  const Lines refused = {"C: QUIT", "S: 221 bye"};
  for (const Case& c : {
           Case{"greeting", {"LOST"}, Shown::nothing},
           Case{"MAIL", kPlainHost + Lines{"C: MAIL FROM:<from@client.example>", "LOST"},
                Shown::envelope},
           Case{"RCPT",
                kPlainHost + kMail + Lines{"C: RCPT TO:<a@x.example>", "S: 550 no"} + refused,
                Shown::envelope},
           Case{"DATA", kPlainHost + kMail + kRcpt + Lines{"C: DATA", "S: 451 no"} + refused,
                Shown::envelope},
           Case{"delivered", kPlainHost + kTransaction, Shown::content},
           Case{"lost amid the body",
                kPlainHost + kMail + kRcpt + kData + kBody + Lines{"LOST after write"},
                Shown::content},
           Case{"under TLS", kUnderTls + kTransaction, Shown::nothing},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(play_everything({.lines = c.lines}).shown_in_clear, c.want);
  }
}

TEST(ClientSession, a_lone_dot_shows_no_content) {
  const auto result = play_everything(three_recipients(
      kPipeliningHost + kGroup +
      Lines{"S: 250 ok", "S: 550 a", "S: 550 b", "S: 550 c", "S: 354 go", "C: .", "S: 554 no"} +
      kQuit));
  EXPECT_EQ(result.shown_in_clear, Shown::envelope);
}

// ---- probe

TEST(ClientSession, probe_ends_after_the_last_EHLO) {
  Script script{.envelope = {}, .lines = kUnderTls + kQuit};
  script.options.purpose = ClientOptions::Purpose::probe;
  auto result = play_everything(script);
  EXPECT_TRUE(result.tls && !result.failure && result.recipients.empty());

  script.lines = kPlainHost + kQuit;
  EXPECT_FALSE(play_everything(script).failure);
  script.lines = kPlainHost + Lines{"C: QUIT", "LOST"};
  EXPECT_FALSE(play_everything(script).failure) << "SMTP-32";
  script.options.starttls = StartTls::required;
  expect_failure(play_everything(script).failure, Errc::tls_handshake, Retry::next_host);
  script.lines = {"S: 554 no"};
  script.lines = script.lines + kQuit;
  expect_failure(play_everything(script).failure, Errc::remote_permanent, Retry::next_host);
  script.lines = {"LOST"};
  expect_failure(play_everything(script).failure, Errc::connection_lost, Retry::next_host);
}

}  // namespace
}  // namespace fulmar::smtp
