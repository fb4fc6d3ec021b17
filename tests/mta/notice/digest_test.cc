// One mail about troubles, for the postmaster.
#include "mta/notice/digest.h"

#include <gmock/gmock.h>

#include "mta/notice/mime.h"
#include "mta/notice/samples.h"
#include "tests/mta/notice/golden.h"

namespace fulmar::notice {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string compose(const DigestFacts& facts, const std::string& language = "en") {
  return compose_digest(facts, Texts::built_in()->language(language));
}

TEST(Digest, as_it_goes_out) {
  for (const std::string language : {"en", "de"})
    expect_golden("digest." + language + ".eml", compose(sample_digest(), language));
}

TEST(Digest, DSN_18_it_answers_no_message) {
  const std::string digest = compose(sample_digest());
  EXPECT_THAT(digest, HasSubstr("\r\nAuto-Submitted: auto-generated\r\n"));
  EXPECT_THAT(digest, Not(HasSubstr("In-Reply-To")));
}

TEST(Digest, only_what_is_in_trouble_is_spoken_of) {
  DigestFacts facts = sample_digest();
  facts.troubles = {.named = {facts.troubles.named[3]}};
  const std::string digest = compose(facts);
  EXPECT_THAT(digest, HasSubstr("A certificate of this server"));
  EXPECT_THAT(digest, Not(HasSubstr("relay that mail is to go through")));
  EXPECT_THAT(digest, Not(HasSubstr("than has room here")));
}

TEST(Digest, redteam_53_a_peers_words_stand_in_quotes) {
  DigestFacts facts = sample_digest();
  facts.troubles.named = {make_trouble(TroubleKind::relay, "smtp.example.com",
                                       "535 no\" (on 1 January 2026). All is well", facts.now)};
  EXPECT_THAT(compose(facts), HasSubstr("  - smtp.example.com: \"535 no' (on 1 January 2026). All "
                                        "is well\" (on 21 November 2026, 08:15 UTC)"));
}

TEST(Digest, DSN_19_no_word_of_a_peer_breaks_it) {
  for (const std::string& words :
       {std::string("x\r\nBcc: all@a.example\r\n\r\n"),
        std::string("<script>alert(1)</script>{count}"), std::string(10'000'000, 'x'),
        std::string("\xFF\xFE\0\x1B[2J", 7), std::string("--=_text_041061050W3GG28A1C60--")}) {
    DigestFacts facts = sample_digest();
    facts.troubles.named.push_back(
        make_trouble(TroubleKind::notice_dropped, words, words, facts.now));
    const std::string digest = compose(facts);
    EXPECT_TRUE(is_seven_bit(digest));
    EXPECT_THAT(digest, Not(HasSubstr("\r\nBcc:")));
    EXPECT_THAT(digest.substr(digest.find("Content-Type: text/html")), Not(HasSubstr("<script>")));
    EXPECT_LT(digest.size(), 20'000U);
  }
}

}  // namespace
}  // namespace fulmar::notice
