#include "mta/notice/mime.h"

#include <gtest/gtest.h>

#include <array>

namespace fulmar::notice {
namespace {

TEST(Mime, seven_bit) {
  struct Case {
    std::string text;
    bool want;
  };
  for (const Case& each :
       {Case{"", true}, Case{"a\r\n", true}, Case{"a", true}, Case{"a\nb", false},
        Case{"a\rb", false}, Case{std::string("a\0", 2), false}, Case{"\xC3\xA9", false},
        Case{std::string(998, 'x') + "\r\n", true}, Case{std::string(999, 'x') + "\r\n", false}}) {
    EXPECT_EQ(is_seven_bit(each.text), each.want) << each.text.substr(0, 20);
  }
}

TEST(Mime, with_crlf_ends_every_line) {
  EXPECT_EQ(with_crlf("a\nb\r\nc\rd"), "a\r\nb\r\nc\r\nd\r\n");
  EXPECT_EQ(with_crlf(""), "");
}

TEST(Mime, quoted_printable) {
  struct Case {
    std::string text;
    std::string want;
  };
  for (const Case& each :
       {Case{"plain\r\n", "plain\r\n"}, Case{"a=b", "a=3Db"}, Case{"end \r\n", "end=20\r\n"},
        Case{"caf\xC3\xA9", "caf=C3=A9"}, Case{"a\nb", "a=0Ab"},
        Case{std::string(80, 'x'), std::string(75, 'x') + "=\r\n" + std::string(5, 'x')},
        Case{std::string(74, 'x') + "=", std::string(74, 'x') + "=\r\n=3D"}}) {
    EXPECT_EQ(quoted_printable(each.text), each.want);
  }
}

TEST(Mime, header_text_encodes_what_is_not_ascii) {
  EXPECT_EQ(header_text("plain"), "plain");
  EXPECT_EQ(header_text("a\r\nBcc: b"), "a??Bcc: b");
  EXPECT_EQ(header_text("\xC3\xBC"), "=?utf-8?B?w7w=?=");
}

TEST(Mime, header_field_folds) {
  EXPECT_EQ(header_field("A", "b"), "A: b\r\n");
  EXPECT_EQ(header_field("A", "one\n\n two"), "A: one\r\n two\r\n");
  const std::string word(40, 'x');
  EXPECT_EQ(header_field("A", word + " " + word), "A: " + word + "\r\n " + word + "\r\n");
  const std::string folded = header_field("A", std::string(2'000, 'x'));
  EXPECT_TRUE(is_seven_bit(folded));
}

TEST(Mime, words_are_cut_at_the_limit) {
  EXPECT_EQ(ascii_words("caf\xC3\xA9\r\n\r\nbar", 100), "caf??\nbar");
  EXPECT_EQ(utf8_words("caf\xC3\xA9", 100), "caf\xC3\xA9");
  EXPECT_EQ(ascii_words("abcdef", 3), "abc[...]");
  EXPECT_EQ(ascii_words("ab\ncd\nef", 5), "ab\ncd [...]");
}

TEST(Mime, find_field) {
  const std::string header =
      "A: 1\r\nMessage-ID:\r\n <x@y>\r\nmessage-id: <second@y>\r\n\r\nB: in the body\r\n";
  EXPECT_EQ(find_field(header, "message-id"), "<x@y>");
  EXPECT_EQ(find_field(header, "A"), "1");
  EXPECT_EQ(find_field(header, "B"), std::nullopt);
}

TEST(Mime, redteam_50_a_line_with_encoded_words_has_76_octets_at_most) {
  std::string subject;
  for (int i = 0; i < 60; ++i)
    subject += "\xC3\xA4\xE2\x82\xAC";
  std::string field = header_field("Subject", header_text(subject));
  while (!field.empty()) {
    const std::size_t end = field.find("\r\n");
    EXPECT_LE(end, 76U) << "RFC 2047 2: " << field.substr(0, end);
    field.erase(0, end + 2);
  }
}

}  // namespace
}  // namespace fulmar::notice
