#include "mta/smtp/command.h"

#include <gtest/gtest.h>

#include <limits>

namespace fulmar::smtp {
namespace {

const Domain kOwn = Domain::parse("relay.example").value();

std::string verdict(std::string_view line) {
  const auto command = parse_command(line, kOwn);
  if (command) return "ok";
  return std::to_string(command.error().code) + ' ' + to_string(command.error().status);
}

template <class T>
T parsed(std::string_view line) {
  const auto command = parse_command(line, kOwn);
  if (!command) {
    ADD_FAILURE() << line << ": " << command.error().text;
    return {};
  }
  if (!std::holds_alternative<T>(*command)) {
    ADD_FAILURE() << line << ": another command";
    return {};
  }
  return std::get<T>(*command);
}

struct Case {
  std::string_view line;
  std::string_view want;
};

TEST(Command, SMTP_31_verdicts) {
  const std::string too_long_name(256, 'a');
  const Case cases[] = {
      {"EHLO client.example", "ok"},
      {"ehlo [192.0.2.1]", "ok"},
      {"HELO under_score", "ok"},
      {"EHLO", "501 5.5.4"},
      {"HELO two words", "501 5.5.4"},
      {"NOOP", "ok"},
      {"NOOP anything at all", "ok"},
      {"NOOP   ", "ok"},
      {"HELP", "ok"},
      {"HELP me", "ok"},
      {"VRFY someone", "ok"},
      {"VRFY", "501 5.5.4"},
      {"DATA", "ok"},
      {"DATA now", "501 5.5.4"},
      {"RSET", "ok"},
      {"RSET x", "501 5.5.4"},
      {"QUIT", "ok"},
      {"QUIT x", "501 5.5.4"},
      {"STARTTLS", "ok"},
      {"STARTTLS now", "501 5.5.4"},
      {"", "500 5.5.1"},
      {"   ", "500 5.5.1"},
      {" QUIT", "500 5.5.1"},
      {"QUITE", "500 5.5.1"},
      {"MAILFROM:<a@b.example>", "500 5.5.1"},
      {"EXPN list", "502 5.5.1"},
      {"ETRN b.example", "502 5.5.1"},
      {"BDAT 10", "ok"},
      {"bdat 0 last", "ok"},
      {"BDAT", "501 5.5.4"},
      {"BDAT LAST", "501 5.5.4"},
      {"BDAT\t10", "501 5.5.4"},
      {"BDATA", "501 5.5.4"},
      {"BDAT -1", "501 5.5.4"},
      {"BDAT 10 NEXT", "501 5.5.4"},
      {"BDAT 123456789012345678901", "501 5.5.4"},
      {"AUTH PLAIN", "ok"},
      {"AUTH plain AGEAYg==", "ok"},
      {"AUTH LOGIN =", "ok"},
      {"AUTH", "501 5.5.4"},
      {"AUTH PLAIN AGEA YgBj", "501 5.5.4"},
      {"NOOP \x01", "500 5.5.2"},
      {std::string_view("NOOP \0", 6), "500 5.5.2"},
      {"NOOP a\rMAIL FROM:<x@y>", "500 5.5.2"},
      {"NOOP\tx", "500 5.5.2"},
      {"NOOP \t", "ok"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(verdict(each.line), each.want) << each.line;
  EXPECT_EQ(verdict("EHLO " + too_long_name), "501 5.5.4");
}

TEST(Command, MAIL_verdicts) {
  const Case cases[] = {
      {"MAIL FROM:<a@b.example>", "ok"},
      {"mail from:<a@b.example>", "ok"},
      {"MAIL FROM: <a@b.example>", "ok"},
      {"MAIL FROM:<>", "ok"},
      {"MAIL FROM:<\"a b\"@b.example>", "ok"},
      {"MAIL FROM:<a@[192.0.2.1]>", "ok"},
      {"MAIL FROM:<a@[IPv6:2001:db8::1]>", "ok"},
      {"MAIL", "501 5.5.4"},
      {"MAIL FROM", "501 5.5.4"},
      {"MAIL TO:<a@b.example>", "501 5.5.4"},
      {"MAIL FROM:a@b.example", "501 5.1.7"},
      {"MAIL FROM:<a@b.example", "501 5.1.7"},
      {"MAIL FROM:<a>", "501 5.1.7"},
      {"MAIL FROM:<a@>", "501 5.1.7"},
      {"MAIL FROM:<a@b..example>", "501 5.1.7"},
      {"MAIL FROM:<a b@b.example>", "501 5.1.7"},
      {"MAIL FROM:<a@b.example>SIZE=1", "501 5.1.7"},
      {"MAIL FROM:<\"a>b\"@b.example>", "501 5.1.7"},
      {"MAIL FROM:<<a@b.example>>", "501 5.1.7"},
      {"MAIL FROM:<postmaster>", "501 5.1.7"},
      {"MAIL FROM:<a@b.example> SIZE=x", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> SIZE=", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> SIZE", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> SIZE=-1", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> SIZE=123456789012345678901", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> SIZE=1 SIZE=2", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> BODY=BINARYMIME", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> BODY=7BIT BODY=7BIT", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> REQUIRETLS", "ok"},
      {"MAIL FROM:<a@b.example> SIZE=1 requiretls BODY=7BIT", "ok"},
      {"MAIL FROM:<a@b.example> REQUIRETLS=", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> REQUIRETLS=yes", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> REQUIRETLS REQUIRETLS", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> REQUIRETLSX", "555 5.5.4"},
      {"MAIL FROM:<a@b.example> XYZ", "555 5.5.4"},
      {"MAIL FROM:<a@b.example> SMTPUTF8", "ok"},
      {"MAIL FROM:<a@b.example> SMTPUTF8=1", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> SMTPUTF8 SMTPUTF8", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> RET=HDRS", "ok"},
      {"MAIL FROM:<a@b.example> ret=full ENVID=QQ314159", "ok"},
      {"MAIL FROM:<a@b.example> RET", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> RET=ALL", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> RET=FULL RET=FULL", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> ENVID=", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> ENVID=a+2", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> ENVID=a ENVID=b", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> AUTH=<>", "ok"},
      {"MAIL FROM:<a@b.example> AUTH=a+3Db@b.example", "ok"},
      {"MAIL FROM:<a@b.example> AUTH=", "501 5.5.4"},
      {"MAIL FROM:<a@b.example> AUTH=a=b", "501 5.5.4"},
      {"MAIL FROM:<\xC3\xA4@b.example>", "ok"},
      {"MAIL FROM:<\xFF@b.example>", "501 5.1.7"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(verdict(each.line), each.want) << each.line;
}

TEST(Command, RCPT_verdicts) {
  const Case cases[] = {
      {"RCPT TO:<a@b.example>", "ok"},
      {"RCPT TO: <a@b.example>  ", "ok"},
      {"RCPT TO:<a@[192.0.2.1]>", "ok"},
      {"RCPT TO:<>", "501 5.1.3"},
      {"RCPT TO:a@b.example", "501 5.1.3"},
      {"RCPT TO:<a@[IPv6:192.0.2.1]>", "501 5.1.3"},
      {"RCPT TO:<a>", "501 5.1.3"},
      {"RCPT FROM:<a@b.example>", "501 5.5.4"},
      {"RCPT", "501 5.5.4"},
      {"RCPT TO:<a@b.example> NOTIFY=NEVER", "ok"},
      {"RCPT TO:<a@b.example> notify=success,delay ORCPT=rfc822;a+2Bb@b.example", "ok"},
      {"RCPT TO:<a@b.example> NOTIFY=", "501 5.5.4"},
      {"RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY", "501 5.5.4"},
      {"RCPT TO:<a@b.example> NOTIFY=NEVER NOTIFY=NEVER", "501 5.5.4"},
      {"RCPT TO:<a@b.example> ORCPT=a@b.example", "501 5.5.4"},
      {"RCPT TO:<a@b.example> ORCPT=rfc822;a ORCPT=rfc822;a", "501 5.5.4"},
      {"RCPT TO:<a@b.example> SIZE=1", "555 5.5.4"},
      {"RCPT TO:<\xC3\xA4@b.example>", "ok"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(verdict(each.line), each.want) << each.line;
}

TEST(Command, DSN_02_sizes_of_the_standard_are_taken_and_no_more) {
  const std::string mail = "MAIL FROM:<a@b.example> RET=FULL ENVID=";
  EXPECT_EQ(parsed<Mail>(mail + std::string(100, 'x')).envelope_id.size(), 100U);
  EXPECT_EQ(verdict(mail + std::string(101, 'x')), "501 5.5.4");
  const std::string rcpt = "RCPT TO:<a@b.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;";
  EXPECT_EQ(parsed<Rcpt>(rcpt + std::string(493, 'x')).original_recipient.size(), 500U);
  EXPECT_EQ(verdict(rcpt + std::string(494, 'x')), "501 5.5.4");
}

TEST(Command, a_BDAT_without_a_number_loses_count) {
  EXPECT_TRUE(parse_command("BDAT x", kOwn).error().loses_count);
  EXPECT_TRUE(parse_command("BDAT 1\x01", kOwn).error().loses_count);
  EXPECT_FALSE(parse_command("QUIT x", kOwn).error().loses_count);
}

TEST(Command, AUT_02_only_AUTH_may_have_a_long_line) {
  EXPECT_EQ(parsed<Auth>("AUTH PLAIN " + std::string(12'000, 'A')).response->size(), 12'000U);
  EXPECT_EQ(verdict("NOOP " + std::string(2041, 'x')), "ok");
  EXPECT_EQ(verdict("NOOP " + std::string(2042, 'x')), "500 5.5.2");
}

TEST(Command, SMTP_24_local_part_keeps_case_and_bytes) {
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<\"A b\"@B.Example>").recipient.text, "\"A b\"@B.Example");
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<JoE@b.example>").recipient.local_part, "JoE");
}

TEST(Command, source_route_is_ignored) {
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<@x.example,@y.example:a@b.example>").recipient.text,
            "a@b.example");
}

TEST(Command, postmaster_needs_no_domain) {
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<PostMaster>").recipient.text, "PostMaster@relay.example");
}

TEST(Command, domain_in_u_labels_goes_on_in_a_labels) {
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<a@b\xC3\xBC"
                         "cher.example>")
                .recipient.text,
            "a@xn--bcher-kva.example");
}

TEST(Command, EAI_02_a_local_part_beyond_ascii_keeps_its_address_as_it_is) {
  const std::string address =
      "b\xC3\xBC@b\xC3\xBC"
      "cher.example";
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<" + address + ">").recipient.text, address);
}

TEST(Command, SUB_02_null_sender) {
  EXPECT_FALSE(parsed<Mail>("MAIL FROM:<>").sender.has_value());
}

TEST(Command, SIZ_01_size_and_body) {
  const Mail mail = parsed<Mail>("MAIL FROM:<a@b.example> body=8bitmime  size=1000");
  EXPECT_EQ(mail.size, 1000U);
  EXPECT_TRUE(mail.eight_bit);
  EXPECT_FALSE(parsed<Mail>("MAIL FROM:<a@b.example> BODY=7BIT").eight_bit);
  EXPECT_EQ(parsed<Mail>("MAIL FROM:<> SIZE=99999999999999999999").size,
            std::numeric_limits<std::uint64_t>::max());
}

TEST(Command, REQ_01_the_parameter_of_MAIL) {
  EXPECT_TRUE(parsed<Mail>("MAIL FROM:<a@b.example> RequireTls").requiretls);
  EXPECT_FALSE(parsed<Mail>("MAIL FROM:<REQUIRETLS@b.example>").requiretls);
}

TEST(Command, texts_of_errors_are_one_line) {
  const auto error = parse_command("MAIL FROM:<a@b..example>", kOwn);
  ASSERT_FALSE(error.has_value());
  EXPECT_EQ(error.error().text, "bad sender address: empty label in domain name");
}

TEST(WriteCommand, DSN_04_what_was_asked_goes_on_octet_by_octet) {
  EXPECT_EQ(write_mail("a@b.example", {.ret = DsnReturn::full, .envelope_id = "x+2By"}).value(),
            "MAIL FROM:<a@b.example> RET=FULL ENVID=x+2By");
  EXPECT_EQ(write_mail("", {.ret = DsnReturn::headers}).value(), "MAIL FROM:<> RET=HDRS");
  EXPECT_EQ(write_rcpt("a@b.example", {.notify = *parse_notify("delay,success"),
                                       .original_recipient = "rfc822;A+2Bb@b.example"})
                .value(),
            "RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;A+2Bb@b.example");
}

TEST(WriteCommand, SMU_05_parameters_that_would_break_the_line) {
  EXPECT_FALSE(write_mail("a@b.example", {.envelope_id = "x\r\nRSET"}));
  EXPECT_FALSE(write_mail("a@b.example", {.envelope_id = "x y"}));
  EXPECT_FALSE(write_rcpt("a@b.example", {.original_recipient = "rfc822;a b"}));
  EXPECT_FALSE(write_rcpt("a@b.example", {.original_recipient = "rfc822;a\r\n"}));
}

TEST(WriteCommand, lines) {
  EXPECT_EQ(write_mail("", {}).value(), "MAIL FROM:<>");
  EXPECT_EQ(write_mail("a@b.example", {.size = 10, .eight_bit = true, .smtputf8 = true}).value(),
            "MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME SMTPUTF8");
  EXPECT_EQ(write_mail("a@b.example", {.requiretls = true}).value(),
            "MAIL FROM:<a@b.example> REQUIRETLS");
  EXPECT_EQ(write_rcpt("\"a b\"@b.example", {}).value(), "RCPT TO:<\"a b\"@b.example>");
  EXPECT_EQ(write_rcpt("\xC3\xA4@b.example", {}).value(), "RCPT TO:<\xC3\xA4@b.example>");
}

TEST(WriteCommand, SMU_05_nothing_ends_the_path_early) {
  const std::string_view bad[] = {"a@b\r\nDATA",   "a@b\n",   std::string_view("a\0@b", 4),
                                  "a@b> SIZE=1",   "a@<b",    "a b@c.example",
                                  "\"a@b.example", "a@b\x7F", "\"a\" b\"@c"};
  for (const auto path : bad) {
    const auto mail = write_mail(path, {});
    ASSERT_FALSE(mail.has_value()) << path;
    EXPECT_EQ(mail.error().code, Errc::invalid_argument);
    EXPECT_FALSE(write_rcpt(path, {}).has_value()) << path;
  }
  EXPECT_FALSE(write_rcpt("", {}).has_value());
}

}  // namespace
}  // namespace fulmar::smtp
