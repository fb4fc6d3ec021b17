#include "base/utf8_address.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* xtext;
  const char* seven_bit;
};

TEST(Utf8Address, EAI_04_forms_of_seven_bits) {
  for (const Case& c : {
           Case{"empty", "", "", ""},
           Case{"ASCII", "bob@b.example", "bob@b.example", "bob@b.example"},
           Case{"two octets", "j\xC3\xBCrgen@b.example", "j\\x{FC}rgen@b.example",
                "j\\x{FC}rgen@b.example"},
           Case{"three octets", "\xE4\xB8\xAD@b", "\\x{4E2D}@b", "\\x{4E2D}@b"},
           Case{"four octets", "\xF0\x9F\x92\x8C@b", "\\x{1F48C}@b", "\\x{1F48C}@b"},
           Case{"with a meaning of its own", "a+b=c\\d@b", "a\\x{2B}b\\x{3D}c\\x{5C}d@b",
                "a+b=c\\d@b"},
           Case{"embedded already", "j\\x{FC}rgen@b", "j\\x{5C}x{FC}rgen@b", "j\\x{FC}rgen@b"},
           Case{"control character", "a\tb@b", "a\\x{09}b@b", "a\tb@b"},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(utf8_addr_xtext(c.text), c.xtext);
    EXPECT_EQ(seven_bit_form(c.text), c.seven_bit);
  }
}

}  // namespace
}  // namespace fulmar
