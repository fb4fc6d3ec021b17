// BDAT: counted octets, chunk by chunk. RFC 3030
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mta/smtp/server_dialogue.h"

namespace fulmar::smtp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string bdat(std::string_view octets, bool last) {
  return "BDAT " + std::to_string(octets.size()) + (last ? " LAST" : "") + "\r\n" +
         std::string(octets);
}

TEST(ServerChunks, CHK_01_each_chunk_has_its_reply_and_dots_mean_nothing) {
  Dialogue dialogue;
  dialogue.with_envelope();
  EXPECT_EQ(dialogue.say(bdat("A: b\r\n\r\n.\r\n", false)), "250 2.0.0 11 octets received\r\n");
  EXPECT_TRUE(dialogue.session().in_message());
  EXPECT_EQ(dialogue.say(bdat("..x\r\nRSET\r\n", false)), "250 2.0.0 11 octets received\r\n");
  EXPECT_EQ(dialogue.say("BDAT 0 LAST\r\n"), "250 2.0.0 queued as ID1\r\n");
  EXPECT_THAT(dialogue.committed, ElementsAre("A: b\r\n\r\n.\r\n..x\r\nRSET\r\n"));
  EXPECT_EQ(dialogue.facts->size, 22U);
  EXPECT_EQ(dialogue.session().tally().messages, 1U);
}

TEST(ServerChunks, CHK_01_everything_in_one_flight) {
  Dialogue dialogue;
  dialogue.say("EHLO c\r\n");
  dialogue.writes.clear();
  EXPECT_EQ(dialogue.say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n" +
                         bdat("one\r\n", true) + "QUIT\r\n"),
            "250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n250 2.0.0 queued as ID1\r\n"
            "221 2.0.0 relay.example closing\r\n");
  EXPECT_EQ(dialogue.writes.size(), 1U);
}

