#include "mta/notice/texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "mta/notice/text_catalogue.h"
#include "tests/mta/notice/shown.h"

namespace fulmar::notice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> faults_in(const std::string& content) {
  const auto texts = Texts::with({{.path = "fr.toml", .tag = "fr", .content = content}});
  return texts ? std::vector<std::string>() : shown(texts.error());
}

TEST(NoticeTexts, pitfall_105_english_and_german_are_complete) {
  const auto texts = Texts::built_in();
  EXPECT_THAT(texts->tags(), ElementsAre("de", "en"));
  EXPECT_EQ(texts->language("en").borrowed(), 0U);
  EXPECT_EQ(texts->language("de").borrowed(), 0U);
}

TEST(NoticeTexts, pitfall_105_no_text_holds_codes_or_names_of_protocols) {
  const std::regex jargon(
      R"(TLSA|\bMX\b|DNS|STARTTLS|MTA-STS|DANE|SMTP|\bTLS\b|\b[245]\d\d\b|\d\.\d+\.\d)");
  const auto texts = Texts::built_in();
  for (const std::string& tag : texts->tags()) {
    for (const TextKey& key : text_catalogue()) {
      const std::string& text = texts->language(tag).text(key.table, key.key);
      EXPECT_FALSE(std::regex_search(text, jargon)) << tag << ": " << text;
    }
  }
}

/// What a text says is for its language; which facts it names is not.
TEST(NoticeTexts, german_speaks_of_the_same_domain_and_operator_as_english) {
  const auto texts = Texts::built_in();
  for (const TextKey& key : text_catalogue()) {
    const std::string& english = texts->language("en").text(key.table, key.key);
    const std::string& german = texts->language("de").text(key.table, key.key);
    const bool may_agree = key.table == "list" || key.table == "date";
    EXPECT_TRUE(may_agree || english != german) << english;
    for (const std::string_view name : key.placeholders) {
      const std::string placeholder = "{" + std::string(name) + "}";
      EXPECT_EQ(english.find(placeholder) == std::string::npos,
                german.find(placeholder) == std::string::npos)
          << german;
    }
  }
}

TEST(NoticeTexts, a_file_changes_single_texts) {
  const auto texts =
      Texts::with({{.path = "de.toml",
                    .tag = "de",
                    .content = "[mend]\nexpired = \"Rufen Sie {postmaster} an.\"\n"}});
  ASSERT_TRUE(texts);
  const LanguageTexts& german = (*texts)->language("de");
  EXPECT_EQ(german.say("mend", "expired", {{"postmaster", "p@x.example"}}),
            "Rufen Sie p@x.example an.");
  EXPECT_EQ(german.text("date", "may"), "Mai");
  EXPECT_EQ((*texts)->language("en").text("mend", "expired"),
            Texts::built_in()->language("en").text("mend", "expired"));
}

TEST(NoticeTexts, pitfall_105_what_a_new_language_lacks_is_english) {
  const auto texts = Texts::with(
      {{.path = "fr.toml", .tag = "fr", .content = "[date]\nmay = \"mai\"\n"},
       {.path = "en.toml", .tag = "en", .content = "[date]\njune = \"Jun\"\n"},
       {.path = "de-AT.toml", .tag = "de-AT", .content = "[date]\njanuary = \"J\xC3\xA4nner\"\n"}});
  ASSERT_TRUE(texts);
  EXPECT_THAT((*texts)->tags(), ElementsAre("de", "de-AT", "en", "fr"));
  const LanguageTexts& french = (*texts)->language("fr-CA");
  EXPECT_EQ(french.tag(), "fr");
  EXPECT_EQ(french.text("date", "may"), "mai");
  EXPECT_EQ(french.text("date", "june"), "Jun") << "English as the operator has it";
  EXPECT_EQ(french.borrowed(), text_catalogue().size() - 1);
  const LanguageTexts& austrian = (*texts)->language("de-AT");
  EXPECT_EQ(austrian.text("date", "january"), "J\xC3\xA4nner");
  EXPECT_EQ(austrian.text("date", "may"), "Mai");
  EXPECT_EQ((*texts)->language("it").tag(), "en");
}

