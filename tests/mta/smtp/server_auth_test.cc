// AUTH on the server's side: when it is offered, the exchange, and what it opens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "tests/mta/smtp/server_dialogue.h"

namespace fulmar::smtp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Auth = ServerOptions::Auth;
using Tls = ServerOptions::Tls;

ServerOptions with_auth(Auth auth, Tls tls = Tls::active) {
  ServerOptions options = usual();
  options.auth = auth;
  options.tls = tls;
  options.relaying = ServerOptions::Relaying::denied;
  return options;
}

const std::string kPlain = "AUTH PLAIN " + base64(std::string("\0shop\0s3cret", 12)) + "\r\n";
const std::string kMail = "MAIL FROM:<a@b.example>\r\n";
const std::string kRcpt = "RCPT TO:<c@d.example>\r\n";

TEST(ServerAuth, AUT_01_offered_under_TLS_only) {
  Dialogue clear(with_auth(Auth::optional, Tls::offered));
  EXPECT_THAT(clear.say("EHLO c\r\n"), Not(HasSubstr("AUTH")));
  EXPECT_EQ(clear.say(kPlain), "538 5.7.11 AUTH needs TLS\r\n");
  clear.say("STARTTLS\r\n");
  EXPECT_THAT(clear.say("EHLO c\r\n"), HasSubstr("250-AUTH PLAIN LOGIN\r\n"));
  EXPECT_EQ(clear.say(kPlain), "235 2.7.0 authenticated\r\n");
  EXPECT_THAT(clear.logins, ElementsAre("shop:s3cret"));
}

TEST(ServerAuth, without_it_in_the_settings_there_is_none) {
  Dialogue dialogue(with_auth(Auth::none));
  EXPECT_THAT(dialogue.say("EHLO c\r\n"), Not(HasSubstr("AUTH")));
  EXPECT_EQ(dialogue.say(kPlain), "502 5.5.1 AUTH is not offered\r\n");
}

TEST(ServerAuth, AUT_01_whoever_is_authenticated_may_relay) {
  Dialogue dialogue(with_auth(Auth::optional));
  dialogue.say("EHLO c\r\n");
  dialogue.say(kMail);
  EXPECT_THAT(dialogue.say(kRcpt), StartsWith("550 5.7.1 "));
  dialogue.say("RSET\r\n");
  dialogue.say(kPlain);
  EXPECT_EQ(dialogue.say(kMail), "250 2.1.0 sender ok\r\n");
  EXPECT_EQ(dialogue.say(kRcpt), "250 2.1.5 recipient ok\r\n");
  dialogue.send("x\r\n.\r\n");
  EXPECT_EQ(dialogue.envelopes.at(0).user, "shop");
  EXPECT_THAT(dialogue.senders, ElementsAre(" as a@b.example", "shop as a@b.example"));
  EXPECT_EQ(dialogue.session().tally().user, "shop");
}

TEST(ServerAuth, AUT_03_where_it_is_required_MAIL_waits_for_it) {
  ServerOptions options = with_auth(Auth::required, Tls::offered);
  options.relaying = ServerOptions::Relaying::allowed;
  Dialogue dialogue(options);
  dialogue.say("EHLO c\r\n");
  EXPECT_EQ(dialogue.say(kMail), "530 5.7.0 authentication required; STARTTLS comes first\r\n");
  dialogue.say("STARTTLS\r\n");
  dialogue.say("EHLO c\r\n");
  EXPECT_EQ(dialogue.say(kMail), "530 5.7.0 authentication required\r\n");
  dialogue.say(kPlain);
  EXPECT_EQ(dialogue.say(kMail), "250 2.1.0 sender ok\r\n");
}

TEST(ServerAuth, LOGIN_and_a_PLAIN_that_waits_for_its_challenge) {
  Dialogue login(with_auth(Auth::optional));
  login.say("EHLO c\r\n");
  EXPECT_EQ(login.say("AUTH LOGIN\r\n"), "334 VXNlcm5hbWU6\r\n");
  EXPECT_EQ(login.say(base64("shop") + "\r\n"), "334 UGFzc3dvcmQ6\r\n");
  EXPECT_EQ(login.say(base64("s3cret") + "\r\n"), "235 2.7.0 authenticated\r\n");
  Dialogue plain(with_auth(Auth::optional));
  plain.say("EHLO c\r\n");
  EXPECT_EQ(plain.say("AUTH PLAIN\r\n"), "334 \r\n");
  EXPECT_EQ(plain.say_one_by_one(base64(std::string("\0shop\0s3cret", 12)) + "\r\n"),
            "235 2.7.0 authenticated\r\n");
}

