#include "mta/notice/spoken.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mta/notice/samples.h"
#include "mta/notice/summary_text.h"
#include "mta/notice/text_catalogue.h"
#include "tests/mta/notice/sample_facts.h"

namespace fulmar::notice {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr UtcTime kNewYear{std::chrono::sys_days{std::chrono::year{2027} / 1 / 1}};

const LanguageTexts& english() {
  return Texts::built_in()->language("en");
}
const LanguageTexts& german() {
  return Texts::built_in()->language("de");
}

TEST(NoticeSpoken, times) {
  EXPECT_EQ(spoken_time(kNewYear, english()), "1 January 2027, 00:00 UTC");
  EXPECT_EQ(spoken_time(kNewYear - 1ms, english()), "31 December 2026, 23:59 UTC");
  EXPECT_EQ(spoken_time(kNewYear + 24h * 60, german()), "2. M\xC3\xA4rz 2027 um 00:00 UTC");
}

TEST(NoticeSpoken, pitfall_103_attempts_of_one_day_name_it_once) {
  EXPECT_EQ(spoken_attempts({kNewYear}, english()), "1 January 2027, 00:00 UTC");
  EXPECT_EQ(spoken_attempts({kNewYear, kNewYear + 30min}, english()),
            "1 January 2027, 00:00 UTC and about 00:30 UTC");
  EXPECT_EQ(spoken_attempts({kNewYear - 2h, kNewYear - 1h, kNewYear}, german()),
            "31. Dezember 2026 um 22:00 UTC, etwa 23:00 UTC und etwa 1. Januar 2027 um 00:00 UTC");
}

TEST(NoticeSpoken, recipients_are_named_up_to_three) {
  std::vector<NoticeRecipient> all;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    all.push_back(sample_facts().recipients.front());
    all.back().address = mailbox(name + std::string("@x.example"));
  }
  const auto named = [&](std::size_t count, const LanguageTexts& texts) {
    std::vector<const NoticeRecipient*> some;
    for (std::size_t i = 0; i < count; ++i)
      some.push_back(&all[i]);
    return spoken_recipients(some, texts);
  };
  EXPECT_EQ(named(1, english()), "a@x.example");
  EXPECT_EQ(named(2, english()), "a@x.example and b@x.example");
  EXPECT_EQ(named(3, german()), "a@x.example, b@x.example und c@x.example");
  EXPECT_EQ(named(4, english()), "a@x.example, b@x.example, c@x.example and 1 more");
  EXPECT_EQ(named(5, german()), "a@x.example, b@x.example, c@x.example und weitere (2)");
}

TEST(NoticeSpoken, subjects_that_can_be_read) {
  EXPECT_EQ(spoken_subject("Quarterly figures", 100), "Quarterly figures");
  EXPECT_EQ(spoken_subject("f\xC3\xBCr Sie", 100), "f\xC3\xBCr Sie");
  EXPECT_EQ(spoken_subject("Quarterly figures", 9), "Quarterly[...]");
  EXPECT_EQ(spoken_subject("a\r\nb\x1B", 100), "a??b?");
  EXPECT_EQ(spoken_subject("=?utf-8?B?w7w=?=", 100), "");
  EXPECT_EQ(spoken_subject("", 100), "");
}

/// A file that uses each text's placeholders all at once: "expired = "(domain={domain})…"".
std::string file_with_every_placeholder() {
  std::string content;
  std::string table;
  for (const TextKey& key : text_catalogue()) {
    if (key.table != table) content += '[' + key.table + "]\n";
    table = key.table;
    content += key.key + " = \"" + key.key;
    for (const std::string_view name : key.placeholders)
      content += '(' + std::string(name) + "={" + std::string(name) + "})";
    content += "\"\n";
  }
  return content;
}

Texts::Pointer with_every_placeholder() {
  return Texts::with({{.path = "fr.toml", .tag = "fr", .content = file_with_every_placeholder()}})
      .value();
}

TEST(NoticeSpoken, whatever_placeholder_a_text_may_hold_has_a_value) {
  const Texts::Pointer texts = with_every_placeholder();
  for (const NoticeKind kind : kNoticeKinds) {
    for (const SampleClass& what : sample_classes()) {
      const std::string notice = compose_notice(sample_facts(kind, what), texts->language("fr"));
      const std::string plain = decoded(part_of(notice, "text/plain"));
      EXPECT_THAT(plain, HasSubstr("(recipients=bob@b.example)"));
      EXPECT_THAT(plain, Not(HasSubstr("{")));
      EXPECT_THAT(plain, Not(HasSubstr("=)"))) << what.name;
    }
  }
}

TEST(NoticeSpoken, whatever_placeholder_a_text_of_the_summary_may_hold_has_a_value) {
  const Texts::Pointer texts = with_every_placeholder();
  SummaryFacts facts = sample_summary();
  // So many that some are left out.
  facts.entries.resize(kMaxSummarized + 1, facts.entries.front());
  const SectionedText text = summary_text(facts, texts->language("fr"));
  const std::string words = '\n' + text.title + '\n' + plain_text(text);
  EXPECT_THAT(words, Not(HasSubstr("{")));
  EXPECT_THAT(words, Not(HasSubstr("=)")));
  for (const TextKey& key : text_catalogue()) {
    if (key.table != "summary") continue;
    EXPECT_THAT(words, HasSubstr('\n' + key.key + '('));
  }
}

TEST(NoticeSpoken, whatever_placeholder_a_text_of_the_digest_may_hold_has_a_value) {
  const Texts::Pointer texts = with_every_placeholder();
  const SectionedText text = digest_text(sample_digest(), texts->language("fr"));
  const std::string words = '\n' + text.title + '\n' + plain_text(text);
  EXPECT_THAT(words, Not(HasSubstr("{")));
  EXPECT_THAT(words, Not(HasSubstr("=)")));
  for (const TextKey& key : text_catalogue()) {
    if (key.table != "digest") continue;
    const bool in_an_item = key.key == "so-at" || key.key == "once" || key.key == "times";
    EXPECT_THAT(words, HasSubstr((in_an_item ? " (" : "\n") + key.key + '('));
  }
}

}  // namespace
}  // namespace fulmar::notice
