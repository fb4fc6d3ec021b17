#include <gtest/gtest.h>

#include "client_dialogue.h"
#include "client_scenes.h"
#include "mta/smtp/client_session.h"

namespace fulmar::smtp {
namespace {

// ---- body and final dot

const Lines kUntilDot = kPlainHost + kMail + kRcpt + kData + kBody;

TEST(ClientSession, refusal_after_the_dot) {
  struct Case {
    std::string reply;
    Errc code;
    Retry retry;
  };
  for (const Case& c : {Case{"S: 451 4.3.0 later", Errc::remote_temporary, Retry::next_host},
                        Case{"S: 554 5.7.1 spam", Errc::remote_permanent, Retry::never}}) {
    const auto result = play_everything({.lines = kUntilDot + Lines{c.reply} + kQuit});
    expect_all_fail(result, c.code, c.retry);
    EXPECT_EQ(result.stage, Stage::final_dot);
    EXPECT_FALSE(result.in_doubt);
  }
  const auto closing = play_everything({.lines = kUntilDot + Lines{"S: 421 bye"}});
  expect_all_fail(closing, Errc::remote_temporary, Retry::next_host);
  EXPECT_FALSE(closing.in_doubt) << "421 is an answer: not taken";
}

TEST(ClientSession, pitfall_73_no_answer_to_the_dot_leaves_doubt) {
  for (const char* how : {"LOST", "TIMEOUT", "LOST after write"}) {
    const auto result = play_everything({.lines = kUntilDot + Lines{how}});
    expect_all_fail(result, Errc::connection_lost, Retry::later);
    EXPECT_TRUE(result.in_doubt);
    EXPECT_NE(result.failure->detail.find("more than once"), std::string::npos);
  }
}

TEST(ClientSession, pitfall_73_an_answer_that_says_nothing_leaves_doubt) {
  for (const char* reply : {"S: what?", "S: 354 go on", "S: 150 hm"}) {
    const auto result = play_everything({.lines = kUntilDot + Lines{reply}});
    expect_all_fail(result, Errc::remote_protocol, Retry::later);
    EXPECT_TRUE(result.in_doubt);
  }
}

TEST(ClientSession, doubt_does_not_touch_recipients_refused_before) {
  const auto result = play_everything(
      three_recipients(kPipeliningHost + kGroup +
                       Lines{"S: 250 ok", "S: 250 a", "S: 550 b", "S: 450 c", "S: 354 go"} + kBody +
                       Lines{"S: 250 ok"} + kQuit));
  EXPECT_TRUE(result.recipients[0].delivered);
  const auto lost =
      play(three_recipients(kPipeliningHost + kGroup +
                            Lines{"S: 250 ok", "S: 250 a", "S: 550 b", "S: 450 c", "S: 354 go"} +
                            kBody + Lines{"LOST"}))
          .result;
  EXPECT_TRUE(lost.in_doubt);
  expect_failure(lost.recipients[0].failure, Errc::connection_lost, Retry::later);
  expect_failure(lost.recipients[1].failure, Errc::remote_permanent, Retry::never);
  expect_failure(lost.recipients[2].failure, Errc::remote_temporary, Retry::next_host);
}

/// The write of the first part of a long body to two accepted recipients fails, and then `words`
/// are found.
Script amid_long_body(const std::string& words) {
  const std::string line(70000, 'x');
  Script script = three_recipients(
      kPipeliningHost + kGroup +
      Lines{"S: 250 ok", "S: 250 a", "S: 550 5.1.1 no b", "S: 250 c", "S: 354 go", "C: " + line} +
      Lines{words});
  script.body = {line + "\r\n", line + "\r\n"};
  return script;
}

TEST(ClientSession, refusal_amid_the_body_is_the_answer_to_the_message) {
  struct Case {
    std::string words;
    Errc code;
    Retry retry;
  };
  for (const Case& c : {Case{"552 5.3.4 too big", Errc::remote_permanent, Retry::never},
                        Case{"451 4.3.0 no room", Errc::remote_temporary, Retry::next_host},
                        Case{"421 4.3.2 bye", Errc::remote_temporary, Retry::next_host}}) {
    SCOPED_TRACE(c.words);
    const auto result = play_everything(amid_long_body("LAST WORDS " + c.words));
    expect_failure(result.failure, c.code, c.retry);
    EXPECT_EQ(result.stage, Stage::body);
    for (const std::size_t accepted : {0U, 2U}) {
      EXPECT_EQ(result.recipients[accepted].failure, result.failure);
      EXPECT_EQ(result.recipients[accepted].reply->verbatim(), c.words);
      EXPECT_EQ(result.recipients[accepted].stage, Stage::body);
    }
    EXPECT_EQ(result.recipients[1].reply->verbatim(), "550 5.1.1 no b");
    EXPECT_FALSE(result.in_doubt);
    EXPECT_EQ(result.shown_in_clear, Shown::content);
  }
}

TEST(ClientSession, other_words_amid_the_body_are_a_lost_connection) {
  for (const char* words : {"LAST WORDS 250 queued", "LAST WORDS 354 go on", "LAST WORDS what?",
                            "LAST WORDS 552-unfinished", "LOST after write"}) {
    SCOPED_TRACE(words);
    const auto result = play_everything(amid_long_body(words));
    expect_failure(result.failure, Errc::connection_lost, Retry::next_host);
    expect_failure(result.recipients[2].failure, Errc::connection_lost, Retry::next_host);
    EXPECT_FALSE(result.in_doubt);
  }
}

TEST(ClientSession, pitfall_73_refusal_while_the_dot_is_written_leaves_no_doubt) {
  const auto result = play_everything({.lines = kUntilDot + Lines{"LAST WORDS 552 5.3.4 too big"}});
  expect_all_fail(result, Errc::remote_permanent, Retry::never);
  EXPECT_EQ(result.recipients[0].reply->verbatim(), "552 5.3.4 too big");
  EXPECT_FALSE(result.in_doubt);
}

TEST(ClientSession, pitfall_73_a_message_whose_end_was_not_written_is_not_delivered_by_250) {
  for (const char* words : {"LAST WORDS 250 queued", "LAST WORDS 354 hm", "LAST WORDS 552-more"}) {
    const auto result = play({.lines = kUntilDot + Lines{words}}).result;
    SCOPED_TRACE(words);
    expect_all_fail(result, Errc::connection_lost, Retry::later);
    EXPECT_TRUE(result.in_doubt);
  }
}

TEST(ClientSession, waits_differ_by_stage) {
  ClientSession session = one_recipient();
  const auto wait = [](const ClientAction& action) { return std::get<DoRead>(action).wait; };
  EXPECT_EQ(wait(session.resume(Connected{})), Wait::command);
  for (const char* reply : {"220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n"}) {
    (void)session.resume(BytesReceived{reply});
    EXPECT_EQ(wait(session.resume(BytesWritten{})), Wait::command);
  }
  EXPECT_TRUE(std::holds_alternative<DoNextChunk>(session.resume(BytesReceived{"354 go\r\n"})));
  (void)session.resume(BodyEnd{});
  EXPECT_EQ(wait(session.resume(BytesWritten{})), Wait::final_dot) << "SMTP-03";
  (void)session.resume(BytesReceived{"250 ok\r\n"});
  EXPECT_EQ(wait(session.resume(BytesWritten{})), Wait::quit);
}

TEST(ClientSession, body_that_cannot_be_read_is_never_ended_by_a_dot) {
  Script script{.body_fails = true, .lines = kPlainHost + kMail + kRcpt + kData};
  const auto outcome = play(script);
  expect_all_fail(outcome.result, Errc::corrupt, Retry::never);
  EXPECT_EQ(outcome.writes.back(), "DATA\r\n");
  EXPECT_FALSE(outcome.result.in_doubt);
}

TEST(ClientSession, SMU_03_SMTP_26_the_body_is_stuffed_across_chunks) {
  Script script{.body = {".", "\r", "\n.", ".\r\n.", "\r\nbare\n", ".\r", "end"},
                .lines = kPlainHost + kMail + kRcpt + kData +
                         Lines{"C: ..", "C: ...", "C: ..", "C: bare", "C: ..", "C: end", "C: .",
                               "S: 250 ok"} +
                         kQuit};
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientSession, empty_body) {
  Script script{.body = {},
                .lines = kPlainHost + kMail + kRcpt + kData + Lines{"C: .", "S: 250 ok"} + kQuit};
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientSession, large_bodies_go_out_in_bounded_writes) {
  ClientSession session = one_recipient();
  (void)session.resume(Connected{});
  for (const char* reply : {"220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n"}) {
    (void)session.resume(BytesReceived{reply});
    (void)session.resume(BytesWritten{});
  }
  ClientAction action = session.resume(BytesReceived{"354 go\r\n"});
  const std::string line = std::string(98, 'x') + "\r\n";
  std::size_t written = 0;
  for (int i = 0; i < 10000; ++i) {
    ASSERT_TRUE(std::holds_alternative<DoNextChunk>(action));
    action = session.resume(BodyChunk{line});
    if (const auto* write = std::get_if<DoWrite>(&action)) {
      EXPECT_LE(write->bytes.size(), 65536U + line.size());
      written += write->bytes.size();
      action = session.resume(BytesWritten{});
    }
  }
  action = session.resume(BodyEnd{});
  written += std::get<DoWrite>(action).bytes.size();
  EXPECT_EQ(written, 10000 * line.size() + 3);
}

TEST(ClientSession, pitfall_74_endless_replies_end_the_session) {
  ClientSession session = one_recipient();
  ClientAction action = session.resume(Connected{});
  for (int i = 0; i < 200 && !std::holds_alternative<DoClose>(action); ++i) {
    action = session.resume(BytesReceived{"220-more\r\n"});
  }
  ASSERT_TRUE(std::holds_alternative<DoClose>(action));
  expect_all_fail(session.result(), Errc::remote_protocol, Retry::next_host);
}

TEST(ClientSession, stage_names) {
  EXPECT_EQ(to_string(Stage::greeting), "greeting");
  EXPECT_EQ(to_string(Stage::final_dot), "final-dot");
}

}  // namespace
}  // namespace fulmar::smtp