TEST(ServerAuth, AUT_01_AUT_03_what_is_out_of_order) {
  struct Row {
    std::vector<std::string> before;
    std::string want;
  };
  const Row rows[] = {
      {{}, "503 5.5.1 "},
      {{"HELO c\r\n"}, "503 5.5.1 "},
      {{"EHLO c\r\n", kPlain}, "503 5.5.1 "},
      {{"EHLO c\r\n", kMail}, "503 5.5.1 "},
  };
  for (const Row& row : rows) {
    Dialogue dialogue(with_auth(Auth::optional));
    for (const std::string& line : row.before)
      dialogue.say(line);
    EXPECT_THAT(dialogue.say(kPlain), StartsWith(row.want));
  }
}

TEST(ServerAuth, AUT_02_AUT_03_exchanges_that_fail) {
  struct Row {
    std::string command;
    std::string answer;  // to the challenge; empty: there is none
    std::string want;
  };
  const Row rows[] = {
      {"AUTH CRAM-MD5\r\n", "", "504 5.5.4 mechanisms here: PLAIN LOGIN\r\n"},
      {"AUTH PLAIN AAA\r\n", "", "501 5.5.2 malformed response\r\n"},
      {"AUTH PLAIN =\r\n", "", "501 5.5.2 malformed response\r\n"},
      {"AUTH PLAIN\r\n", "*\r\n", "501 5.7.0 cancelled\r\n"},
      {"AUTH LOGIN\r\n", "*\r\n", "501 5.7.0 cancelled\r\n"},
      {"AUTH LOGIN\r\n", "QUIT now\r\n", "501 5.5.2 malformed response\r\n"},
      {"AUTH PLAIN\r\n", std::string(12'288, 'A') + "\r\n", "500 5.5.6 line too long\r\n"},
      {"AUTH PLAIN\r\n", base64(std::string("boss\0shop\0s3cret", 16)) + "\r\n",
       "535 5.7.8 nobody acts for another here\r\n"},
  };
  for (const Row& row : rows) {
    Dialogue dialogue(with_auth(Auth::optional));
    dialogue.say("EHLO c\r\n");
    std::string said = dialogue.say(row.command);
    if (!row.answer.empty()) {
      EXPECT_THAT(said, StartsWith("334 "));
      said = dialogue.say(row.answer);
    }
    EXPECT_EQ(said, row.want);
    EXPECT_THAT(dialogue.logins, IsEmpty());
    EXPECT_EQ(dialogue.say("NOOP\r\n"), "250 2.0.0 ok\r\n") << "the exchange is over";
    EXPECT_EQ(dialogue.say(kPlain), "235 2.7.0 authenticated\r\n");
  }
}

TEST(ServerAuth, wrong_passwords_three_times_end_the_session) {
  Dialogue dialogue(with_auth(Auth::optional));
  dialogue.refuse_login = CredentialsRefused::Why::wrong;
  dialogue.say("EHLO c\r\n");
  EXPECT_EQ(dialogue.say(kPlain), "535 5.7.8 wrong user name or password\r\n");
  EXPECT_THAT(dialogue.say(kMail + kRcpt), HasSubstr("550 5.7.1 "));
  dialogue.say("RSET\r\n");
  dialogue.say(kPlain);
  EXPECT_EQ(dialogue.say(kPlain),
            "535 5.7.8 wrong user name or password\r\n"
            "421 4.7.0 relay.example too many failed logins\r\n");
  EXPECT_TRUE(dialogue.over());
  EXPECT_EQ(dialogue.session().tally().user, "");
}

TEST(ServerAuth, AUT_03_a_password_that_cannot_be_checked_now) {
  Dialogue dialogue(with_auth(Auth::optional));
  dialogue.refuse_login = CredentialsRefused::Why::try_later;
  dialogue.say("EHLO c\r\n");
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(dialogue.say(kPlain), StartsWith("454 4.7.0 "));
  EXPECT_TRUE(dialogue.over()) << "redteam_36: who does not wait is sent away";
}

// SCRAM-SHA-256: what is in the messages is not the session's business.

const std::string kScram = "AUTH SCRAM-SHA-256 " + base64("first") + "\r\n";

/// The program's side of one that goes well.
std::vector<ServerEvent> scram_accepted() {
  return {ScramChallenge{"server-first"}, ScramChallenge{"server-final"},
          CredentialsAccepted{{.name = "shop"}}};
}

Dialogue with_scram(std::vector<ServerEvent> answers) {
  ServerOptions options = with_auth(Auth::optional);
  options.scram = OfferScram::yes;
  Dialogue dialogue(options);
  EXPECT_THAT(dialogue.say("EHLO c\r\n"), HasSubstr("250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n"));
  dialogue.scram_answers = std::move(answers);
  return dialogue;
}

TEST(ServerAuth, AUT_01_SCRAM_ends_with_a_challenge_that_the_client_answers_with_nothing) {
  Dialogue dialogue = with_scram(scram_accepted());
  EXPECT_EQ(dialogue.say(kScram), "334 " + base64("server-first") + "\r\n");
  EXPECT_EQ(dialogue.say_one_by_one(base64("last") + "\r\n"),
            "334 " + base64("server-final") + "\r\n");
  EXPECT_THAT(dialogue.say(kMail), StartsWith("501 5.5.2 ")) << "not yet";
  dialogue.scram_answers = scram_accepted();
  EXPECT_EQ(dialogue.say("AUTH SCRAM-SHA-256\r\n"), "334 \r\n") << "the client begins";
  dialogue.say(base64("first") + "\r\n");
  dialogue.say(base64("last") + "\r\n");
  EXPECT_EQ(dialogue.say("\r\n"), "235 2.7.0 authenticated\r\n");
  EXPECT_THAT(dialogue.scram_said,
              ElementsAre("first:first", "later:last", "first:first", "later:last", "later:"));
  EXPECT_EQ(dialogue.say(kMail + kRcpt), "250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n");
  EXPECT_THAT(dialogue.senders, ElementsAre("shop as a@b.example"));
}

TEST(ServerAuth, without_its_keys_SCRAM_is_not_there) {
  Dialogue dialogue(with_auth(Auth::optional));
  EXPECT_THAT(dialogue.say("EHLO c\r\n"), Not(HasSubstr("SCRAM")));
  EXPECT_EQ(dialogue.say(kScram), "504 5.5.4 mechanisms here: PLAIN LOGIN\r\n");
  Dialogue other = with_scram({});
  EXPECT_EQ(other.say("AUTH SCRAM-SHA-256-PLUS\r\n"),
            "504 5.5.4 mechanisms here: SCRAM-SHA-256 PLAIN LOGIN\r\n");
  EXPECT_EQ(other.say(kPlain), "235 2.7.0 authenticated\r\n") << "the others stay";
}

TEST(ServerAuth, AUT_02_SCRAM_can_be_cancelled_at_every_step) {
  for (std::size_t steps = 0; steps < 3; ++steps) {
    Dialogue dialogue = with_scram(scram_accepted());
    dialogue.say("AUTH SCRAM-SHA-256\r\n");
    for (std::size_t i = 0; i < steps; ++i)
      EXPECT_THAT(dialogue.say(base64("x") + "\r\n"), StartsWith("334 "));
    EXPECT_EQ(dialogue.say("*\r\n"), "501 5.7.0 cancelled\r\n") << steps;
    EXPECT_EQ(dialogue.say("NOOP\r\n"), "250 2.0.0 ok\r\n");
    EXPECT_EQ(dialogue.session().tally().user, "");
    dialogue.scram_answers = scram_accepted();
    dialogue.say(kScram);
    EXPECT_EQ(dialogue.scram_said.back(), "first:first") << "a new exchange";
  }
}

TEST(ServerAuth, AUT_03_refusals_of_SCRAM) {
  using Why = CredentialsRefused::Why;
  struct Row {
    Why why;
    std::string want;
    int most;  // so many end the session
  };
  const Row rows[] = {
      {Why::wrong, "535 5.7.8 wrong user name or password\r\n", 3},
      {Why::try_later, "454 4.7.0 cannot check passwords now; try again later\r\n", 3},
      {Why::malformed, "501 5.5.2 malformed response\r\n", 10},
      {Why::denied, "535 5.7.8 nobody acts for another here\r\n", 10},
  };
  for (const Row& row : rows) {
    for (std::size_t after = 0; after < 3; ++after) {
      std::vector<ServerEvent> answers(after, ScramChallenge{"c"});
      answers.emplace_back(CredentialsRefused{row.why});
      Dialogue dialogue = with_scram({});
      std::string said;
      for (int login = 0; login < row.most; ++login) {
        EXPECT_FALSE(dialogue.over());
        dialogue.scram_answers = answers;
        said = dialogue.say(kScram);
        for (std::size_t i = 0; i < after; ++i)
          said = dialogue.say(base64("x") + "\r\n");
        EXPECT_THAT(said, StartsWith(row.want));
      }
      EXPECT_TRUE(dialogue.over()) << row.want;
    }
  }
}

TEST(ServerAuth, a_challenge_is_as_long_as_it_has_to_be) {
  const std::string nonce(ScramMessage::kMaxOctets, 'n');
  Dialogue dialogue = with_scram({ScramChallenge{nonce}});
  EXPECT_EQ(dialogue.say(kScram), "334 " + base64(nonce) + "\r\n");
}

TEST(ServerAuth, a_certificate_is_as_good_as_a_password) {
  Dialogue dialogue(with_auth(Auth::required, Tls::offered));
  dialogue.certified = {.name = "device@b.example", .recipients_per_message = 1};
  dialogue.say("STARTTLS\r\n");
  dialogue.say("EHLO c\r\n");
  EXPECT_EQ(dialogue.say(kMail + kRcpt), "250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n");
  EXPECT_EQ(dialogue.say("RCPT TO:<e@f.example>\r\n"), "452 4.5.3 too many recipients\r\n");
  EXPECT_THAT(dialogue.senders, ElementsAre("device@b.example as a@b.example"));
}

TEST(ServerAuth, STL_02_TLS_forgets_no_right_that_it_gave_itself) {
  Dialogue dialogue(with_auth(Auth::optional));
  dialogue.say("EHLO c\r\n");
  dialogue.say(kPlain);
  dialogue.say("EHLO c\r\n");
  EXPECT_EQ(dialogue.say(kMail + kRcpt), "250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n");
}

TEST(ServerAuth, a_limit_of_recipients_of_ones_own) {
  Dialogue dialogue(with_auth(Auth::optional));
  dialogue.user_recipients = 2;
  dialogue.say("EHLO c\r\n");
  dialogue.say(kPlain);
  dialogue.say(kMail + kRcpt);
  EXPECT_THAT(dialogue.say("RCPT TO:<2@d.example>\r\n"), StartsWith("250 "));
  EXPECT_EQ(dialogue.say("RCPT TO:<3@d.example>\r\n"), "452 4.5.3 too many recipients\r\n");
}

TEST(ServerAuth, PIP_01_AUTH_ends_a_group) {
  Dialogue dialogue(with_auth(Auth::optional));
  dialogue.say("EHLO c\r\n");
  EXPECT_THAT(dialogue.say(kPlain + kMail), StartsWith("554 5.5.0 "));
  EXPECT_TRUE(dialogue.over());
  EXPECT_THAT(dialogue.logins, IsEmpty());
}

TEST(ServerAuth, AUT_03_the_AUTH_parameter_needs_the_extension) {
  Dialogue dialogue(with_auth(Auth::optional));
  dialogue.say("EHLO c\r\n");
  dialogue.say(kPlain);
  EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example> AUTH=<>\r\n"), StartsWith("250 "));
  Dialogue without;
  without.say("EHLO c\r\n");
  EXPECT_THAT(without.say("MAIL FROM:<a@b.example> AUTH=<>\r\n"), StartsWith("555 5.5.4 "));
}

}  // namespace
}  // namespace fulmar::smtp
