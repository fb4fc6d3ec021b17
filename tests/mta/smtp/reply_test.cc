#include "mta/smtp/reply.h"

#include <gtest/gtest.h>

namespace fulmar::smtp {
namespace {

/// The only reply in `bytes`, which must be complete.
Result<Reply> parse(std::string_view bytes) {
  ReplyParser parser;
  parser.feed(bytes);
  FULMAR_TRY(std::optional<Reply> reply, parser.next());
  if (!reply) return fail(Errc::not_found, "incomplete");
  return *std::move(reply);
}

struct Accepted {
  std::string name;
  std::string bytes;
  std::uint16_t code;
  std::string enhanced;
  std::string one_line;
};

TEST(Reply, SMTP_16_what_servers_send) {
  const std::vector<Accepted> cases = {
      {"plain", "250 ok\r\n", 250, "", "250 ok"},
      {"bare code", "250\r\n", 250, "", "250"},
      {"code and space", "250 \r\n", 250, "", "250"},
      {"no space before the text", "250ok\r\n", 250, "", "250 ok"},
      {"line ended by LF", "250 ok\n", 250, "", "250 ok"},
      {"several lines", "250-a\r\n250-b\r\n250 c\r\n", 250, "", "250 a b c"},
      {"empty lines", "250-\r\n250-\r\n250\r\n", 250, "", "250"},
      {"enhanced", "550 5.1.1 no such user\r\n", 550, "5.1.1", "550 5.1.1 no such user"},
      {"enhanced on each line", "550-5.1.1 no such user\r\n550 5.1.1 sorry\r\n", 550, "5.1.1",
       "550 5.1.1 no such user sorry"},
      {"enhanced alone", "250 2.0.0\r\n", 250, "2.0.0", "250 2.0.0"},
      {"enhanced and a colon", "550 5.7.1: go away\r\n", 550, "5.7.1", "550 5.7.1: go away"},
      {"enhanced in a later line only", "451-wait\r\n451 4.7.1 greylisted\r\n", 451, "4.7.1",
       "451 wait 4.7.1 greylisted"},
      {"unknown code", "299 hm\r\n", 299, "", "299 hm"},
      {"unknown second digit", "598 hm\r\n", 598, "", "598 hm"},
  };
  for (const Accepted& c : cases) {
    SCOPED_TRACE(c.name);
    const auto reply = parse(c.bytes);
    ASSERT_TRUE(reply) << to_string(reply.error());
    EXPECT_EQ(reply->code, c.code);
    EXPECT_EQ(reply->enhanced ? to_string(*reply->enhanced) : "", c.enhanced);
    EXPECT_EQ(reply->one_line(), c.one_line);
  }
}

TEST(Reply, ESC_02_the_three_digits_decide) {
  for (const char* bytes : {"550 4.2.2 full\r\n", "550 2.0.0 fine\r\n", "250 5.1.1 no\r\n",
                            "354 2.0.0 go on\r\n", "550 5.1.1.1 no\r\n", "550 5.01.1 no\r\n",
                            "550 5.1.1abc no\r\n", "550 x5.1.1 no\r\n", "550 5.1 no\r\n"}) {
    const auto reply = parse(bytes);
    ASSERT_TRUE(reply) << bytes;
    EXPECT_FALSE(reply->enhanced) << bytes;
  }
}

TEST(Reply, pitfall_74_enhanced_status_is_not_carried_over) {
  ReplyParser parser;
  parser.feed("550 5.1.1 no\r\n550 no\r\n");
  EXPECT_TRUE(parser.next().value()->enhanced);
  EXPECT_FALSE(parser.next().value()->enhanced);
}

TEST(Reply, not_a_reply) {
  for (const char* bytes :
       {"\r\n", "hello\r\n", "25 ok\r\n", "2500 ok\r\n", "HTTP/1.1 400 Bad Request\r\n",
        " 250 ok\r\n", "-250 ok\r\n", "250-a\r\nb\r\n", "250-a\r\n\r\n", "SSH-2.0-OpenSSH\r\n"}) {
    const auto reply = parse(bytes);
    ASSERT_FALSE(reply) << bytes;
    EXPECT_EQ(reply.error().code, Errc::remote_protocol) << bytes;
  }
}

TEST(Reply, SMTP_17_first_digit_outside_2_to_5) {
  for (const char* bytes : {"199 x\r\n", "099 x\r\n", "000\r\n", "600 x\r\n", "999 x\r\n"}) {
    const auto reply = parse(bytes);
    ASSERT_FALSE(reply) << bytes;
    EXPECT_EQ(reply.error().retry, Retry::next_host);
  }
}

TEST(Reply, pitfall_74_mixed_codes_in_one_reply) {
  EXPECT_EQ(parse("250-yes\r\n550 no\r\n").error().code, Errc::remote_protocol);
  EXPECT_EQ(parse("550-no\r\n250 yes\r\n").error().code, Errc::remote_protocol);
}

TEST(Reply, pitfall_74_long_lines_are_cut_and_longer_ones_refused) {
  const auto cut = parse("250 " + std::string(ReplyParser::kHardLine - 10, 'x') + "\r\n");
  ASSERT_TRUE(cut);
  EXPECT_LE(cut->lines[0].size(), ReplyParser::kMaxLine + 5);
  EXPECT_TRUE(cut->lines[0].ends_with("x[...]"));

  EXPECT_EQ(parse("250 " + std::string(ReplyParser::kHardLine, 'x') + "\r\n").error().code,
            Errc::remote_protocol);
}

TEST(Reply, pitfall_74_a_line_without_end_is_not_kept) {
  ReplyParser parser;
  std::size_t fed = 0;
  while (parser.next()) {
    parser.feed(std::string(1024, '2'));
    fed += 1024;
    ASSERT_LE(fed, ReplyParser::kHardLine + 1024);
  }
  EXPECT_GT(fed, ReplyParser::kHardLine);
}

TEST(Reply, pitfall_74_bounded_number_of_lines) {
  std::string hundred;
  for (int i = 1; i < 100; ++i)
    hundred += "250-x\r\n";
  EXPECT_EQ(parse(hundred + "250 x\r\n").value().lines.size(), 100U);
  EXPECT_EQ(parse(hundred + "250-x\r\n250 x\r\n").error().code, Errc::remote_protocol);
}

TEST(Reply, pitfall_74_bounded_text_of_one_reply) {
  std::string bytes;
  for (int i = 1; i < 100; ++i)
    bytes += "250-" + std::string(5000, 'x') + "\r\n";
  const auto reply = parse(bytes + "250 " + std::string(5000, 'x') + "\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->lines.size(), 100U);
  EXPECT_LT(reply->verbatim().size(), 20000U);
}

TEST(Reply, pitfall_75_control_octets_are_made_safe) {
  using namespace std::string_literals;
  const auto reply = parse("550 a\x1b[31m\0b\rBcc: x\xff \xc3\xa4\r\n"s);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->lines[0], "a?[31m?b?Bcc: x? \xc3\xa4");
  EXPECT_EQ(reply->verbatim(), "550 a?[31m?b?Bcc: x? \xc3\xa4");
}

TEST(Reply, verbatim_keeps_the_lines) {
  EXPECT_EQ(parse("550-5.1.1 no such user\r\n550 5.1.1 sorry\r\n").value().verbatim(),
            "550-5.1.1 no such user\n550 5.1.1 sorry");
  EXPECT_EQ(parse("250\r\n").value().verbatim(), "250");
  EXPECT_EQ(parse("250-\r\n250 a\r\n").value().verbatim(), "250-\n250 a");
}

TEST(Reply, several_replies_in_any_segments) {
  const std::string bytes = "220-a\r\n220 b\r\n250 c\r\n354\r\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    ReplyParser parser;
    std::vector<std::string> replies;
    for (std::size_t i = 0; i < bytes.size(); i += size) {
      parser.feed(std::string_view(bytes).substr(i, size));
      for (;;) {
        const auto reply = parser.next();
        ASSERT_TRUE(reply);
        if (!*reply) break;
        replies.push_back((*reply)->one_line());
      }
    }
    EXPECT_EQ(replies, (std::vector<std::string>{"220 a b", "250 c", "354"})) << size;
    EXPECT_FALSE(parser.has_leftover());
  }
}

TEST(Reply, pitfall_58_leftover_is_seen) {
  for (const char* behind : {"250 x\r\n", "2", "x", "250-x\r\n", "\n"}) {
    ReplyParser parser;
    parser.feed(std::string("220 go ahead\r\n") + behind);
    EXPECT_TRUE(parser.next().value());
    EXPECT_TRUE(parser.has_leftover()) << behind;
  }
  ReplyParser parser;
  parser.feed("220 go ahead\r\n250-half");
  EXPECT_TRUE(parser.next().value());
  EXPECT_FALSE(parser.next().value());
  EXPECT_TRUE(parser.has_leftover());
  parser.reset();
  EXPECT_FALSE(parser.has_leftover());
  parser.feed("250 whole\r\n");
  EXPECT_EQ(parser.next().value()->one_line(), "250 whole");
}

TEST(Reply, kinds_by_first_digit) {
  EXPECT_TRUE(parse("299\r\n").value().positive());
  EXPECT_TRUE(parse("354\r\n").value().intermediate());
  EXPECT_TRUE(parse("400\r\n").value().transient());
  EXPECT_TRUE(parse("599\r\n").value().permanent());
  EXPECT_FALSE(parse("300\r\n").value().positive());
  EXPECT_FALSE(parse("500\r\n").value().transient());
}

}  // namespace
}  // namespace fulmar::smtp
