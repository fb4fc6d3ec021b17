// What a configured relay needs: TLS from the first octet, and a login.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_dialogue.h"
#include "client_scenes.h"
#include "mta/smtp/client_session.h"

namespace fulmar::smtp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const ClientOptions::Credentials kCredentials = {.user = "user", .password = "secret"};
constexpr const char* kPlain = "C: AUTH PLAIN AHVzZXIAc2VjcmV0";
constexpr const char* kEncodedUser = "C: dXNlcg==";
constexpr const char* kEncodedPassword = "C: c2VjcmV0";
const Lines kAuthenticated = {kPlain, "S: 235 2.7.0 welcome"};

Lines under_tls(const Lines& keywords) {
  return kTlsHost + Lines{"S: 220 go ahead", "TLS", "C: EHLO mail.client.example"} + keywords;
}
const Lines kPlainOffered = under_tls({"S: 250-mx.example", "S: 250 AUTH LOGIN PLAIN"});
const Lines kLoginOffered = under_tls({"S: 250-mx.example", "S: 250 AUTH CRAM-MD5 LOGIN"});

Script with_login(const Lines& lines) {
  Script script{.lines = lines};
  script.options.starttls = StartTls::required;
  script.options.credentials = kCredentials;
  return script;
}

// ---- implicit TLS

TEST(ClientSession, implicit_TLS_says_nothing_in_clear) {
  Script script{.lines = Lines{"TLS"} + kPlainHost + kTransaction};
  script.options.starttls = StartTls::implicit;
  const auto result = play_everything(script);
  EXPECT_TRUE(result.recipients[0].delivered && result.tls);
  EXPECT_EQ(result.shown_in_clear, Shown::nothing);
  EXPECT_FALSE(result.tls_failed || result.starttls_offered);
}

TEST(ClientSession, implicit_TLS_never_says_STARTTLS) {
  Script script{.lines = Lines{"TLS"} + kGreeting + Lines{"S: 250-mx", "S: 250 STARTTLS"} +
                         kTransaction};
  script.options.starttls = StartTls::implicit;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientSession, implicit_TLS_that_cannot_be_had) {
  Script script{.lines = {"TLS failed"}};
  script.options.starttls = StartTls::implicit;
  auto result = play_everything(script);
  expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
  EXPECT_TRUE(result.tls_failed && !result.tls);
  EXPECT_EQ(result.stage, Stage::tls);

  script.lines = {"TLS", "LOST"};
  result = play_everything(script);
  expect_all_fail(result, Errc::tls_handshake, Retry::next_host);
  EXPECT_TRUE(result.tls_failed) << "pitfall 63";

  script.lines = Lines{"TLS refused"} + kQuit;
  result = play_everything(script);
  expect_all_fail(result, Errc::dane_mismatch, Retry::next_host);
  EXPECT_TRUE(result.tls && !result.tls_failed);
}

TEST(ClientSession, implicit_TLS_and_a_greeting_that_refuses) {
  Script script{.lines = Lines{"TLS", "S: 554 no"} + kQuit};
  script.options.starttls = StartTls::implicit;
  const auto result = play_everything(script);
  expect_all_fail(result, Errc::remote_permanent, Retry::next_host);
  EXPECT_EQ(result.stage, Stage::greeting);
}

// ---- login

TEST(ClientSession, AUT_04_PLAIN_is_preferred_and_comes_before_MAIL) {
  const auto result = play_everything(with_login(kPlainOffered + kAuthenticated + kTransaction));
  EXPECT_TRUE(result.recipients[0].delivered);
  EXPECT_FALSE(result.failure);
}

TEST(ClientSession, login_under_implicit_TLS) {
  Script script =
      with_login(Lines{"TLS"} + kGreeting + Lines{"S: 250-mx.example", "S: 250 AUTH PLAIN"} +
                 kAuthenticated + kTransaction);
  script.options.starttls = StartTls::implicit;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientSession, LOGIN_where_there_is_no_PLAIN) {
  const Lines login = kLoginOffered + Lines{"C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", kEncodedUser,
                                            "S: 334 UGFzc3dvcmQ6", kEncodedPassword};
  EXPECT_TRUE(play_everything(with_login(login + Lines{"S: 235 ok"} + kTransaction))
                  .recipients[0]
                  .delivered);
  const auto refused = play_everything(with_login(login + Lines{"S: 535 5.7.8 no"} + kQuit));
  expect_all_fail(refused, Errc::relay_auth, Retry::next_host);

  const auto at_once = play_everything(
      with_login(kLoginOffered + Lines{"C: AUTH LOGIN", "S: 503 5.5.1 not now"} + kQuit));
  expect_all_fail(at_once, Errc::relay_auth, Retry::next_host);
}

TEST(ClientSession, refused_login) {
  const auto result = play_everything(
      with_login(kPlainOffered + Lines{kPlain, "S: 535 5.7.8 ask the porter"} + kQuit));
  expect_all_fail(result, Errc::relay_auth, Retry::next_host);
  EXPECT_EQ(result.failure->detail, "the login is refused: 535 5.7.8 ask the porter");
  EXPECT_EQ(to_string(result.failure->status), "4.7.8");
  EXPECT_EQ(result.stage, Stage::auth);
  EXPECT_EQ(result.recipients[0].reply->code, 535);
}

