#include "mta/notice/language.h"

#include <gtest/gtest.h>

namespace fulmar::notice {
namespace {

struct Case {
  std::string header;
  std::string want;
  std::string configured = "en";
  std::vector<std::string> available = {"de", "en", "pt-BR"};
};

void expect(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    EXPECT_EQ(choose_language(each.header, each.configured, each.available), each.want)
        << each.header << " (configured: " << each.configured << ")";
  }
}

TEST(NoticeLanguage, pitfall_105_is_what_the_sender_asks_for) {
  expect({
      {.header = "Accept-Language: de\r\n", .want = "de"},
      {.header = "accept-language:\r\n DE\r\n", .want = "de"},
      {.header = "Accept-Language: de-AT\r\n", .want = "de"},
      {.header = "Accept-Language: de-Latn-AT-1996\r\n", .want = "de"},
      {.header = "Accept-Language: pt\r\n", .want = "pt-BR"},
      {.header = "Accept-Language: pt-PT\r\n", .want = "pt-BR"},
      {.header = "Accept-Language: de-AT\r\n", .want = "de-AT", .available = {"de", "de-AT", "en"}},
      {.header = "Accept-Language: fr, de\r\n", .want = "de"},
      {.header = "Accept-Language: en, de\r\n", .want = "en"},
      {.header = "Accept-Language: en;q=0.5, de;q=0.8\r\n", .want = "de"},
      {.header = "Accept-Language: en; q=0.5,de ; Q = 0.501\r\n", .want = "de"},
      {.header = "Accept-Language: de;q=0, fr\r\n", .want = "en"},
      {.header = "Accept-Language: de (Deutsch, (Wien)), en\r\n", .want = "de"},
      {.header = "Accept-Language: *\r\n", .want = "de", .configured = "de"},
      {.header = "Accept-Language: de;q=0.4, *;q=0.6\r\n", .want = "en"},
  });
}

TEST(NoticeLanguage, pitfall_105_else_that_of_the_message_else_the_configured_one) {
  expect({
      {.header = "Content-Language: de\r\n", .want = "de"},
      {.header = "Content-Language: fr, de-CH\r\n", .want = "de"},
      {.header = "Accept-Language: en\r\nContent-Language: de\r\n", .want = "en"},
      {.header = "Content-Language: de\r\nAccept-Language: fr\r\n", .want = "de"},
      {.header = "", .want = "en"},
      {.header = "", .want = "de", .configured = "de"},
      {.header = "", .want = "de", .configured = "de-CH"},
      {.header = "Content-Language: fr\r\n", .want = "de", .configured = "de"},
      {.header = "", .want = "en", .configured = "fr"},
  });
}

TEST(NoticeLanguage, a_language_that_is_named_is_there_or_the_others_are_told) {
  const std::vector<std::string> available = {"de", "en", "pt-BR"};
  EXPECT_EQ(find_language("de", available).value(), "de");
  EXPECT_EQ(find_language("de-CH", available).value(), "de");
  EXPECT_EQ(find_language("pt", available).value(), "pt-BR");
  for (const std::string_view missing : {"fr", "fr-CA", "*", "d"}) {
    const auto found = find_language(missing, available);
    ASSERT_FALSE(found) << missing;
    EXPECT_EQ(found.error().code, Errc::invalid_argument);
    EXPECT_EQ(found.error().detail,
              "there are no texts in \"" + std::string(missing) + "\", only in: de, en, pt-BR");
  }
}

TEST(NoticeLanguage, what_is_malformed_counts_for_nothing) {
  expect({
      {.header = "Accept-Language: de;q=2\r\n", .want = "en"},
      {.header = "Accept-Language: de;q=1.001\r\n", .want = "en"},
      {.header = "Accept-Language: de;q=0.1234\r\n", .want = "en"},
      {.header = "Accept-Language: de;q=-1\r\n", .want = "en"},
      {.header = "Accept-Language: de;q=\r\n", .want = "en"},
      {.header = "Accept-Language: de;x=1\r\n", .want = "en"},
      {.header = "Accept-Language: de;q=1;q=1\r\n", .want = "en"},
      {.header = "Accept-Language: d\xC3\xA9\r\n", .want = "en"},
      {.header = "Accept-Language: -de\r\n", .want = "en"},
      {.header = "Accept-Language: ,;,=,de\r\n", .want = "de"},
      {.header = "Accept-Language: (de\r\n", .want = "en"},
      {.header = "Accept-Language: ../../etc/passwd\r\n", .want = "en"},
  });
}

TEST(NoticeLanguage, only_the_start_of_a_field_is_read) {
  std::string many = "Accept-Language: ";
  for (int i = 0; i < 100; ++i)
    many += "fr,";
  expect({{.header = many + "de\r\n", .want = "en"},
          {.header = "Accept-Language: " + std::string(2'000, ' ') + "fr" +
                     std::string(2'000, ' ') + ",de\r\n",
           .want = "en"}});
}

}  // namespace
}  // namespace fulmar::notice
