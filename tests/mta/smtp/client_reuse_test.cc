// Several messages over one connection: when it is kept, and what happens when the host has had
// enough of it. Pitfalls 68 and 69.
#include "client_scenes.h"

namespace fulmar::smtp {
namespace {

const Lines kAccepted = kMail + kRcpt + kData + kBody + Lines{"S: 250 2.0.0 queued"};
const Lines kReset = {"C: RSET", "S: 250 ok"};

Script keeping(const Lines& lines) {
  Script script{.lines = lines};
  script.options.ending = ClientOptions::Ending::keep;
  return script;
}

/// Over a connection that another session kept.
Script kept(const Lines& lines) {
  Script script = keeping(lines);
  script.kept = KeptSession{};
  return script;
}

void expect_delivered(const Outcome& outcome) {
  EXPECT_TRUE(outcome.result.recipients.at(0).delivered);
  EXPECT_TRUE(outcome.kept);
  EXPECT_FALSE(outcome.result.stale);
}

TEST(ClientReuse, a_connection_is_kept_after_the_message_was_taken) {
  expect_delivered(play_all_ways(keeping(kPlainHost + kAccepted)));
}

TEST(ClientReuse, without_the_wish_it_ends_with_QUIT) {
  Script script = keeping(kPlainHost + kTransaction);
  script.options.ending = ClientOptions::Ending::quit;
  EXPECT_FALSE(play_all_ways(script).kept);
}

TEST(ClientReuse, the_next_message_begins_with_MAIL) {
  expect_delivered(play_all_ways(kept(kAccepted)));
}

TEST(ClientReuse, what_was_agreed_on_holds_for_the_next_message) {
  Script script = kept({"C: MAIL FROM:<from@client.example> SIZE=0", "C: RCPT TO:<a@x.example>",
                        "C: DATA", "S: 250 ok", "S: 250 ok", "S: 354 go on"});
  script.lines = script.lines + kBody + Lines{"S: 250 2.0.0 queued"};
  script.kept->offers.pipelining = true;
  script.kept->offers.size = true;
  script.kept->tls = true;
  const Outcome outcome = play_all_ways(script);
  expect_delivered(outcome);
  EXPECT_TRUE(outcome.result.tls);
  EXPECT_EQ(outcome.result.shown_in_clear, Shown::nothing);
}

TEST(ClientReuse, nobody_logs_in_twice) {
  Script script = kept(kAccepted);
  script.options.credentials = {"user", "secret"};
  script.kept->tls = true;
  expect_delivered(play_all_ways(script));
}

TEST(ClientReuse, pitfall_68_RSET_after_a_refused_message) {
  const std::vector<Lines> refusals = {
      {"C: MAIL FROM:<from@client.example>", "S: 550 not you"},
      kMail + Lines{"C: RCPT TO:<a@x.example>", "S: 450 later"},
      kMail + kRcpt + Lines{"C: DATA", "S: 451 no"},
      kMail + kRcpt + kData + kBody + Lines{"S: 554 5.6.0 not that"},
  };
  for (const Lines& refusal : refusals) {
    const Outcome outcome = play_all_ways(keeping(kPlainHost + refusal + kReset));
    EXPECT_TRUE(outcome.kept);
    EXPECT_TRUE(outcome.result.recipients.at(0).failure.has_value());
  }
}

TEST(ClientReuse, a_host_that_refuses_RSET_gets_QUIT) {
  const Lines refused = kMail + Lines{"C: RCPT TO:<a@x.example>", "S: 550 no such user"};
  const Outcome outcome =
      play_all_ways(keeping(kPlainHost + refused + Lines{"C: RSET", "S: 502 what?"} + kQuit));
  EXPECT_FALSE(outcome.kept);
  expect_failure(outcome.result.recipients.at(0).failure, Errc::remote_permanent, Retry::never);
}

TEST(ClientReuse, a_connection_that_breaks_at_RSET_changes_nothing) {
  const Lines refused = kMail + Lines{"C: RCPT TO:<a@x.example>", "S: 550 no such user"};
  const Outcome outcome = play_all_ways(kept(refused + Lines{"C: RSET", "LOST"}));
  EXPECT_FALSE(outcome.result.stale);
  expect_failure(outcome.result.recipients.at(0).failure, Errc::remote_permanent, Retry::never);
}

TEST(ClientReuse, more_replies_than_commands_end_the_connection) {
  const Lines talkative = kMail + kRcpt + kData + kBody + Lines{"S: 250 queued", "S: 250 again"};
  const Outcome outcome = play(keeping(kPlainHost + talkative + Lines{"C: QUIT"}));
  EXPECT_FALSE(outcome.kept);
  EXPECT_TRUE(outcome.result.recipients.at(0).delivered);
}

struct StaleCase {
  std::string name;
  Lines lines;
  bool stale = false;
};

TEST(ClientReuse, pitfall_69_what_a_kept_connection_ends_with_says_nothing_about_the_host) {
  const Lines mail = {"C: MAIL FROM:<from@client.example>"};
  const Lines rcpt = {"C: RCPT TO:<a@x.example>"};
  const std::vector<StaleCase> cases = {
      {"421 to MAIL", mail + Lines{"S: 421 4.7.0 idle"}, true},
      {"closed", mail + Lines{"LOST"}, true},
      {"silent", mail + Lines{"TIMEOUT"}, true},
      {"enough of us", mail + Lines{"S: 452 too many messages"} + kQuit, true},
      {"421 to RCPT", kMail + rcpt + Lines{"S: 421 4.7.0 bye"}, true},
      {"closed at RCPT", kMail + rcpt + Lines{"LOST"}, true},
      {"closed at DATA", kMail + kRcpt + Lines{"C: DATA", "LOST"}, true},
      {"silent at RCPT", kMail + rcpt + Lines{"TIMEOUT"}, false},
      {"refused", mail + Lines{"S: 554 too many messages"} + kQuit, true},
      {"busy at RCPT", kMail + rcpt + Lines{"S: 450 later"} + kReset, false},
      {"421 to the dot", kMail + kRcpt + kData + kBody + Lines{"S: 421 no"}, false},
      {"closed after the dot", kMail + kRcpt + kData + kBody + Lines{"LOST"}, false},
  };
  for (const StaleCase& row : cases) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(play_all_ways(kept(row.lines)).result.stale, row.stale);
    if (row.lines.back() == kQuit.back()) continue;  // a new connection would be kept, after RSET
    EXPECT_FALSE(play_all_ways(keeping(kPlainHost + row.lines)).result.stale)
        << "a new connection's end counts";
  }
}

}  // namespace
}  // namespace fulmar::smtp