TEST(ClientSession, login_that_is_not_possible_for_now) {
  const auto result = play_everything(
      with_login(kPlainOffered + Lines{kPlain, "S: 454 4.7.0 backend is down"} + kQuit));
  expect_all_fail(result, Errc::remote_temporary, Retry::next_host);
  EXPECT_EQ(to_string(result.failure->status), "4.7.0");
  EXPECT_EQ(result.stage, Stage::auth);
  expect_all_fail(play_everything(with_login(kPlainOffered + Lines{kPlain, "S: 421 bye"})),
                  Errc::remote_temporary, Retry::next_host);
}

TEST(ClientSession, question_after_all_was_said) {
  const auto result =
      play_everything(with_login(kPlainOffered + Lines{kPlain, "S: 334 what else"}));
  expect_all_fail(result, Errc::remote_protocol, Retry::next_host);
}

TEST(ClientSession, login_that_is_not_offered) {
  for (const char* keyword : {"S: 250 AUTH CRAM-MD5", "S: 250 AUTH", "S: 250 SIZE"}) {
    const auto result =
        play_everything(with_login(under_tls({"S: 250-mx.example", keyword}) + kQuit));
    expect_all_fail(result, Errc::relay_auth, Retry::next_host);
  }
}

TEST(ClientSession, AUT_04_no_password_without_TLS) {
  const Lines in_clear = kGreeting + Lines{"S: 250-mx.example", "S: 250 AUTH PLAIN LOGIN"};
  for (const auto mode : {StartTls::offered, StartTls::never}) {
    Script script = with_login(in_clear + kQuit);
    script.options.starttls = mode;
    const auto result = play_everything(script);
    expect_all_fail(result, Errc::relay_auth, Retry::next_host);
    EXPECT_EQ(result.failure->detail, "a password is sent under TLS only");
  }
  Script forgotten =
      with_login(kGreeting +
                 Lines{"S: 250-mx.example", "S: 250-AUTH PLAIN", "S: 250 STARTTLS", "C: STARTTLS",
                       "S: 220 go", "TLS", "C: EHLO mail.client.example", "S: 250 mx.example"} +
                 kQuit);
  expect_all_fail(play_everything(forgotten), Errc::relay_auth, Retry::next_host);
}

TEST(ClientSession, password_stays_out_of_the_result) {
  for (const char* words : {"S: 535 secret is wrong", "S: 535-no\r\n535 c2VjcmV0 is wrong",
                            "S: 535 bad line: AUTH PLAIN AHVzZXIAc2VjcmV0", "S: 454 later, secret",
                            "S: 334 AHVzZXIAc2VjcmV0", "S: AUTH PLAIN AHVzZXIAc2VjcmV0"}) {
    SCOPED_TRACE(words);
    Lines lines = kPlainOffered + Lines{kPlain, words};
    const bool closes = std::string_view(words).find("S: 334") == 0 || words[3] == 'A';
    if (!closes) lines = lines + kQuit;
    const auto result = play_everything(with_login(lines));
    ASSERT_TRUE(result.failure);
    std::string said = result.failure->detail;
    for (const RecipientOutcome& one : result.recipients) {
      said += one.failure->detail;
      if (one.reply) said += one.reply->verbatim();
    }
    EXPECT_THAT(said, Not(HasSubstr("secret")));
    EXPECT_THAT(said, Not(HasSubstr("c2VjcmV0")));
    EXPECT_THAT(said, Not(HasSubstr("AHVzZXIAc2VjcmV0")));
  }
}

TEST(ClientSession, credentials_that_cannot_be_said) {
  using namespace std::string_literals;
  for (const std::string& text : {"a\0b"s, "a\r"s, "a\nb"s, ""s, std::string(4097, 'x')}) {
    Script script = with_login({});
    script.options.credentials->password = text;
    expect_all_fail(play(script).result, Errc::invalid_argument, Retry::never);
    script.options.credentials = {.user = text, .password = "secret"};
    expect_all_fail(play(script).result, Errc::invalid_argument, Retry::never);
  }
}

TEST(ClientSession, probe_logs_in_too) {
  Script script = with_login(kPlainOffered + kAuthenticated + kQuit);
  script.envelope = {};
  script.options.purpose = ClientOptions::Purpose::probe;
  EXPECT_FALSE(play_everything(script).failure);
  script.lines = kPlainOffered + Lines{kPlain, "S: 535 no"} + kQuit;
  expect_failure(play_everything(script).failure, Errc::relay_auth, Retry::next_host);
}

TEST(ClientSession, host_that_the_message_does_not_fit_hears_no_password) {
  Script script = with_login(kPlainOffered + kQuit);
  script.envelope.eight_bit = true;
  expect_all_fail(play_everything(script), Errc::eight_bit_unsupported, Retry::next_host);
}

}  // namespace
}  // namespace fulmar::smtp
