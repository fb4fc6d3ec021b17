// A peer may say anything; the notice stays what it is. DSN-19, pitfall 75
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/dsn.h"
#include "mta/notice/mime.h"
#include "tests/mta/notice/sample_facts.h"

namespace fulmar::notice {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Lines end in CRLF, none is over 998 octets, no other control character stands in them.
void expect_well_formed(const std::string& notice) {
  EXPECT_TRUE(notice.ends_with("\r\n"));
  EXPECT_TRUE(is_seven_bit(notice));
  const bool clean =
      std::ranges::all_of(notice, [](char c) { return is_printable(c) || c == '\r' || c == '\n'; });
  EXPECT_TRUE(clean) << "control character";
}

NoticeFacts with_words(const std::string& words) {
  NoticeFacts facts = sample_facts(NoticeKind::failed, Errc::remote_permanent);
  facts.recipients[0].reply = words;
  facts.recipients[0].failure.detail = words;
  facts.recipients[0].host = words;
  facts.technical = {{.destination = words, .lines = {words}}};
  return facts;
}

struct Case {
  std::string name;
  std::string part;
  std::size_t times = 1;  // made when it is used: every test of the program pays for what is here

  [[nodiscard]] std::string words() const {
    std::string all;
    all.reserve(part.size() * times);
    for (std::size_t i = 0; i < times; ++i)
      all += part;
    return all;
  }
};

class PeersWords : public testing::TestWithParam<Case> {};

TEST_P(PeersWords, DSN_19_cannot_break_the_notice) {
  const std::string notice = compose(with_words(GetParam().words()));
  expect_well_formed(notice);
  EXPECT_THAT(header_of_notice(notice), Not(HasSubstr("Bcc")));
  EXPECT_THAT(notice, Not(HasSubstr("\r\nBcc:")));
  EXPECT_THAT(part_of(notice, "message/delivery-status"), Not(HasSubstr("\r\nAction: delivered")));
  EXPECT_LT(notice.size(), 100'000U);
}

TEST_P(PeersWords, DSN_19_cannot_break_the_notice_through_our_own_detail) {
  NoticeFacts facts = with_words(GetParam().words());
  facts.recipients[0].reply.clear();
  const std::string notice = compose(facts);
  expect_well_formed(notice);
  EXPECT_THAT(notice, Not(HasSubstr("\r\nBcc:")));
  EXPECT_THAT(part_of(notice, "message/delivery-status"), Not(HasSubstr("\r\nAction: delivered")));
}

TEST_P(PeersWords, DSN_19_cannot_break_a_notice_of_handing_over) {
  NoticeFacts facts = with_words(GetParam().words());
  facts.recipients[0].kind = NoticeKind::relayed;
  const std::string notice = compose(facts);
  expect_well_formed(notice);
  EXPECT_THAT(notice, Not(HasSubstr("\r\nBcc:")));
  EXPECT_THAT(part_of(notice, "message/delivery-status"), Not(HasSubstr("\r\nAction: delivered")));
}

TEST_P(PeersWords, DSN_19_a_clients_parameters_cannot_break_the_notice) {
  NoticeFacts facts = sample_facts();
  const std::string words = GetParam().words().substr(0, 400);
  facts.original.envelope_id = encode_xtext(words);
  facts.recipients[0].original_recipient = "rfc822;" + encode_xtext(words);
  const std::string notice = compose(facts);
  expect_well_formed(notice);
  EXPECT_THAT(notice, Not(HasSubstr("\r\nBcc:")));
  EXPECT_THAT(notice, Not(HasSubstr("\r\nAction: delivered")));
}

/// Of the HTML form, which must hold the tags that it is made of and no other.
std::size_t count_tags(const std::string& html) {
  return static_cast<std::size_t>(std::ranges::count(html, '<'));
}

TEST_P(PeersWords, DSN_19_are_text_in_html) {
  for (const std::string_view language : {"en", "de"}) {
    const std::string usual =
        decoded(part_of(compose(with_words("550 no"), language), "text/html"));
    const std::string html =
        decoded(part_of(compose(with_words(GetParam().words()), language), "text/html"));
    EXPECT_EQ(count_tags(html), count_tags(usual));
    EXPECT_TRUE(html.ends_with("</pre>\r\n</body>\r\n</html>\r\n\r\n"));
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_TRUE(is_valid_utf8(html));
  }
}

TEST_P(PeersWords, DSN_19_as_the_operators_reason_or_the_subject_are_text_too) {
  NoticeFacts facts = sample_facts(NoticeKind::failed, Errc::administrative);
  const std::string usual = decoded(part_of(compose(facts), "text/html"));
  facts.recipients[0].failure.detail = GetParam().words();
  const std::string words = GetParam().words().substr(0, 900);
  const bool one_line = words.find_first_of("\r\n") == std::string::npos;
  facts.original.header = "Subject: " + (one_line ? words : "x") + "\r\n";
  const std::string notice = compose(facts);
  EXPECT_TRUE(is_seven_bit(notice));
  EXPECT_EQ(count_tags(decoded(part_of(notice, "text/html"))), count_tags(usual));
  const std::string plain = decoded(part_of(notice, "text/plain"));
  expect_well_formed(part_of(notice, "text/plain") + "\r\n");
  EXPECT_EQ(plain.find("\r\n\r\n"), plain.find("can tell you more.") + 18) << "still five lines";
}

INSTANTIATE_TEST_SUITE_P(
    All, PeersWords,
    testing::Values(Case{"crlf", "550 no\r\nBcc: victim@c.example\r\n\r\nAction: delivered"},
                    Case{"bare_cr", "550 no\rBcc: victim@c.example\r\rAction: delivered"},
                    Case{"bare_lf", "550 no\nBcc: victim@c.example\n\nAction: delivered"},
                    Case{"nul", std::string("550 no\0Bcc: x", 13)},
                    Case{"escape", "550 \x1b[2J\x1b]0;owned\x07"},
                    Case{"eight_bit", "550 \xE9\xFF\x80 caf\xC3\xA9"},
                    Case{"one_long_line", "550 " + std::string(50'000, 'x')},
                    Case{"long_words",
                         "550 " + std::string(3'000, 'x') + " " + std::string(3'000, 'y')},
                    Case{"only_spaces", std::string(5'000, ' ')},
                    Case{"inner_spaces", "a" + std::string(3'000, ' ') + "b"},
                    Case{"ten_megabytes", std::string(1000, 'x'), 10'000},
                    Case{"ten_megabytes_of_lines", "550-a line\r\n", 850'000},
                    Case{"boundary", "550 no\n--=_0410610\n--=_text_0410610"},
                    Case{"html", "550 </pre><script>alert(1)</script><img src=x onerror='x'>&amp;"},
                    Case{"ten_megabytes_of_html", "<\"&'>", 2'000'000},
                    Case{"placeholders", "550 {domain} {reason} {recipients} {} { } {nothing}"}),
    [](const auto& test) { return test.param.name; });

TEST(PeersWords, hostile_header_fields_of_the_original_stay_inside_their_part) {
  NoticeFacts facts = sample_facts();
  facts.original.header = std::string("Subject: x\x1b[2J\0y\rBcc: v@c.example\r\n", 35) +
                          "X: " + std::string(5'000, 'x') + "\r\nMessage-ID: <a@b>\r\n";
  const std::string notice = compose(facts);
  expect_well_formed(notice);
  EXPECT_THAT(header_of_notice(notice), Not(HasSubstr("Bcc")));
}

TEST(PeersWords, pitfall_75_many_recipients_with_long_replies_stay_bounded) {
  NoticeFacts facts = with_words("550 " + std::string(20'000, 'x'));
  facts.recipients.resize(1'000, facts.recipients[0]);
  EXPECT_LT(compose(facts).size(), 1'200'000U);
}

TEST(PeersWords, a_long_reply_is_cut_and_says_so) {
  EXPECT_THAT(compose(with_words("550 " + std::string(20'000, 'x'))), HasSubstr("[...]"));
}

TEST(PeersWords, pitfall_75_are_never_read_as_a_text) {
  NoticeFacts facts = sample_facts(NoticeKind::failed, Errc::administrative);
  facts.recipients[0].failure.detail = "{postmaster} {domain} {{reason}}";
  facts.original.header = "Subject: {time} {subject}\r\n";
  const std::string notice = compose(facts);
  EXPECT_EQ(first_lines(notice, 2)[1],
            "Our operator has ended the delivery of this message, and gives this reason: "
            "{postmaster} {domain} {{reason}}");
  EXPECT_THAT(decoded(part_of(notice, "text/plain")),
              HasSubstr("its subject is \"{time} {subject}\".\r\n"));
}

/// One of each kind, with its name.
const std::vector<std::pair<std::string, std::string>>& invisible_characters() {
  static const std::vector<std::pair<std::string, std::string>> kAll = {
      {"soft hyphen", "\xC2\xAD"},
      {"Arabic letter mark", "\xD8\x9C"},
      {"zero width space", "\xE2\x80\x8B"},
      {"zero width non-joiner", "\xE2\x80\x8C"},
      {"zero width joiner", "\xE2\x80\x8D"},
      {"left-to-right mark", "\xE2\x80\x8E"},
      {"right-to-left mark", "\xE2\x80\x8F"},
      {"line separator", "\xE2\x80\xA8"},
      {"left-to-right embedding", "\xE2\x80\xAA"},
      {"right-to-left override", "\xE2\x80\xAE"},
      {"word joiner", "\xE2\x81\xA0"},
      {"invisible plus", "\xE2\x81\xA4"},
      {"left-to-right isolate", "\xE2\x81\xA6"},
      {"pop directional isolate", "\xE2\x81\xA9"},
      {"byte order mark", "\xEF\xBB\xBF"},
      {"annotation anchor", "\xEF\xBF\xB9"},
      {"annotation terminator", "\xEF\xBF\xBB"},
      {"language tag", "\xF3\xA0\x80\x81"},
      {"cancel tag", "\xF3\xA0\x81\xBF"},
      {"variation selector 256", "\xF3\xA0\x87\xAF"},
  };
  return kAll;
}

TEST(PeersWords, redteam_52_can_neither_hide_nor_turn_what_is_around_them) {
  for (const auto& [name, hidden] : invisible_characters()) {
    SCOPED_TRACE(name);
    NoticeFacts facts = with_words("550 l\xC3\xBC" + hidden + "gt");
    facts.recipients[0].address = mailbox("b" + hidden + "ob@b.example");
    facts.recipients.push_back(recipient(NoticeKind::failed, Errc::administrative));
    facts.recipients.back().failure.detail = "w" + hidden + "hy";
    facts.original.header = "Subject: fig" + hidden + "ures\r\n";
    const std::string notice = compose(facts);
    for (const char* type : {"text/plain", "text/html", "message/global-delivery-status"}) {
      const std::string part = decoded(part_of(notice, type));
      EXPECT_THAT(part, Not(HasSubstr(hidden))) << type;
    }
    EXPECT_THAT(notice, HasSubstr("Subject: Not delivered: your message to b?ob@b.example"));
    const std::string plain = decoded(part_of(notice, "text/plain"));
    EXPECT_THAT(plain, HasSubstr("550 l\xC3\xBC?gt"));
    EXPECT_THAT(plain, HasSubstr("gives this reason: w?hy"));
    EXPECT_THAT(plain, HasSubstr("its subject is \"fig?ures\""));
    EXPECT_THAT(plain, HasSubstr("Recipient: b?ob@b.example"));
  }
}

TEST(PeersWords, redteam_52_fields_for_programs_still_name_the_address_as_it_is) {
  NoticeFacts facts = sample_facts();
  facts.recipients[0].address = mailbox("b\xE2\x80\xAEob@b.example");
  EXPECT_THAT(compose(facts), HasSubstr("Final-Recipient: utf-8; b\\x{202E}ob@b.example\r\n"));
}

TEST(PeersWords, redteam_52_letters_and_signs_that_are_seen_stay) {
  for (const std::string seen :
       {"J\xC3\xBCrgen", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D", "\xE6\x97\xA5\xE6\x9C\xAC",
        "\xE2\x80\x93 \xE2\x80\xA6 \xE2\x81\x9F|", "\xF0\x9F\x93\xAC", "\xEF\xBF\xBD"}) {
    EXPECT_EQ(visible_line(seen, 100), seen);
    EXPECT_EQ(utf8_words(seen, 100), seen);
  }
  EXPECT_EQ(visible_line("\xE6\x97\xA5\xE6\x9C\xAC", 4), "\xE6\x97\xA5[...]");
}

TEST(PeersWords, an_address_with_markup_is_text_in_html) {
  NoticeFacts facts = sample_facts();
  facts.recipients[0].address = mailbox("\"<b>&\"@b.example");
  const std::string html = decoded(part_of(compose(facts), "text/html"));
  EXPECT_THAT(html, HasSubstr("<h1>Not delivered: your message to "
                              "&quot;&lt;b&gt;&amp;&quot;@b.example</h1>"));
}

}  // namespace
}  // namespace fulmar::notice
