#include "mta/smtp/capabilities.h"

#include <gtest/gtest.h>

namespace fulmar::smtp {
namespace {

Capabilities parse(std::vector<std::string> keywords) {
  Reply reply{.code = 250, .enhanced = {}, .lines = {"mx.example greets you"}};
  reply.lines.insert(reply.lines.end(), keywords.begin(), keywords.end());
  return parse_capabilities(reply);
}

TEST(Capabilities, all_known_keywords) {
  const Capabilities all = {.starttls = true,
                            .pipelining = true,
                            .eight_bit_mime = true,
                            .enhanced_status_codes = true,
                            .chunking = true,
                            .smtputf8 = true,
                            .dsn = true,
                            .requiretls = true,
                            .auth = true,
                            .auth_plain = true,
                            .auth_login = true,
                            .size = true,
                            .size_limit = 1000};
  EXPECT_EQ(parse({"STARTTLS", "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING",
                   "SMTPUTF8", "DSN", "REQUIRETLS", "AUTH PLAIN LOGIN", "SIZE 1000"}),
            all);
  EXPECT_EQ(parse({"StartTls", "pipelining", "8bitmime", "EnhancedStatusCodes", "chunking",
                   "smtpUTF8", "dsn", "requireTLS", "auth Plain login", "size 1000"}),
            all)
      << "SMTP-23";
}

TEST(Capabilities, SMTP_23_unknown_and_malformed_ones_are_ignored) {
  EXPECT_EQ(
      parse({"", " ", "XCLIENT NAME ADDR", "AUTH=LOGIN", "PIPELININGS", "STARTTLSX", "SIZE=1"}),
      Capabilities{});
  EXPECT_TRUE(parse({"SMTPUTF8 whatever"}).smtputf8) << "EAI-03";
  EXPECT_TRUE(parse({"PIPELINING "}).pipelining);
}

TEST(Capabilities, AUT_04_mechanisms_of_AUTH) {
  struct Case {
    std::vector<std::string> lines;
    bool plain = false;
    bool login = false;
  };
  for (const Case& c :
       {Case{.lines = {"AUTH"}}, Case{.lines = {"AUTH CRAM-MD5 XPLAIN LOGINS"}},
        Case{.lines = {"AUTH  SCRAM-SHA-256  PLAIN "}, .plain = true},
        Case{.lines = {"AUTH LOGIN"}, .login = true},
        Case{.lines = {"AUTH PLAIN", "AUTH LOGIN"}, .plain = true, .login = true}}) {
    const Capabilities offers = parse(c.lines);
    EXPECT_TRUE(offers.auth) << c.lines[0];
    EXPECT_EQ(offers.auth_plain, c.plain) << c.lines[0];
    EXPECT_EQ(offers.auth_login, c.login) << c.lines[0];
  }
}

TEST(Capabilities, the_first_line_is_the_greeting) {
  Reply reply{.code = 250, .enhanced = {}, .lines = {"STARTTLS"}};
  EXPECT_FALSE(parse_capabilities(reply).starttls);
  EXPECT_EQ(parse_capabilities(Reply{}), Capabilities{});
}

TEST(Capabilities, SIZ_02_pitfall_77_size) {
  struct Case {
    std::string line;
    std::optional<std::uint64_t> limit;
  };
  const std::vector<Case> cases = {
      {"SIZE", {}},
      {"SIZE 0", {}},
      {"SIZE 00", {}},
      {"SIZE 1", 1},
      {"SIZE 52428800", 52428800},
      {"SIZE  7 ", 7},
      {"SIZE 18446744073709551615", 18446744073709551615U},
      {"SIZE 99999999999999999999", {}},
      {"SIZE -1", {}},
      {"SIZE 10MB", {}},
      {"SIZE 10 20", {}},
      {"SIZE unlimited", {}},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(parse({c.line}).size) << c.line;
    EXPECT_EQ(parse({c.line}).size_limit, c.limit) << c.line;
  }
}

}  // namespace
}  // namespace fulmar::smtp
