// The message by BDAT: in one flight with its envelope, or in chunks behind it. RFC 3030
#include <algorithm>

#include "client_scenes.h"
#include "mta/smtp/client_envelope.h"

namespace fulmar::smtp {
namespace {

const Lines kReset = {"C: RSET", "S: 250 ok"};
/// 22 octets, as they come behind the command.
const Lines kText = {"C: Subject: hi", "C: ", "C: hello"};
const Lines kChunk = Lines{"C: BDAT 22 LAST"} + kText;
const Lines kOneFlight =
    Lines{"C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example>"} + kChunk;
const Lines kThreeFlight = Lines{"C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example>",
                                 "C: RCPT TO:<b@x.example>", "C: RCPT TO:<c@x.example>"} +
                           kChunk;
const Lines kAllWell = {"S: 250 ok", "S: 250 a", "S: 250 2.0.0 queued"};

Script with_its_size(Script script) {
  script.envelope.size = 0;
  for (const std::string& chunk : script.body)
    script.envelope.size += chunk.size();
  return script;
}

Script one(const Lines& lines) {
  return with_its_size({.lines = lines});
}

Script three(const Lines& lines) {
  return with_its_size(three_recipients(lines));
}

Script keeping(Script script) {
  script.options.ending = ClientOptions::Ending::keep;
  return script;
}

/// Over a connection that another session kept.
Script kept(Script script) {
  script.kept = KeptSession{};
  script.kept->offers.pipelining = true;
  script.kept->offers.chunking = true;
  return keeping(std::move(script));
}

// ---- one flight

TEST(ClientChunks, CHK_01_envelope_and_message_go_out_in_one_flight) {
  const auto outcome = play_all_ways(one(kChunkingHost + kOneFlight + kAllWell + kQuit));
  EXPECT_TRUE(outcome.result.recipients[0].delivered);
  EXPECT_EQ(outcome.result.recipients[0].reply->verbatim(), "250 2.0.0 queued");
  EXPECT_EQ(outcome.result.recipients[0].stage, Stage::final_dot);
  EXPECT_EQ(outcome.result.shown_in_clear, Shown::content);
}

TEST(ClientChunks, CHK_01_the_octets_are_counted_and_nothing_is_stuffed) {
  struct Case {
    std::string name;
    Lines body;
    Lines wanted;
  };
  for (const Case& c : {
           Case{"dots", {".\r\n..\r\n.", "x\r\n"}, {"C: BDAT 11 LAST", "C: .", "C: ..", "C: .x"}},
           Case{"no line end at the end", {"a\r\nb"}, {"C: BDAT 4 LAST", "C: a", "C+ b"}},
           Case{"a line end cut in two", {"a\r", "\nb\r\n"}, {"C: BDAT 6 LAST", "C: a", "C: b"}},
           Case{"empty", {}, {"C: BDAT 0 LAST"}},
       }) {
    SCOPED_TRACE(c.name);
    Script script{.body = c.body,
                  .lines = kChunkingHost +
                           Lines{"C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example>"} +
                           c.wanted + kAllWell + kQuit};
    EXPECT_TRUE(play_everything(with_its_size(script)).recipients[0].delivered);
  }
}

TEST(ClientChunks, SMU_03_no_bare_line_end_goes_out_and_the_count_is_of_what_does) {
  Script script{.body = {"a\rb\n", "\n.\r"},
                .lines = kChunkingHost +
                         Lines{"C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example>",
                               "C: BDAT 11 LAST", "C: a", "C: b", "C: ", "C: ."} +
                         kAllWell + kQuit};
  EXPECT_TRUE(play_everything(with_its_size(script)).recipients[0].delivered);
}

TEST(ClientChunks, without_pipelining_the_chunk_comes_after_the_replies) {
  const Lines host = kGreeting + Lines{"S: 250-mx.example", "S: 250 CHUNKING"};
  const auto result =
      play_everything(one(host + kMail + kRcpt + kChunk + Lines{"S: 250 ok"} + kQuit));
  EXPECT_TRUE(result.recipients[0].delivered);
  const Lines refused = kMail + Lines{"C: RCPT TO:<a@x.example>", "S: 550 no"};
  EXPECT_EQ(play_everything(one(host + refused + kQuit)).shown_in_clear, Shown::envelope);
}

TEST(ClientChunks, CHK_02_DATA_where_chunking_is_not_offered_not_wanted_or_no_gain) {
  EXPECT_EQ(choose_handover({.size = 1}, {}), Handover::data);
  EXPECT_EQ(choose_handover({.size = 1}, {.chunking = true}), Handover::flight);
  EXPECT_EQ(choose_handover({.size = kMaxFlight}, {.chunking = true}), Handover::flight);
  EXPECT_EQ(choose_handover({.size = kMaxFlight + 1}, {.chunking = true}), Handover::data);
  EXPECT_EQ(choose_handover({.size = kMaxFlight + 1}, {.pipelining = true, .chunking = true}),
            Handover::chunks);
  Script script = one(kChunkingHost +
                      Lines{"C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example>",
                            "C: DATA", "S: 250 ok", "S: 250 a", "S: 354 go on"} +
                      kBody + Lines{"S: 250 ok"} + kQuit);
  script.options.chunking = ClientOptions::Chunking::never;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientChunks, STL_02_chunking_offered_in_clear_is_forgotten_under_TLS) {
  const Lines opening = kGreeting + Lines{"S: 250-mx.example",
                                          "S: 250-CHUNKING",
                                          "S: 250 STARTTLS",
                                          "C: STARTTLS",
                                          "S: 220 go ahead",
                                          "TLS",
                                          "C: EHLO mail.client.example",
                                          "S: 250 mx.example"};
  EXPECT_TRUE(play_everything(one(opening + kTransaction)).recipients[0].delivered);
}

TEST(ClientChunks, what_the_message_needs_is_still_asked_for) {
  Script script =
      one(kGreeting +
          Lines{"S: 250-mx.example", "S: 250-PIPELINING", "S: 250-SIZE 1000", "S: 250-8BITMIME",
                "S: 250 CHUNKING", "C: MAIL FROM:<from@client.example> SIZE=22 BODY=8BITMIME",
                "C: RCPT TO:<a@x.example>"} +
          kChunk + kAllWell + kQuit);
  script.envelope.eight_bit = true;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientChunks, PIP_02_the_message_goes_with_the_last_of_many_groups) {
  Script script = with_its_size({.lines = kChunkingHost});
  script.envelope.recipients.clear();
  Lines commands = {"C: MAIL FROM:<from@client.example>"};
  Lines replies = {"S: 250 ok"};
  for (int i = 0; i < 250; ++i) {
    const std::string address = "r" + std::to_string(i) + "@x.example";
    script.envelope.recipients.push_back({address});
    if (commands.size() == 100) {
      script.lines = script.lines + commands + replies;
      commands.clear();
      replies.clear();
    }
    commands.push_back("C: RCPT TO:<" + address + ">");
    replies.push_back(i % 3 == 0 ? "S: 550 no" : "S: 250 ok");
  }
  script.lines = script.lines + commands + kChunk + replies + Lines{"S: 250 taken"} + kQuit;
  const auto result = play_everything(script);
  for (std::size_t i = 0; i < 250; ++i)
    EXPECT_EQ(result.recipients[i].delivered, i % 3 != 0) << i;
}

TEST(ClientChunks, all_of_an_early_group_refused_and_the_message_is_never_shown) {
  Script script = with_its_size({.lines = kChunkingHost});
  script.envelope.recipients.assign(99, {"a@x.example"});
  script.lines = script.lines + Lines{"C: MAIL FROM:<from@client.example>"};
  script.lines.insert(script.lines.end(), 99, "C: RCPT TO:<a@x.example>");
  script.lines = script.lines + Lines{"S: 250 ok"};
  script.lines.insert(script.lines.end(), 99, "S: 550 no");
  script.lines = script.lines + kQuit;
  EXPECT_EQ(play_everything(script).shown_in_clear, Shown::envelope);
}

// ---- whose reply it is

TEST(ClientChunks, pitfall_70_only_accepted_recipients_get_the_chunks_reply) {
  const auto taken = play_everything(
      three(kChunkingHost + kThreeFlight +
            Lines{"S: 250 ok", "S: 250 a", "S: 550 5.1.1 no b", "S: 451 c later", "S: 250 taken"} +
            kQuit));
  EXPECT_TRUE(taken.recipients[0].delivered);
  EXPECT_EQ(taken.recipients[1].reply->verbatim(), "550 5.1.1 no b");
  expect_failure(taken.recipients[2].failure, Errc::remote_temporary, Retry::next_host);
  const auto refused = play_everything(
      three(kChunkingHost + kThreeFlight +
            Lines{"S: 250 ok", "S: 250 a", "S: 450 b", "S: 250 c", "S: 554 5.6.0 spam"} + kQuit));
  EXPECT_EQ(refused.recipients[0].reply->verbatim(), "554 5.6.0 spam");
  EXPECT_EQ(refused.recipients[0].stage, Stage::final_dot);
  EXPECT_EQ(refused.recipients[1].stage, Stage::rcpt);
  expect_failure(refused.recipients[2].failure, Errc::remote_permanent, Retry::never);
  EXPECT_FALSE(refused.in_doubt);
}

TEST(ClientChunks, SMTP_25_pitfall_70_a_chunk_for_nobody_delivers_nothing_whatever_its_reply) {
  const Lines refused = {"S: 250 ok", "S: 550 no a", "S: 551 no b", "S: 450 no c"};
  struct Case {
    std::string reply;
    bool goes_on;
  };
  for (const Case& c :
       {Case{"S: 503 no recipients", true}, Case{"S: 554 no valid recipients", true},
        Case{"S: 250 thanks", true}, Case{"S: 452 full", true}, Case{"S: 421 bye", false},
        Case{"S: 502 what is BDAT?", false}, Case{"S: 354 go on", false}, Case{"S: ?", false},
        Case{"LOST", false}, Case{"TIMEOUT", false}}) {
    SCOPED_TRACE(c.reply);
    const Lines lines = kChunkingHost + kThreeFlight + refused + Lines{c.reply};
    const auto kept = play_all_ways(keeping(three(lines + (c.goes_on ? kReset : Lines{}))));
    EXPECT_EQ(kept.kept, c.goes_on);
    const auto result = play_everything(three(lines + (c.goes_on ? kQuit : Lines{})));
    EXPECT_FALSE(result.in_doubt || result.failure || result.bdat_unknown);
    EXPECT_EQ(result.recipients[0].reply->verbatim(), "550 no a");
    EXPECT_EQ(result.recipients[2].reply->verbatim(), "450 no c");
  }
}

TEST(ClientChunks, pitfall_70_refused_MAIL_decides_for_all_whatever_follows) {
  const Lines refused = kChunkingHost + kThreeFlight + Lines{"S: 550 5.7.1 not you"};
  for (const Lines& ending : {
           Lines{"LOST"},
           Lines{"TIMEOUT"},
           Lines{"S: 503 no", "S: 503 no", "LOST"},
           Lines{"S: 503 no", "S: 503 no", "S: 503 no", "S: 503 no"} + kQuit,
           Lines{"S: 250 ok", "S: 250 ok", "S: 250 ok", "S: 250 taken"} + kQuit,
           Lines{"S: 421 bye"},
           Lines{"S: nonsense"},
       }) {
    const auto result = play_everything(three(refused + ending));
    expect_all_fail(result, Errc::remote_permanent, Retry::never);
    EXPECT_EQ(result.recipients[2].reply->verbatim(), "550 5.7.1 not you");
    EXPECT_EQ(result.recipients[2].stage, Stage::mail);
    EXPECT_FALSE(result.in_doubt);
  }
}

TEST(ClientChunks, SMTP_19_too_many_recipients) {
  const auto result = play_everything(
      three(kChunkingHost + kThreeFlight +
            Lines{"S: 250 ok", "S: 250 a", "S: 250 b", "S: 452 4.5.3 c", "S: 250 taken"} + kQuit));
  EXPECT_TRUE(result.recipients[0].delivered && result.recipients[1].delivered);
  EXPECT_TRUE(result.recipients[2].try_again_here);
}

TEST(ClientChunks, SMTP_18_pitfall_69_421_amid_the_recipients) {
  const auto result =
      play_everything(three(kChunkingHost + kThreeFlight +
                            Lines{"S: 250 ok", "S: 550 no a", "S: 250 b", "S: 421 4.3.2 bye"}));
  expect_failure(result.recipients[0].failure, Errc::remote_permanent, Retry::never);
  expect_failure(result.recipients[1].failure, Errc::remote_temporary, Retry::next_host);
  expect_failure(result.recipients[2].failure, Errc::remote_temporary, Retry::next_host);
  EXPECT_FALSE(result.in_doubt) << "421 is an answer: not taken";
}

TEST(ClientChunks, pitfall_70_a_reply_too_many_delivers_nothing) {
  const Lines surplus = {"S: 250-mx.example", "S: 250-PIPELINING", "S: 250 CHUNKING",
                         "S: 250 and again"};
  Script before = one(kGreeting + surplus +
                      Lines{"C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example>",
                            "C: DATA", "S: 250 ok", "S: 250 a", "S: 354 go on"});
  expect_all_fail(play(before).result, Errc::remote_protocol, Retry::next_host);

  const Lines host = kGreeting + Lines{"S: 250-mx.example", "S: 250 CHUNKING"};
  const auto amid =
      play(one(host + Lines{"C: MAIL FROM:<from@client.example>", "S: 250 ok", "S: 250 again"}))
          .result;
  expect_all_fail(amid, Errc::remote_protocol, Retry::next_host);
  EXPECT_EQ(amid.shown_in_clear, Shown::envelope);

  const Lines talkative = kAllWell + Lines{"S: 250 again", "C: QUIT"};
  EXPECT_FALSE(play(keeping(one(kChunkingHost + kOneFlight + talkative))).kept);
}

// ---- doubt

TEST(ClientChunks, pitfall_73_a_flight_whose_end_is_unknown_leaves_doubt) {
  const std::vector<Lines> endings = {
      {"LOST"},
      {"TIMEOUT"},
      {"LOST after write"},
      {"S: 250 ok", "LOST"},
      {"S: 250 ok", "S: 250 a", "LOST"},
      {"S: 250 ok", "S: 250 a", "TIMEOUT"},
      {"S: 250 ok", "S: 250 a", "S: what?"},
      {"S: 250 ok", "S: 250 a", "S: 354 go on"},
  };
  for (const Lines& ending : endings) {
    SCOPED_TRACE(ending.back());
    const auto result = play_everything(one(kChunkingHost + kOneFlight + ending));
    ASSERT_TRUE(result.failure);
    EXPECT_EQ(result.failure->retry, Retry::later);
    EXPECT_NE(result.failure->detail.find("more than once"), std::string::npos);
    EXPECT_TRUE(result.in_doubt);
    EXPECT_EQ(result.recipients[0].stage, Stage::final_dot);
  }
}

TEST(ClientChunks, pitfall_73_doubt_does_not_touch_recipients_refused_before) {
  const auto result = play_everything(
      three(kChunkingHost + kThreeFlight + Lines{"S: 250 ok", "S: 550 no a", "S: 250 b", "LOST"}));
  expect_failure(result.recipients[0].failure, Errc::remote_permanent, Retry::never);
  expect_failure(result.recipients[1].failure, Errc::connection_lost, Retry::later);
  expect_failure(result.recipients[2].failure, Errc::connection_lost, Retry::later);
  EXPECT_TRUE(result.in_doubt);
}

TEST(ClientChunks, SMTP_03_a_flight_is_waited_for_as_long_as_a_dot) {
  Script script = kept(one({}));
  ClientSession session(script.options, script.envelope, *script.kept);
  (void)session.resume(Connected{});
  (void)session.resume(BodyChunk{script.body[0]});
  (void)session.resume(BodyEnd{});
  const auto wait = [](const ClientAction& action) { return std::get<DoRead>(action).wait; };
  EXPECT_EQ(wait(session.resume(BytesWritten{})), Wait::final_dot);
  EXPECT_EQ(wait(session.resume(BytesReceived{"250 ok\r\n550 no\r\n"})), Wait::command)
      << "nobody is left to wait for";
}

TEST(ClientChunks, pitfall_73_words_while_a_flight_is_written) {
  struct Case {
    Lines words;
    Errc code;
    Retry retry;
    bool in_doubt;
  };
  for (const Case& c : {
           Case{{"250 ok", "250 a", "552 5.3.4 too big"},
                Errc::remote_permanent,
                Retry::never,
                false},
           Case{{"250 ok", "421 bye"}, Errc::remote_temporary, Retry::next_host, false},
           Case{{"554 5.7.1 not you"}, Errc::remote_permanent, Retry::never, false},
           Case{{"250 ok", "550 5.1.1 no"}, Errc::remote_permanent, Retry::never, false},
           Case{{"250 ok", "250 a", "502 5.5.1 what?"},
                Errc::remote_protocol,
                Retry::next_host,
                false},
           Case{{"250 ok", "250 a", "250 taken"}, Errc::connection_lost, Retry::later, true},
           Case{{"250 ok", "250 a", "354 hm"}, Errc::connection_lost, Retry::later, true},
           Case{{"250 ok"}, Errc::connection_lost, Retry::later, true},
           Case{{"what?"}, Errc::connection_lost, Retry::later, true},
       }) {
    SCOPED_TRACE(c.words.back());
    Script script = one(kChunkingHost + kOneFlight);
    for (const std::string& words : c.words)
      script.lines.push_back("LAST WORDS " + words);
    const auto result = play(script).result;
    expect_failure(result.recipients[0].failure, c.code, c.retry);
    EXPECT_EQ(result.in_doubt, c.in_doubt);
    EXPECT_FALSE(result.recipients[0].delivered);
  }
}

// ---- kept connections

TEST(ClientChunks, the_next_message_is_one_flight_too) {
  const auto outcome = play_all_ways(kept(one(kOneFlight + kAllWell)));
  EXPECT_TRUE(outcome.result.recipients[0].delivered);
  EXPECT_TRUE(outcome.kept);
}

TEST(ClientChunks, pitfall_68_RSET_after_a_refused_message) {
  const auto outcome = play_all_ways(keeping(
      one(kChunkingHost + kOneFlight + Lines{"S: 250 ok", "S: 250 a", "S: 554 no"} + kReset)));
  EXPECT_TRUE(outcome.kept);
  expect_failure(outcome.result.recipients[0].failure, Errc::remote_permanent, Retry::never);
}

TEST(ClientChunks, pitfall_69_a_kept_connection_that_was_closed_unread_is_opened_again) {
  struct Case {
    std::string name;
    Lines lines;
    bool stale = false;
    bool in_doubt = false;
  };
  const Lines well = {"S: 250 ok", "S: 250 a"};
  for (const Case& c : {
           Case{"closed without a word", {"LOST"}, true, false},
           Case{"the write fails without a word", {"LOST after write"}, true, false},
           Case{"421 to MAIL", {"S: 421 4.7.0 idle"}, true, false},
           Case{"421 to RCPT", {"S: 250 ok", "S: 421 4.7.0 bye"}, true, false},
           Case{"enough of us", Lines{"S: 452 too many", "S: 503 no", "S: 503 no"} + kQuit, true,
                false},
           Case{"enough of us, and closed", {"S: 452 too many", "LOST"}, true, false},
           Case{"silent", {"TIMEOUT"}, false, true},
           Case{"closed after MAIL", {"S: 250 ok", "LOST"}, false, true},
           Case{"closed after RCPT", well + Lines{"LOST"}, false, true},
           Case{"421 to the chunk", well + Lines{"S: 421 no"}, false, false},
           Case{"BDAT unknown", well + Lines{"S: 500 what?"}, true, false},
       }) {
    SCOPED_TRACE(c.name);
    const auto result = play_all_ways(kept(one(kOneFlight + c.lines))).result;
    EXPECT_EQ(result.stale, c.stale);
    EXPECT_EQ(result.in_doubt, c.in_doubt);
    EXPECT_FALSE(result.recipients[0].delivered);
  }
}

TEST(ClientChunks, pitfall_73_half_a_reply_on_a_kept_connection_is_a_word) {
  Script script = kept(one(kOneFlight));
  ClientSession session(script.options, script.envelope, *script.kept);
  (void)session.resume(Connected{});
  (void)session.resume(BodyChunk{script.body[0]});
  (void)session.resume(BodyEnd{});
  (void)session.resume(BytesWritten{});
  (void)session.resume(BytesReceived{"2"});
  (void)session.resume(ConnectionLost{});
  EXPECT_TRUE(session.result().in_doubt);
  EXPECT_FALSE(session.result().stale);
}

// ---- hosts that do not know what they offer

TEST(ClientChunks, CHK_02_a_host_that_offers_CHUNKING_and_knows_no_BDAT) {
  struct Case {
    std::string reply;
    bool unknown;
  };
  for (const Case& c :
       {Case{"500 what?", true}, Case{"502 5.5.1 what?", true}, Case{"503 5.5.1 DATA?", true},
        Case{"501 5.5.4 syntax", true}, Case{"554 5.6.0 spam", false},
        Case{"500 5.7.1 spam", false}, Case{"550 no", false}, Case{"451 later", false}}) {
    SCOPED_TRACE(c.reply);
    const auto result = play_everything(
        three(kChunkingHost + kThreeFlight +
              Lines{"S: 250 ok", "S: 250 a", "S: 550 no b", "S: 250 c", "S: " + c.reply} +
              (c.unknown ? Lines{} : kQuit)));
    EXPECT_EQ(result.bdat_unknown, c.unknown);
    EXPECT_FALSE(result.in_doubt);
    if (!c.unknown) continue;
    expect_failure(result.recipients[0].failure, Errc::remote_protocol, Retry::next_host);
    expect_failure(result.recipients[1].failure, Errc::remote_permanent, Retry::never);
    expect_failure(result.recipients[2].failure, Errc::remote_protocol, Retry::next_host);
  }
}

TEST(ClientChunks, what_a_host_does_not_know_is_not_kept_with_its_connection) {
  Script script = keeping(one({}));
  script.options.chunking = ClientOptions::Chunking::never;
  ClientSession session(script.options, script.envelope);
  (void)session.resume(Connected{});
  (void)session.resume(BytesReceived{"220 hi\r\n"});
  (void)session.resume(BytesWritten{});
  (void)session.resume(BytesReceived{"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"});
  (void)session.resume(BytesWritten{});
  (void)session.resume(BytesReceived{"250 ok\r\n550 no\r\n554 no\r\n"});
  (void)session.resume(BytesWritten{});
  ASSERT_TRUE(std::holds_alternative<DoKeep>(session.resume(BytesReceived{"250 reset\r\n"})));
  EXPECT_FALSE(session.kept().offers.chunking);
}

// ---- the body is not what was announced

TEST(ClientChunks, a_body_of_another_size_is_never_sent_to_its_end) {
  for (const int difference : {-1, 1, 1000}) {
    SCOPED_TRACE(difference);
    Script script = one(kChunkingHost);
    script.envelope.size = static_cast<std::uint64_t>(22 + difference);
    const auto result = play_everything(script);
    expect_all_fail(result, Errc::corrupt, Retry::never);
    EXPECT_EQ(result.shown_in_clear, Shown::nothing);
    EXPECT_FALSE(result.in_doubt);
  }
}

TEST(ClientChunks, a_body_that_cannot_be_read_is_never_sent_to_its_end) {
  Script script = one(kChunkingHost);
  script.body_fails = true;
  const auto result = play_everything(script);
  expect_all_fail(result, Errc::corrupt, Retry::never);
  EXPECT_EQ(result.shown_in_clear, Shown::nothing);
}

// ---- chunk by chunk

constexpr std::size_t kFull = 65536;

/// Full chunks of the spool, and one of `rest` octets behind them.
Script large(std::size_t full, std::size_t rest, const Lines& lines) {
  Script script =
      three_recipients(kChunkingHost +
                       Lines{"C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example>",
                             "C: RCPT TO:<b@x.example>", "C: RCPT TO:<c@x.example>"} +
                       lines);
  script.body.assign(full, std::string(kFull, 'x'));
  if (rest > 0) script.body.emplace_back(rest, 'y');
  return with_its_size(script);
}

const Lines kFullChunk = {"C: BDAT 65536", "C+ " + std::string(kFull, 'x')};

Lines last_chunk(std::size_t octets) {
  const std::string text = octets == kFull ? std::string(kFull, 'x') : std::string(octets, 'y');
  return {"C: BDAT " + std::to_string(octets) + " LAST", "C+ " + text};
}

const Lines kTwoAccepted = {"S: 250 ok", "S: 250 a", "S: 550 no b", "S: 250 c"};

const Lines kNextWrite = {"W"};

TEST(ClientChunks, CHK_01_a_large_message_goes_in_chunks_behind_the_accepted_envelope) {
  for (const std::size_t rest : {0U, 2U, 65535U}) {
    SCOPED_TRACE(rest);
    const std::size_t full = rest == 0 ? 3 : 2;
    Lines chunks = kFullChunk + kNextWrite + kFullChunk + kNextWrite +
                   last_chunk(rest == 0 ? kFull : rest) +
                   Lines{"S: 250 1", "S: 250 2", "S: 250 2.0.0 taken"};
    const auto result = play_everything(large(full, rest, kTwoAccepted + chunks + kQuit));
    EXPECT_TRUE(result.recipients[0].delivered);
    EXPECT_EQ(result.recipients[0].reply->verbatim(), "250 2.0.0 taken");
    EXPECT_EQ(result.recipients[1].reply->verbatim(), "550 no b");
    EXPECT_TRUE(result.recipients[2].delivered);
  }
}

TEST(ClientChunks, CHK_01_the_last_chunk_is_never_empty_but_for_an_empty_message) {
  const std::string first(kFull, 'x');
  const std::string second = std::string(kFull - 1, 'y') + "\r";
  Script script = large(0, 0,
                        kTwoAccepted + kFullChunk + kNextWrite +
                            Lines{"C: BDAT 65537 LAST", "C: " + second.substr(0, kFull - 1),
                                  "S: 250 1", "S: 250 taken"} +
                            kQuit);
  script.body = {first, second, "\n"};
  EXPECT_TRUE(play_everything(with_its_size(script)).recipients[0].delivered);
}

TEST(ClientChunks, nobody_accepted_gets_no_chunk) {
  const auto result =
      play_everything(large(3, 0, Lines{"S: 250 ok", "S: 550 a", "S: 550 b", "S: 550 c"} + kQuit));
  EXPECT_EQ(result.shown_in_clear, Shown::envelope);
}

TEST(ClientChunks, pitfall_73_doubt_begins_with_the_last_chunk) {
  const Lines two = kTwoAccepted + kFullChunk + kNextWrite + kFullChunk;
  const auto before = play_everything(large(3, 0, two + Lines{"LOST after write"}));
  EXPECT_FALSE(before.in_doubt);
  expect_failure(before.recipients[0].failure, Errc::connection_lost, Retry::next_host);
  const Lines all = two + kNextWrite + last_chunk(kFull);
  for (const Lines& ending :
       {Lines{"LOST after write"}, Lines{"LOST"}, Lines{"S: 250 1", "TIMEOUT"},
        Lines{"S: 250 1", "S: 250 2", "LOST"}, Lines{"S: 250 1", "S: 354 2"}}) {
    SCOPED_TRACE(ending.back());
    const auto after = play_everything(large(3, 0, all + ending));
    EXPECT_TRUE(after.in_doubt);
    EXPECT_EQ(after.recipients[0].failure->retry, Retry::later);
  }
}

/// As many as may be unanswered.
Lines window() {
  Lines lines = kTwoAccepted;
  for (int i = 0; i < 16; ++i)
    lines = lines + (i > 0 ? kNextWrite : Lines{}) + kFullChunk;
  return lines;
}

TEST(ClientChunks, CHK_02_a_refused_chunk_ends_the_message) {
  const Lines others(15, "S: 503 bad sequence");
  const Lines refused = window() + Lines{"S: 452 4.3.1 full"} + others;
  const auto outcome = play_all_ways(keeping(large(40, 0, refused + kReset)));
  EXPECT_TRUE(outcome.kept);
  const SessionResult& result = outcome.result;
  expect_failure(result.recipients[0].failure, Errc::remote_temporary, Retry::next_host);
  EXPECT_EQ(result.recipients[0].reply->verbatim(), "452 4.3.1 full");
  EXPECT_EQ(result.recipients[0].stage, Stage::body);
  EXPECT_EQ(result.recipients[1].reply->verbatim(), "550 no b");
  EXPECT_FALSE(result.in_doubt);
  EXPECT_FALSE(outcome.dot_sent);
}

TEST(ClientChunks, CHK_02_what_follows_a_refused_chunk_changes_nothing) {
  const Lines refused = window() + Lines{"S: 552 5.3.4 too big"};
  for (const Lines& ending :
       {Lines{"LOST"}, Lines{"S: 503 no", "TIMEOUT"}, Lines{"S: 421 bye"}, Lines{"S: ?"}}) {
    SCOPED_TRACE(ending.back());
    const auto result = play_all_ways(keeping(large(40, 0, refused + ending))).result;
    expect_failure(result.recipients[0].failure, Errc::remote_permanent, Retry::never);
    EXPECT_FALSE(result.stale || result.in_doubt);
  }
  EXPECT_EQ(play(large(40, 0, refused + Lines{"C: QUIT", "S: 503 no"})).result.recipients[0].stage,
            Stage::body);
}

TEST(ClientChunks, CHK_02_a_refusal_behind_the_last_chunk_of_one_before_it) {
  const Lines all =
      kTwoAccepted + kFullChunk + kNextWrite + kFullChunk + kNextWrite + last_chunk(kFull);
  const auto result =
      play_everything(large(3, 0, all + Lines{"S: 250 1", "S: 452 full", "C: QUIT", "S: 503 no"}));
  expect_failure(result.recipients[0].failure, Errc::remote_temporary, Retry::next_host);
  EXPECT_FALSE(result.in_doubt);
  const auto kept = play_all_ways(
      keeping(large(3, 0, all + Lines{"S: 250 1", "S: 452 full", "S: 250 taken?"} + kReset)));
  EXPECT_TRUE(kept.kept);
  EXPECT_FALSE(kept.result.recipients[0].delivered);
}

TEST(ClientChunks, PIP_02_replies_are_read_before_too_many_are_owed) {
  Lines lines = window();
  for (int i = 0; i < 3; ++i)
    lines = lines + Lines{"S: 250 ok"} + kFullChunk;
  lines = lines + Lines{"S: 250 ok"} + last_chunk(kFull) + Lines(15, "S: 250 ok") +
          Lines{"S: 250 taken"} + kQuit;
  const auto result = play_everything(large(20, 0, lines));
  EXPECT_TRUE(result.recipients[0].delivered);
  EXPECT_EQ(result.recipients[0].reply->verbatim(), "250 taken");
}

TEST(ClientChunks, CHK_02_a_host_that_does_not_know_a_large_BDAT) {
  const auto result = play_everything(large(40, 0, window() + Lines{"S: 502 what?"}));
  EXPECT_TRUE(result.bdat_unknown);
  expect_failure(result.recipients[0].failure, Errc::remote_protocol, Retry::next_host);
}

TEST(ClientChunks, a_large_body_of_another_size_is_cut_off_before_its_last_chunk) {
  for (const int difference : {-1, 1, 1000}) {
    SCOPED_TRACE(difference);
    Script script = large(3, 0, kTwoAccepted + kFullChunk + kNextWrite + kFullChunk);
    script.envelope.size = static_cast<std::uint64_t>(3 * kFull) + difference;
    if (difference > 1) script.lines = script.lines + kNextWrite + kFullChunk;
    const auto outcome = play_all_ways(script);
    expect_failure(outcome.result.failure, Errc::corrupt, Retry::never);
    EXPECT_FALSE(outcome.dot_sent);
  }
}

TEST(ClientChunks, words_while_a_chunk_is_written) {
  const Lines two = kTwoAccepted + kFullChunk + kNextWrite + kFullChunk;
  struct Case {
    Lines words;
    Errc code;
  };
  for (const Case& c :
       {Case{{"LAST WORDS 250 1", "LAST WORDS 552 5.3.4 no"}, Errc::remote_permanent},
        Case{{"LAST WORDS 250 1"}, Errc::connection_lost},
        Case{{"LAST WORDS 421 bye"}, Errc::remote_temporary},
        Case{{"LAST WORDS 500 what?"}, Errc::remote_protocol}}) {
    const auto result = play_everything(large(3, 0, two + c.words));
    EXPECT_EQ(result.recipients[0].failure->code, c.code);
    EXPECT_FALSE(result.in_doubt);
  }
}

}  // namespace
}  // namespace fulmar::smtp