TEST(ServerChunks, pitfall_72_pieces_make_no_difference) {
  const std::string all = "EHLO c\r\n";
  const std::string rest = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n" +
                           bdat("a\r\n.\r\nb", false) + bdat("\r", false) + bdat("\nc\r\n", true) +
                           "NOOP\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n" +
                           bdat("bare\nnewline\r\n", true) + bdat("lost", true) + "QUIT\r\n";
  const auto run = [&](std::size_t piece) {
    Dialogue dialogue;
    std::string said = dialogue.say(all);
    for (std::size_t i = 0; i < rest.size(); i += piece)
      said += dialogue.say(rest.substr(i, piece));
    EXPECT_TRUE(dialogue.over());
    for (const std::string& body : dialogue.committed)
      said += '\n' + body;
    return said;
  };
  const std::string whole = run(100'000);
  EXPECT_THAT(whole, HasSubstr("550 5.5.2 bare CR or LF"));
  EXPECT_THAT(whole, HasSubstr("\na\r\n.\r\nb\r\nc\r\n"));
  for (std::size_t piece = 1; piece < 40; ++piece)
    EXPECT_EQ(run(piece), whole) << piece;
}

TEST(ServerChunks, SMU_03_CHK_04_bare_newlines_and_nul) {
  const std::string nul = std::string("a\0b\r\n", 5);
  for (const std::string& body : {std::string("a\nb\r\n"), std::string("a\rb\r\n"),
                                  std::string("a\r\n.\n"), std::string("a\r")}) {
    Dialogue dialogue;
    dialogue.with_envelope();
    EXPECT_THAT(dialogue.say(bdat(body, true)), StartsWith("550 5.5.2 ")) << body;
    EXPECT_THAT(dialogue.committed, IsEmpty());
    EXPECT_EQ(dialogue.abandoned.size(), 1U);
  }
  Dialogue dialogue;
  dialogue.with_envelope();
  EXPECT_THAT(dialogue.say(bdat(nul, true)), StartsWith("550 5.6.0 "));
}

TEST(ServerChunks, SMU_02_normalized_where_the_listener_does) {
  struct Row {
    std::string body;
    std::string want;
  };
  for (const Row& row :
       {Row{"a\nb\rc\r\n", "a\r\nb\r\nc\r\n"}, Row{"a\n", "a\r\n"}, Row{"a\r", "a\r\n"},
        Row{"a", "a\r\n"}, Row{"", ""}, Row{"a\r\n", "a\r\n"}}) {
    ServerOptions options = usual();
    options.bare_newline = DataReader::OnBareNewline::normalize;
    Dialogue dialogue(options);
    dialogue.with_envelope();
    EXPECT_THAT(dialogue.say(bdat(row.body, true)), StartsWith("250 2.0.0 queued"));
    EXPECT_EQ(dialogue.committed.at(0), row.want);
  }
}

TEST(ServerChunks, SMTP_27_a_last_line_gets_its_end) {
  Dialogue dialogue;
  dialogue.with_envelope();
  dialogue.say(bdat("A: b\r\n\r\nlast", true));
  EXPECT_THAT(dialogue.committed, ElementsAre("A: b\r\n\r\nlast\r\n"));
  EXPECT_EQ(dialogue.facts->size, 14U);
}

TEST(ServerChunks, CHK_03_chunks_that_nobody_wants_are_read_over) {
  struct Row {
    std::string before;
    std::string want;
  };
  const Row rows[] = {
      {"", "503 5.5.1 MAIL and RCPT come first\r\n"},
      {"EHLO c\r\n", "503 5.5.1 MAIL and RCPT come first\r\n"},
      {"EHLO c\r\nMAIL FROM:<a@b.example>\r\n", "503 5.5.1 MAIL and RCPT come first\r\n"},
  };
  for (const Row& row : rows) {
    Dialogue dialogue;
    for (std::size_t at = 0; at < row.before.size();) {
      const std::size_t end = row.before.find('\n', at) + 1;
      dialogue.say(row.before.substr(at, end - at));
      at = end;
    }
    EXPECT_EQ(dialogue.say(bdat("RCPT TO:<x@y.example>\r\n", true)), row.want);
    EXPECT_EQ(dialogue.say("BDAT 0 LAST\r\n"), row.want);
    EXPECT_EQ(dialogue.say("NOOP\r\n"), "250 2.0.0 ok\r\n");
    EXPECT_THAT(dialogue.committed, IsEmpty());
  }
}

TEST(ServerChunks, CHK_02_DATA_and_BDAT_do_not_mix) {
  Dialogue dialogue;
  dialogue.with_envelope();
  dialogue.say(bdat("A: b\r\n", false));
  EXPECT_EQ(dialogue.say("DATA\r\n"), "503 5.5.1 BDAT goes on\r\n");
  EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("503 "));
  EXPECT_THAT(dialogue.say("RCPT TO:<z@b.example>\r\n"), StartsWith("503 "));
  EXPECT_THAT(dialogue.say("STARTTLS\r\n"), StartsWith("503 "));
  EXPECT_EQ(dialogue.say(bdat("\r\nx\r\n", true)), "250 2.0.0 queued as ID1\r\n");
  EXPECT_EQ(dialogue.envelopes.at(0).recipients.size(), 2U);
}

TEST(ServerChunks, CHK_02_RSET_and_EHLO_take_it_back) {
  for (const std::string_view command : {"RSET\r\n", "EHLO again\r\n", "HELO again\r\n"}) {
    Dialogue dialogue;
    dialogue.with_envelope();
    dialogue.say(bdat("A: b\r\n", false));
    EXPECT_THAT(dialogue.say(command), StartsWith("250"));
    EXPECT_EQ(dialogue.abandoned.size(), 1U);
    EXPECT_FALSE(dialogue.session().in_message());
    EXPECT_THAT(dialogue.say(bdat("x", true)), StartsWith("503 "));
    dialogue.with_envelope();
    dialogue.say(bdat("new\r\n", true));
    EXPECT_THAT(dialogue.committed, ElementsAre("new\r\n"));
  }
}