TEST(NoticeTexts, everything_wrong_is_found_with_its_place_and_in_one_run) {
  EXPECT_THAT(
      faults_in("[hapened]\n"
                "expired = \"x\"\n"
                "[verdict]\n"
                "faild = \"{recipients}\"\n"
                "failed = \"{recipient} was not reached\"\n"
                "delayed = \"waits\"\n"
                "relayed = 12\n"
                "cleared = \"{recipients} {nonsense}\"\n"
                "[mend]\n"
                "expired = \"{domain\"\n"
                "internal = \"a } b\"\n"
                "dns-bogus = \"{{domain}}\"\n"
                "null-mx = \"  \"\n"
                "mail-loop = \"\"\"two\nlines\"\"\"\n"
                "operator = \"bell \\u0007\"\n"
                "suspended = \"separator \\u2028\"\n"
                "[list.and]\n"
                "x = \"y\"\n"
                "[date]\n"
                "may = \"{month}\"\n"),
      ElementsAre(
          R"(fr.toml:1:2: unknown table "hapened"; did you mean "happened"?)",
          R"(fr.toml:4:1: unknown text in [verdict]: "faild"; did you mean "failed"?)",
          R"(fr.toml:5:10: verdict.failed: unknown placeholder {recipient}; did you mean {recipients}?)",
          R"(fr.toml:6:11: verdict.delayed: must hold {recipients})",
          R"(fr.toml:7:11: verdict.relayed must be text in quotes, not a whole number)",
          R"(fr.toml:8:11: verdict.cleared: unknown placeholder {nonsense}; this text may hold: {recipients})",
          R"(fr.toml:10:11: mend.expired: holds a brace that belongs to no placeholder such as {domain})",
          R"(fr.toml:11:12: mend.internal: holds a brace that belongs to no placeholder such as {domain})",
          R"(fr.toml:12:13: mend.dns-bogus: holds a brace that belongs to no placeholder such as {domain})",
          R"(fr.toml:13:11: mend.null-mx: is empty)",
          R"(fr.toml:14:13: mend.mail-loop: holds a line break or another control character)",
          R"(fr.toml:16:12: mend.operator: holds a line break or another control character)",
          R"(fr.toml:17:13: mend.suspended: holds a line break or another control character)",
          R"(fr.toml:18:1: list.and must be text in quotes, not a table)",
          R"(fr.toml:21:7: date.may: unknown placeholder {month}; this text may hold: none)"));
}

TEST(NoticeTexts, bounds_and_syntax) {
  EXPECT_THAT(faults_in("[mend]\nexpired = \"" + std::string(500, 'x') + "\"\n"), IsEmpty());
  EXPECT_THAT(faults_in("[mend]\nexpired = \"" + std::string(501, 'x') + "\"\n"),
              ElementsAre(HasSubstr("is 501 octets long; at most 500 are allowed")));
  EXPECT_THAT(faults_in("[mend]\nexpired = \"x\n"), ElementsAre(HasSubstr("fr.toml:2:")));
  EXPECT_THAT(faults_in("[mend]\nexpired = \"\xFF\"\n"), ElementsAre(HasSubstr("fr.toml:2:")));
  EXPECT_THAT(faults_in("[mend]\nexpired = \"x\"\nexpired = \"y\"\n"),
              ElementsAre(HasSubstr("fr.toml:3:")));
  EXPECT_THAT(faults_in("mend = \"x\"\n"),
              ElementsAre(HasSubstr(R"("mend" must be a table, not )")));
  EXPECT_THAT(faults_in(""), IsEmpty());
}

TEST(NoticeTexts, values_are_data) {
  EXPECT_EQ(fill_in("{a}, {b}!", {{"a", "{b}"}, {"b", "x{a}y{"}}), "{b}, x{a}y{!");
  EXPECT_EQ(fill_in("{a} and {nothing}", {{"a", "x"}}), "x and ");
  EXPECT_EQ(fill_in("plain", {}), "plain");
}

TEST(NoticeTexts, redteam_50_a_file_full_of_faults_is_told_in_a_few) {
  std::string content = "[subject]\n";
  for (int i = 0; i < 10'000; ++i)
    content += "wrong" + std::to_string(i) + " = \"x\"\n";
  const auto read = Texts::with({{.path = "fr.toml", .tag = "fr", .content = content}});
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().size(), 20U);
}

}  // namespace
}  // namespace fulmar::notice
