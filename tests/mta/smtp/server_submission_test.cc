// A submission listener and the message: what is added, removed and refused. RFC 6409 §8
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mta/smtp/server_dialogue.h"

namespace fulmar::smtp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

ServerOptions submission() {
  ServerOptions options = usual();
  options.kind = ServerOptions::Kind::submission;
  return options;
}

constexpr std::string_view kBare = "From: Me <me@b.example>\r\nBcc: x@y.example\r\n\r\nhi\r\n";
constexpr std::string_view kCompleted =
    "From: Me <me@b.example>\r\nDate: Sat, 21 Nov 2026 00:00:00 +0000\r\n"
    "Message-ID: <id@relay.example>\r\n\r\nhi\r\n";

TEST(ServerSubmission, SUB_04_IMF_03_completed_by_DATA_and_by_BDAT) {
  Dialogue dialogue(submission());
  dialogue.with_envelope();
  EXPECT_THAT(dialogue.send(std::string(kBare) + ".\r\n"), StartsWith("250 "));
  EXPECT_THAT(dialogue.originators, ElementsAre("me@b.example"));
  dialogue.with_envelope();
  dialogue.say("BDAT 9\r\n" + std::string(kBare.substr(0, 9)));
  EXPECT_THAT(dialogue.say("BDAT " + std::to_string(kBare.size() - 9) + " LAST\r\n" +
                           std::string(kBare.substr(9))),
              StartsWith("250 "));
  EXPECT_THAT(dialogue.committed, ElementsAre(kCompleted, kCompleted));
}

TEST(ServerSubmission, SUB_04_a_relay_listener_adds_nothing) {
  Dialogue dialogue;
  dialogue.with_envelope();
  dialogue.send(std::string(kBare) + ".\r\n");
  EXPECT_THAT(dialogue.committed, ElementsAre(kBare));
  EXPECT_THAT(dialogue.originators, IsEmpty());
}

TEST(ServerSubmission, IMF_01_IMF_02_refused_at_the_end_of_data) {
  const std::string head = "From: me@b.example\r\n";
  struct Row {
    std::string data;
    std::string_view want;
  };
  const Row rows[] = {
      {"Subject: x\r\n\r\nx\r\n", "554 5.6.0 "},
      {head + head + "\r\nx\r\n", "554 5.6.0 "},
      {"no header at all\r\n", "554 5.6.0 "},
      {"", "554 5.6.0 "},
      {head + "\r\n" + std::string(999, 'x') + "\r\n", "550 5.6.0 "},
      {head + "\r\n" + std::string(998, 'x') + "\r\n", "250 2.0.0 "},
      {head + "X: " + std::string(995, 'x') + "\r\n\r\n", "250 2.0.0 "},
      {head, "250 2.0.0 "},
  };
  for (const Row& row : rows) {
    Dialogue dialogue(submission());
    dialogue.with_envelope();
    EXPECT_THAT(dialogue.send(row.data + ".\r\n"), StartsWith(std::string(row.want))) << row.data;
    EXPECT_EQ(dialogue.say("NOOP\r\n"), "250 2.0.0 ok\r\n");
    EXPECT_FALSE(dialogue.session().in_message());
  }
}

TEST(ServerSubmission, a_user_who_may_not_be_its_author) {
  Error why = make_error(Errc::invalid_argument, "shop may not send as boss@b.example");
  why.status = {5, 7, 1};
  Dialogue dialogue(submission());
  dialogue.refuse_commit = why;
  dialogue.with_envelope();
  EXPECT_EQ(dialogue.send(std::string(kBare) + ".\r\n"),
            "550 5.7.1 shop may not send as boss@b.example\r\n");
}

}  // namespace
}  // namespace fulmar::smtp
