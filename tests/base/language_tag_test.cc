#include "base/language_tag.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

TEST(LanguageTag, a_language_perhaps_with_a_region) {
  for (const char* tag : {"en", "de", "gsw", "pt-BR", "de-AT"}) {
    EXPECT_TRUE(is_language_tag(tag)) << tag;
  }
  for (const char* text : {"", "e", "EN", "engl", "en-", "-BR", "pt-br", "pt-BRA", "pt_BR", "en ",
                           "de-AT-x", "../en", "\xC3\xA4\xC3\xB6"}) {
    EXPECT_FALSE(is_language_tag(text)) << text;
  }
  EXPECT_EQ(primary_language("pt-BR"), "pt");
  EXPECT_EQ(primary_language("en"), "en");
}

}  // namespace
}  // namespace fulmar
