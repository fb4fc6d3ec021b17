// The data phase of the listener: sizes, line ends, loops, and what the store says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mta/smtp/server_header_scan.h"
#include "tests/mta/smtp/server_dialogue.h"

namespace fulmar::smtp {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The same dialogue in pieces of every size gives the same replies and the same messages.
TEST(ServerSession, pitfall_72_pieces_make_no_difference) {
  const std::vector<std::string> turns = {
      "EHLO client.example\r\n",
      "MAIL FROM:<a@b.example> BODY=8BITMIME\r\nRCPT TO:<c@d.example>\r\nBOGUS\r\nDATA\r\n",
      "A: b\r\n\r\n.\r\r\n..\r\n.x\r\n\r\n.\r\nRSET\r\nMAIL FROM:<a@b.example>\r\nRCPT "
      "TO:<c@d.example>\r\nDATA\r\n",
      "A: b\r\n\r\n..\r\n.x\r\n\r\n.\r\n" + std::string("NOOP ") + std::string(3000, 'x') +
          "\r\nQUIT\r\n"};
  const auto run = [&turns](std::size_t piece) {
    Dialogue dialogue;
    std::string said;
    for (const std::string& turn : turns) {
      for (std::size_t i = 0; i < turn.size(); i += piece) {
        said += dialogue.say(std::string_view(turn).substr(i, piece));
      }
    }
    EXPECT_TRUE(dialogue.over());
    for (const std::string& body : dialogue.committed)
      said += "\n" + body;
    return said;
  };
  const std::string whole = run(100'000);
  EXPECT_THAT(whole, HasSubstr("550 5.5.2"));
  EXPECT_THAT(whole, HasSubstr("250 2.0.0 queued as ID1"));
  EXPECT_THAT(whole, HasSubstr("500 5.5.2 line too long"));
  EXPECT_THAT(whole, EndsWith("\nA: b\r\n\r\n.\r\nx\r\n\r\n"));
  for (std::size_t piece = 1; piece < 64; ++piece)
    EXPECT_EQ(run(piece), whole) << piece;
}

TEST(ServerSession, redteam_41_a_message_that_is_refused_is_still_received) {
  Dialogue dialogue;
  dialogue.with_envelope();
  EXPECT_FALSE(dialogue.session().is_receiving());
  dialogue.say("DATA\r\n");
  EXPECT_TRUE(dialogue.session().is_receiving());
  dialogue.say("bare\nnewline\r\n");
  EXPECT_FALSE(dialogue.session().in_message());
  EXPECT_TRUE(dialogue.session().is_receiving()) << "it has as much time as another";
  EXPECT_THAT(dialogue.say(".\r\n"), StartsWith("550 5.5.2 "));
  EXPECT_FALSE(dialogue.session().is_receiving());
}

TEST(ServerSession, SIZ_03_declared_size) {
  Dialogue dialogue;
  dialogue.say("EHLO c\r\n");
  EXPECT_EQ(dialogue.say("MAIL FROM:<a@b.example> SIZE=100001\r\n"),
            "552 5.3.4 message over the size limit\r\n");
  EXPECT_TRUE(dialogue.declared.empty());
  EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example> SIZE=100000\r\n"), StartsWith("250"));
}

TEST(ServerSession, SIZ_02_size_is_counted_without_stuffed_dots) {
  ServerOptions options = usual();
  options.message_size = 10;
  Dialogue fits(options);
  EXPECT_THAT(fits.with_envelope().send("..1\r\n..2345\r\n.\r\n"), StartsWith("552 5.3.4 "))
      << "11 octets";
  Dialogue exact(options);
  EXPECT_THAT(exact.with_envelope().send("..1\r\n..234\r\n.\r\n"), StartsWith("250 "))
      << "10 octets";
}

TEST(ServerSession, message_over_the_size_is_abandoned_at_once_and_refused_after_the_dot) {
  Dialogue dialogue;
  dialogue.with_envelope();
  dialogue.say("DATA\r\n");
  for (int i = 0; i < 120; ++i)
    EXPECT_EQ(dialogue.say(std::string(998, 'x') + "\r\n"), "");
  ASSERT_EQ(dialogue.abandoned.size(), 1U);
  EXPECT_FALSE(dialogue.session().in_message());
  EXPECT_EQ(dialogue.say(".\r\nNOOP\r\n"),
            "552 5.3.4 message over the size limit\r\n250 2.0.0 ok\r\n");
  EXPECT_TRUE(dialogue.committed.empty());
  EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("250"));
}

TEST(ServerSession, data_without_end_is_cut_off) {
  Dialogue dialogue;
  dialogue.with_envelope();
  dialogue.say("DATA\r\n");
  int kilobytes = 0;
  while (!dialogue.over() && kilobytes < 2000) {
    dialogue.say(std::string(998, 'x') + "\r\n");
    ++kilobytes;
  }
  EXPECT_TRUE(dialogue.over());
  EXPECT_GT(kilobytes, 800);
  EXPECT_THAT(dialogue.writes.back(), StartsWith("552 5.3.4"));
}

struct BodyCase {
  std::string_view name;
  std::string body;
  std::string_view want;
};

std::string received(int count) {
  std::string header;
  for (int i = 0; i < count; ++i)
    header += "Received: from x\r\n\tby y\r\n";
  return header;
}

TEST(ServerSession, bodies) {
  const BodyCase cases[] = {
      {"empty", ".\r\n", "250 "},
      {"long lines pass (pitfall 80)", std::string(5000, 'x') + "\r\n.\r\n", "250 "},
      {"64 KB line", std::string(65536, 'x') + "\r\n.\r\n", "250 "},
      {"line over 64 KB", std::string(65537, 'x') + "\r\n.\r\n", "550 5.6.0 "},
      {"NUL", std::string("a\0b\r\n.\r\n", 8), "550 5.6.0 "},
      {"SMTP-13 100 Received fields", received(100) + "\r\nx\r\n.\r\n", "250 "},
      {"SMTP-13 101 Received fields", received(101) + "\r\nx\r\n.\r\n", "554 5.4.6 "},
      {"Received in the body", "A: b\r\n\r\n" + received(101) + ".\r\n", "250 "},
  };
  for (const BodyCase& each : cases) {
    Dialogue dialogue;
    EXPECT_THAT(dialogue.with_envelope().send(each.body), StartsWith(std::string(each.want)))
        << each.name;
    const bool taken = each.want == "250 ";
    EXPECT_EQ(dialogue.committed.size(), taken ? 1U : 0U) << each.name;
    EXPECT_EQ(dialogue.abandoned.size(), taken ? 0U : 1U) << each.name;
    EXPECT_FALSE(dialogue.over()) << each.name;
  }
}

TEST(HeaderScan, pitfall_53_counts_malformed_fields) {
  const std::pair<std::string_view, std::size_t> cases[] = {
      {"Received: x\r\n", 1},
      {"RECEIVED:\r\nreceived : \r\nReceived\t:y\r\n", 3},
      {"Received\r\n", 0},
      {"X-Received: x\r\n Received: x\r\nReceived-SPF: x\r\n", 0},
      {"Receive: x\r\nReceivedd: x\r\n", 0},
      {"A: b\r\nReceived: x\r\n\r\nReceived: x\r\n", 1},
      {"\r\nReceived: x\r\n", 0},
      {"Received: x", 1},
  };
  for (const auto& [header, want] : cases) {
    HeaderScan whole;
    whole.scan(header);
    EXPECT_EQ(whole.received_fields(), want) << header;
    HeaderScan pieces;
    for (const char& c : header)
      pieces.scan({&c, 1});
    EXPECT_EQ(pieces.received_fields(), want) << header;
  }
}

TEST(HeaderScan, REQ_03_one_TLS_Required_field_that_says_No) {
  const std::string spaces(HeaderScan::kMaxFieldBody - 2, ' ');
  const std::pair<std::string, bool> cases[] = {
      {"TLS-Required: No\r\n", true},
      {"A: b\r\n c\r\ntls-required:no\r\nB: c\r\n\r\nbody\r\n", true},
      {"TLS-REQUIRED : NO", true},
      {"TLS-Required:\r\n\tNo\r\n \r\n", true},
      {"TLS-Required: (they (all\\)) know) No (why)\r\n", true},
      {"TLS-Required:" + spaces + "No\r\n", true},
      {"TLS-Required: " + spaces + "No\r\n", false},
      {"TLS-Required: Yes\r\n", false},
      {"TLS-Required:\r\n", false},
      {"TLS-Required: No No\r\n", false},
      {"TLS-Required: N(o)o\r\n", false},
      {"TLS-Required: No (\r\n", false},
      {"TLS-Required: \"No\"\r\n", false},
      {"TLS-Required: No\r\n, really not\r\n", true},
      {"TLS-Required: No\r\n really not\r\n", false},
      {"TLS-Required: No\r\nTLS-Required: No\r\n", false},
      {"TLS-Required: No\r\nTLS-Required: Yes\r\n", false},
      {"TLS-Required: Yes\r\nTLS-Required: No\r\n", false},
      {"X-TLS-Required: No\r\nTLS-Required-Not: No\r\nTLS-Require: No\r\n", false},
      {"TLS-Required\r\n: No\r\n", false},
      {"A: b\r\n TLS-Required: No\r\n", false},
      {"A: b\r\n\r\nTLS-Required: No\r\n", false},
      {"", false},
  };
  for (const auto& [header, want] : cases) {
    HeaderScan whole;
    whole.scan(header);
    EXPECT_EQ(whole.says_tls_required_no(), want) << header;
    HeaderScan pieces;
    for (const char& c : header)
      pieces.scan({&c, 1});
    EXPECT_EQ(pieces.says_tls_required_no(), want) << header;
  }
}

TEST(ServerSession, REQ_03_the_field_is_a_fact_of_the_message_that_has_it) {
  Dialogue dialogue;
  dialogue.with_envelope().send("TLS-Required: No\r\n\r\nx\r\n.\r\n");
  EXPECT_TRUE(dialogue.facts->tls_required_no);
  EXPECT_EQ(dialogue.committed.at(0), "TLS-Required: No\r\n\r\nx\r\n");
  dialogue.with_envelope().send("x\r\n.\r\n");
  EXPECT_FALSE(dialogue.facts->tls_required_no);
}

TEST(ServerSession, EightBitMime_8BM_01_declared_or_seen) {
  Dialogue seen;
  seen.with_envelope().send("\xC3\xA4\r\n.\r\n");
  EXPECT_TRUE(seen.facts->eight_bit);
  Dialogue declared;
  declared.say("EHLO c\r\n");
  declared.say("MAIL FROM:<a@b.example> BODY=8BITMIME\r\nRCPT TO:<c@d.example>\r\n");
  declared.send("x\r\n.\r\n");
  EXPECT_TRUE(declared.facts->eight_bit);
  EXPECT_TRUE(declared.envelopes.at(0).eight_bit);
}

/// What is no end of data must neither end the message nor start a second one.
TEST(ServerSession, SMU_01_SMU_02_pitfall_71_smuggling) {
  const std::string_view ends[] = {"\n.\n",   "\n.\r\n", "\r\n.\n", "\r.\r",     "\r.\r\n",
                                   "\r\n.\r", "\n.\r",   "\r.\n",   "\r\n.\r\r", "\r\n\n.\r\n"};
  for (const auto end : ends) {
    const std::string smuggled =
        "A: b\r\n\r\nx" + std::string(end) +
        "MAIL FROM:<evil@b.example>\r\nRCPT TO:<v@d.example>\r\nDATA\r\ny\r\n.\r\n";
    Dialogue dialogue;
    EXPECT_EQ(dialogue.with_envelope().send(smuggled),
              "550 5.5.2 bare CR or LF in message; lines end in CRLF\r\n")
        << testing::PrintToString(end);
    EXPECT_TRUE(dialogue.committed.empty());
    EXPECT_EQ(dialogue.envelopes.size(), 1U);

    ServerOptions options = usual();
    options.bare_newline = DataReader::OnBareNewline::normalize;
    Dialogue normalized(options);
    EXPECT_EQ(normalized.with_envelope().send(smuggled), "250 2.0.0 queued as ID1\r\n");
    EXPECT_EQ(normalized.envelopes.size(), 1U);
    const std::string& body = normalized.committed.at(0);
    EXPECT_THAT(body, HasSubstr("MAIL FROM:<evil"));
    for (std::size_t i = 0; i < body.size(); ++i) {
      const bool paired = body[i] == '\n' ? i > 0 && body[i - 1] == '\r'
                                          : i + 1 < body.size() && body[i + 1] == '\n';
      EXPECT_TRUE(paired || (body[i] != '\r' && body[i] != '\n')) << i;
    }
  }
}

TEST(ServerSession, SMU_02_bare_LF_in_commands_ends_the_session) {
  Dialogue dialogue;
  dialogue.say("EHLO c\r\n");
  EXPECT_EQ(dialogue.say("NOOP\nMAIL FROM:<a@b.example>\r\n"),
            "550 5.5.2 bare LF; lines end in CRLF\r\n");
  EXPECT_TRUE(dialogue.over());
  EXPECT_TRUE(dialogue.declared.empty());

  ServerOptions options = usual();
  options.bare_newline = DataReader::OnBareNewline::normalize;
  Dialogue old_device(options);
  EXPECT_THAT(old_device.say("EHLO c\n"), StartsWith("250-"));
  EXPECT_THAT(old_device.say("NOOP\n"), StartsWith("250 "));
}

TEST(ServerSession, pitfall_87_no_250_unless_the_store_promised) {
  const Error failing = make_error(Errc::store_failed, "IO error: /var/lib/fulmar");
  const Error full = make_error(Errc::store_full, "no space");
  const std::string_view kTemporary = "451 4.3.0 cannot take mail now; try again later\r\n";
  {
    Dialogue dialogue;
    dialogue.refuse_commit = failing;
    EXPECT_EQ(dialogue.with_envelope().send("x\r\n.\r\n"), kTemporary);
    EXPECT_FALSE(dialogue.session().in_message());
  }
  {
    Dialogue dialogue;
    dialogue.refuse_commit = full;
    EXPECT_THAT(dialogue.with_envelope().send("x\r\n.\r\n"), StartsWith("452 4.3.1 "));
  }
  {
    Dialogue dialogue;
    dialogue.refuse_begin = failing;
    dialogue.with_envelope();
    EXPECT_EQ(dialogue.say("DATA\r\n"), kTemporary);
    EXPECT_THAT(dialogue.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("250"));
  }
  {
    Dialogue dialogue;
    dialogue.refuse_data = failing;
    dialogue.with_envelope();
    dialogue.say("DATA\r\n");
    EXPECT_EQ(dialogue.say("one\r\n"), "");
    EXPECT_FALSE(dialogue.session().in_message());
    EXPECT_EQ(dialogue.say("two\r\n"), "");
    EXPECT_EQ(dialogue.say(".\r\n"), kTemporary);
    EXPECT_TRUE(dialogue.committed.empty());
    dialogue.refuse_data.reset();
    dialogue.say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
    EXPECT_EQ(dialogue.send("three\r\n.\r\n"), "250 2.0.0 queued as ID1\r\n");
  }
}

}  // namespace
}  // namespace fulmar::smtp
