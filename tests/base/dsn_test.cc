#include "base/dsn.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fulmar {
namespace {

TEST(Dsn, DSN_01_notify_is_never_alone_or_a_list) {
  struct Row {
    std::string text;
    std::string canonical;  // empty: refused
  };
  const std::vector<Row> rows = {
      {"NEVER", "NEVER"},
      {"never", "NEVER"},
      {"SUCCESS", "SUCCESS"},
      {"delay,Failure", "FAILURE,DELAY"},
      {"DELAY,SUCCESS,FAILURE", "SUCCESS,FAILURE,DELAY"},
      {"", ""},
      {"NEVER,FAILURE", ""},
      {"FAILURE,NEVER", ""},
      {"FAILURE,FAILURE", ""},
      {"FAILURE,", ""},
      {",FAILURE", ""},
      {"FAILURE DELAY", ""},
      {"SOMETIMES", ""},
  };
  for (const Row& row : rows) {
    const auto notify = parse_notify(row.text);
    EXPECT_EQ(notify ? to_string(*notify) : "", row.canonical) << row.text;
  }
}

TEST(Dsn, DSN_06_DSN_07_what_nothing_stated_means) {
  const DsnNotify unstated;
  EXPECT_TRUE(unstated.wants_failure());
  EXPECT_TRUE(unstated.wants_delay());
  EXPECT_FALSE(unstated.wants_success());
  const DsnNotify never = *parse_notify("NEVER");
  EXPECT_FALSE(never.wants_failure());
  EXPECT_FALSE(never.wants_delay());
  EXPECT_FALSE(never.wants_success());
  EXPECT_TRUE(parse_notify("SUCCESS")->wants_success());
  EXPECT_FALSE(parse_notify("SUCCESS")->wants_failure());
}

TEST(Dsn, DSN_03_pitfall_78_xtext_both_ways) {
  EXPECT_EQ(encode_xtext("a+b=c d\x7F\xC3"), "a+2Bb+3Dc+20d+7F+C3");
  EXPECT_EQ(decode_xtext("a+2Bb+3Dc"), "a+b=c");
  std::string all;
  for (int c = 0; c < 256; ++c)
    all += static_cast<char>(c);
  EXPECT_EQ(decode_xtext(encode_xtext(all)), all);
  for (const std::string text : {"a=b", "a b", "+", "+4", "+4g", "+2b", "a\r\n", "\xC3\xBC"})
    EXPECT_FALSE(is_xtext(text)) << text;
  EXPECT_TRUE(is_xtext(""));
}

TEST(Dsn, DSN_01_ORCPT_is_a_type_and_an_address) {
  for (const std::string text :
       {"rfc822;bob@example.com", "rfc822;bob+2Btag@example.com", "X400;/C+3DUS/",
        "utf-8;b\\x{FC}cher@example.com", "utf-8;b\xC3\xBC@example.com"})
    EXPECT_TRUE(is_original_recipient(text)) << text;
  for (const std::string text : {"bob@example.com", ";bob", "rfc822;", "rfc822;a b", "rf c822;a",
                                 "rfc822;a=b", "rfc822;b\xC3\xBC", "utf-8;b\xC3", "utf-8;a\r\nb"})
    EXPECT_FALSE(is_original_recipient(text)) << text;
}

}  // namespace
}  // namespace fulmar