TEST(ServerChunks, SIZ_03_too_much_in_all) {
  Dialogue dialogue;
  dialogue.with_envelope();
  const std::string half(60'000, 'x');
  EXPECT_THAT(dialogue.say(bdat(half.substr(2) + "\r\n", false)), StartsWith("250 "));
  EXPECT_EQ(dialogue.say(bdat(half, false) + bdat("more", true) + "NOOP\r\n"),
            "552 5.3.4 message over the size limit\r\n503 5.5.1 MAIL was refused\r\n"
            "250 2.0.0 ok\r\n");
  EXPECT_EQ(dialogue.abandoned.size(), 1U);
}

TEST(ServerChunks, a_chunk_that_nobody_could_want_ends_the_session) {
  Dialogue dialogue;
  dialogue.with_envelope();
  EXPECT_THAT(dialogue.say("BDAT 99999999999999999999 LAST\r\n"), StartsWith("552 5.3.4 "));
  EXPECT_TRUE(dialogue.over());
  Dialogue countless;
  countless.with_envelope();
  EXPECT_THAT(countless.say("BDAT many LAST\r\nRCPT TO:<x@y.example>\r\n"),
              StartsWith("501 5.5.4 malformed BDAT\r\n"));
  EXPECT_TRUE(countless.over());
}

TEST(ServerChunks, redteam_37_no_line_that_means_BDAT_lets_its_octets_become_commands) {
  for (const std::string& line : {std::string("BDAT\t20 LAST"), std::string("bdat20"),
                                  "BDAT 20" + std::string(3000, ' ') + "LAST"}) {
    Dialogue dialogue;
    dialogue.with_envelope();
    EXPECT_THAT(dialogue.say(line + "\r\nRSET\r\n"), StartsWith("50"));
    EXPECT_TRUE(dialogue.over()) << line.substr(0, 10);
  }
}

TEST(ServerChunks, redteam_38_what_is_forgiven_behind_a_refused_MAIL_has_a_bound) {
  Dialogue dialogue;
  dialogue.say("EHLO c\r\n");
  dialogue.say("MAIL FROM:<a@b.example> SIZE=100000000\r\n");
  for (int i = 0; i < 102; ++i)
    EXPECT_THAT(dialogue.say("RCPT TO:<c@d.example>\r\n"),
                StartsWith("503 5.5.1 MAIL was refused"));
  for (int i = 0; i < 19; ++i)
    EXPECT_THAT(dialogue.say(bdat("x", true)), StartsWith("503 5.5.1 MAIL and RCPT come first"));
  EXPECT_THAT(dialogue.say(bdat("x", true)), HasSubstr("421 4.7.0 "));
}

TEST(ServerChunks, redteam_38_chunks_of_nothing_and_recipients_who_are_known_are_idle) {
  Dialogue dialogue;
  dialogue.with_envelope();
  std::string said;
  for (int i = 0; i < 5000; ++i)
    dialogue.say("RCPT TO:<c@d.example>\r\n");
  for (int i = 0; i < 5001 && !dialogue.over(); ++i)
    said = dialogue.say("BDAT 0\r\n");
  EXPECT_THAT(said, HasSubstr("421 4.7.0 "));
}

TEST(ServerChunks, pitfall_87_what_the_store_says) {
  const Error full = make_error(Errc::store_full, "x");
  Dialogue beginning;
  beginning.refuse_begin = full;
  beginning.with_envelope();
  EXPECT_EQ(beginning.say(bdat("RSET\r\n", false) + bdat("x\r\n", true) + "NOOP\r\n"),
            "452 4.3.1 insufficient storage; try again later\r\n"
            "503 5.5.1 MAIL was refused\r\n250 2.0.0 ok\r\n");
  Dialogue storing;
  storing.refuse_data = full;
  storing.with_envelope();
  EXPECT_EQ(storing.say(bdat("x\r\n", true)),
            "452 4.3.1 insufficient storage; try again later\r\n");
  Dialogue committing;
  committing.refuse_commit = full;
  committing.with_envelope();
  EXPECT_EQ(committing.say(bdat("x\r\n", true)),
            "452 4.3.1 insufficient storage; try again later\r\n");
  for (const Dialogue* dialogue : {&beginning, &storing, &committing}) {
    EXPECT_FALSE(dialogue->session().in_message());
    EXPECT_THAT(dialogue->committed, IsEmpty());
  }
}

TEST(ServerChunks, pitfall_92_a_message_between_two_chunks_may_be_finished) {
  Dialogue dialogue;
  dialogue.with_envelope();
  dialogue.say(bdat("A: b\r\n", false));
  EXPECT_EQ(dialogue.tell(ServerStopping{}), "");
  EXPECT_EQ(dialogue.say(bdat("\r\nx\r\n", true)),
            "250 2.0.0 queued as ID1\r\n421 4.3.2 relay.example shutting down\r\n");
  EXPECT_TRUE(dialogue.over());
}

}  // namespace
}  // namespace fulmar::smtp
