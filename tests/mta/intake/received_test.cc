#include "mta/intake/received.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fulmar::intake {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ReceivedFacts usual() {
  return {.helo = "client.example",
          .client = IpAddress::parse("192.0.2.9").value(),
          .by = Domain::parse("relay.example").value(),
          .extended = true,
          .id = MessageId::from_bytes({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
          .only_recipient = Mailbox::parse("a@b.example").value(),
          .at = UtcTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21))};
}

TEST(Received, SMTP_30_whole_field) {
  const ReceivedFacts facts = usual();
  EXPECT_EQ(received_field(facts),
            "Received: from client.example ([192.0.2.9])\r\n"
            "\tby relay.example with ESMTP id " +
                facts.id.str() +
                "\r\n"
                "\tfor <a@b.example>;\r\n"
                "\tSat, 21 Nov 2026 00:00:00 +0000\r\n");
}

TEST(Received, SMTP_30_FOR_is_left_out_for_several_recipients) {
  ReceivedFacts facts = usual();
  facts.only_recipient.reset();
  EXPECT_THAT(received_field(facts), Not(HasSubstr("for")));
  EXPECT_THAT(received_field(facts), HasSubstr(facts.id.str() + ";\r\n\tSat, "));
}

TEST(Received, SUB_07_with_clause_of_RFC_3848_and_6531) {
  struct Row {
    bool extended;
    bool smtputf8;
    bool tls;
    bool authenticated;
    std::string_view want;
  };
  const Row rows[] = {{false, false, false, false, "SMTP"},  {false, false, true, false, "SMTP"},
                      {true, false, false, false, "ESMTP"},  {true, false, true, false, "ESMTPS"},
                      {true, false, true, true, "ESMTPSA"},  {true, true, false, false, "UTF8SMTP"},
                      {true, true, true, true, "UTF8SMTPSA"}};
  for (const Row& row : rows) {
    ReceivedFacts facts = usual();
    facts.extended = row.extended;
    facts.smtputf8 = row.smtputf8;
    facts.authenticated = row.authenticated;
    if (row.tls) facts.tls = "TLS_AES_256_GCM_SHA384";
    EXPECT_THAT(received_field(facts), HasSubstr(" with " + std::string(row.want) + " id "));
  }
}

TEST(Received, SUB_07_the_cipher_suite_stands_in_a_clause_of_its_own) {
  ReceivedFacts facts = usual();
  facts.tls = "TLS_AES_256_GCM_SHA384";
  EXPECT_THAT(received_field(facts),
              HasSubstr("for <a@b.example>\r\n\ttls TLS_AES_256_GCM_SHA384;\r\n\tSat, "));
}

TEST(Received, addresses) {
  ReceivedFacts facts = usual();
  facts.client = IpAddress::parse("2001:db8::9").value();
  EXPECT_THAT(received_field(facts), HasSubstr("([IPv6:2001:db8::9])"));
  facts.client = IpAddress::parse("::ffff:192.0.2.9").value();
  EXPECT_THAT(received_field(facts), HasSubstr("([192.0.2.9])"));
}

TEST(Received, pitfall_80_whatever_the_client_calls_itself) {
  const std::string_view names[] = {
      "", "a (b", "x\r\nBcc: y", "\xC3\xA4", "[192.0.2.1]", "a;b", std::string_view("a\0b", 3)};
  for (const auto name : names) {
    ReceivedFacts facts = usual();
    facts.helo = name;
    const std::string field = received_field(facts);
    EXPECT_EQ(std::ranges::count(field, '\n'), 4) << field;
    EXPECT_EQ(std::ranges::count(field, '('), 1) << field;
    EXPECT_EQ(std::ranges::count(field, ';'), 1) << field;
    EXPECT_TRUE(std::ranges::all_of(field, [](char c) { return c > 0; })) << field;
  }
  ReceivedFacts facts = usual();
  facts.helo = std::string(5000, 'x');
  EXPECT_LT(received_field(facts).find("\r\n"), 998U);
  facts.helo = "[192.0.2.1]";
  EXPECT_THAT(received_field(facts), HasSubstr("from [192.0.2.1] ("));
}

}  // namespace
}  // namespace fulmar::intake
