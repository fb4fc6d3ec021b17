// One mail in the place of many notices.
#include "mta/notice/summary.h"

#include <gmock/gmock.h>

#include "mta/notice/mime.h"
#include "mta/notice/samples.h"
#include "tests/mta/notice/golden.h"

namespace fulmar::notice {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string compose(const SummaryFacts& facts, const std::string& language = "en") {
  return compose_summary(facts, Texts::built_in()->language(language));
}

TEST(Summary, pitfall_102_as_it_goes_out) {
  for (const std::string language : {"en", "de"})
    expect_golden("summary." + language + ".eml", compose(sample_summary(), language));
}

TEST(Summary, pitfall_102_who_has_no_room_is_counted) {
  SummaryFacts facts = sample_summary();
  facts.entries.assign(kMaxSummarized + 7, facts.entries[1]);
  const std::string summary = compose(facts);
  EXPECT_THAT(summary, HasSubstr("Not delivered, as far as we know: 1007\r\n"));
  EXPECT_THAT(summary, HasSubstr("Further recipients that have no room here: 7."));
  EXPECT_LT(summary.size(), 1'000'000U);
}

TEST(Summary, DSN_19_no_word_of_a_peer_or_sender_breaks_it) {
  for (const std::string& words :
       {std::string("x\r\nBcc: all@a.example\r\n\r\n"),
        std::string("<script>alert(1)</script>{count}"), std::string(10'000'000, 'x'),
        std::string("\xFF\xFE\0\x1B[2J", 7), std::string("--=_text_041061050W3GG28A1C60--")}) {
    SummaryFacts facts = sample_summary();
    facts.entries[1].subject = words;
    facts.entries[1].recipient.reply = words;
    const std::string summary = compose(facts);
    EXPECT_TRUE(is_seven_bit(summary));
    EXPECT_THAT(summary, Not(HasSubstr("\r\nBcc:")));
    const std::string html = summary.substr(summary.find("Content-Type: text/html"));
    EXPECT_THAT(html, Not(HasSubstr("<script>")));
    EXPECT_LT(summary.size(), 20'000U);
  }
}

}  // namespace
}  // namespace fulmar::notice
