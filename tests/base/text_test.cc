#include <gtest/gtest.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/maillog.h"
#include "base/message_id.h"
#include "base/random.h"

namespace fulmar {
namespace {

using namespace std::chrono_literals;

UtcTime at(std::int64_t milliseconds) {
  return UtcTime(std::chrono::milliseconds(milliseconds));
}

TEST(Clock, writes_utc_in_both_forms) {
  EXPECT_EQ(to_iso8601(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_iso8601(at(1'795'302'540'125)), "2026-11-21T23:09:00.125Z");
  EXPECT_EQ(to_rfc5322(at(1'795'302'540'125)), "Sat, 21 Nov 2026 23:09:00 +0000");
  EXPECT_EQ(to_rfc5322(at(1'709'164'800'000)), "Thu, 29 Feb 2024 00:00:00 +0000");
}

TEST(Utf8, well_formed_sequences_only) {
  for (const char* good : {"", "abc", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x93\xa7"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  }
  // a lone continuation, overlong forms, a surrogate, past U+10FFFF, a cut sequence
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(is_valid_utf8(bad));
  }
}

TEST(FindUnquoted, passes_over_quoted_strings_and_quoted_octets) {
  EXPECT_EQ(find_unquoted("a@b", '@'), 1U);
  EXPECT_EQ(find_unquoted(R"("a@b"@c)", '@'), 5U);
  EXPECT_EQ(find_unquoted(R"("a\"@b"@c)", '@'), 7U);
  EXPECT_EQ(find_unquoted(R"(a\@b)", '@'), 2U) << "a backslash quotes inside quotes only";
  EXPECT_EQ(find_unquoted(R"("a@b)", '@'), std::string_view::npos);
  EXPECT_EQ(find_unquoted("\"a\\", '@'), std::string_view::npos);
}

TEST(SanitizeLine, pitfall_75_one_harmless_bounded_line) {
  EXPECT_EQ(sanitize_line("a\r\nBcc: b\x1b[31m\x7f", 100), "a??Bcc: b?[31m?");
  EXPECT_EQ(sanitize_line(std::string_view("a\0b", 3), 100), "a?b");
  EXPECT_EQ(sanitize_line("\xff\xc3\xbc", 100), "?\xc3\xbc");
  EXPECT_EQ(sanitize_line("a\xc2\x9b[2Jb\xc2\xa0", 100), "a?[2Jb\xc2\xa0");  // C1 controls
  EXPECT_EQ(sanitize_line("abcdef", 3), "abc[...]");
  EXPECT_EQ(sanitize_line("ab\xc3\xbc", 3), "ab[...]");  // never half a character
  EXPECT_LE(sanitize_line(std::string(10'000'000, 'x'), 512).size(), 520U);
}

TEST(JsonQuote, escapes_by_rfc_8259) {
  EXPECT_EQ(json_quote("a\"b\\c\n"), R"("a\"b\\c\u000a")");
  EXPECT_EQ(json_quote("\xff"), "\"?\"");
}

TEST(Log, lines_stay_single_and_bounded) {
  EXPECT_EQ(format_text_line("message", {{"key", "value"}, {"why", "two words\n"}, {"none", ""}}),
            R"(message key=value why="two words?" none="")");
  EXPECT_EQ(format_json_members("m", {{"k", "a\"b"}}), R"("msg":"m","k":"a\"b")");
  EXPECT_LT(format_text_line("m", {{"k", std::string(1'000'000, 'x')}}).size(), 1100U);
}

TEST(MessageId, text_sorts_by_time_and_parses_back) {
  const auto random = make_seeded_random(7);
  const MessageId older = MessageId::make(at(1'000'000), *random);
  const MessageId newer = MessageId::make(at(1'000'001), *random);
  EXPECT_LT(older, newer);
  EXPECT_LT(older.str(), newer.str());
  EXPECT_EQ(older.str().size(), MessageId::kTextLength);
  EXPECT_EQ(MessageId::parse(older.str()), older);
  EXPECT_NE(MessageId::make(at(5), *random), MessageId::make(at(5), *random));
  for (const std::string& bad : {std::string(), older.str() + "0", older.str().substr(1),
                                 "U" + older.str().substr(1), older.str().substr(0, 19) + "1"}) {
    EXPECT_FALSE(MessageId::parse(bad)) << bad;
  }
}

TEST(Random, stays_within_bounds) {
  const auto random = make_seeded_random(1);
  std::array<int, 3> seen{};
  for (int i = 0; i < 300; ++i) {
    ++seen.at(random->below(3));
    const auto jittered = random->jitter(1000ms, 10);
    EXPECT_GE(jittered, 900ms);
    EXPECT_LE(jittered, 1100ms);
  }
  for (const int count : seen)
    EXPECT_GT(count, 50);
  EXPECT_EQ(random->jitter(0ms, 10), 0ms);
}

MessageId fixed_id() {
  return MessageId::from_bytes({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

// The mail log is an interface: these lines are what parsers rely on.
TEST(MailLog, pitfall_124_lines_have_the_shape_postfix_users_know) {
  EXPECT_EQ(
      format(QueuedEvent{.id = fixed_id(),
                         .client = "app[192.0.2.9]",
                         .sender = "a@b.example",
                         .size = 7,
                         .recipients = 2}),
      fixed_id().str() + ": client=app[192.0.2.9], from=<a@b.example>, size=7, nrcpt=2 (queued)");
  EXPECT_EQ(
      format(QueuedEvent{.id = fixed_id(),
                         .client = "app[192.0.2.9]",
                         .user = "shop\r\nx",
                         .sender = "",
                         .size = 7,
                         .recipients = 1}),
      fixed_id().str() +
          ": client=app[192.0.2.9], sasl_username=shop??x, from=<>, size=7, nrcpt=1 (queued)");
  DeliveryEvent sent{.id = fixed_id(),
                     .recipient = "a@b.example",
                     .relay = "mx1.b.example[192.0.2.7]:25",
                     .delay = 1400ms,
                     .tls = "dane",
                     .dsn = {2, 0, 0},
                     .status = DeliveryStatus::sent,
                     .text = "250 ok"};
  sent.delays = {0ms, 100ms, 400ms, 900ms};
  EXPECT_EQ(format(sent), fixed_id().str() +
                              ": to=<a@b.example>, relay=mx1.b.example[192.0.2.7]:25, delay=1.4, "
                              "delays=0.0/0.1/0.4/0.9, tls=dane, dsn=2.0.0, status=sent (250 ok)");
  DeliveryEvent deferred{.id = fixed_id(),
                         .recipient = "a@b",
                         .tls = "none:failed=dane-mismatch",
                         .dsn = {4, 7, 5},
                         .text = "evil\r\nline"};
  EXPECT_EQ(format(deferred),
            fixed_id().str() +
                ": to=<a@b>, relay=none, delay=0.0, delays=0.0/0.0/0.0/0.0, "
                "tls=none:failed=dane-mismatch, dsn=4.7.5, status=deferred (evil??line)");
}

}  // namespace
}  // namespace fulmar
