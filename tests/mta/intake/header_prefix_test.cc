#include "mta/intake/header_prefix.h"

#include <gtest/gtest.h>

namespace fulmar::intake {
namespace {

std::string prefix(std::string_view message) {
  HeaderPrefix whole;
  whole.add(message);
  HeaderPrefix pieces;
  for (const char& c : message)
    pieces.add({&c, 1});
  EXPECT_EQ(whole.whole_fields(), pieces.whole_fields());
  return whole.whole_fields();
}

struct Case {
  std::string_view name;
  std::string_view message;
  std::string_view want;
};

TEST(HeaderPrefix, whole_fields) {
  const Case cases[] = {
      {"ends at the empty line", "A: b\r\nC: d\r\n\r\nE: f\r\n", "A: b\r\nC: d\r\n"},
      {"keeps folded fields", "A: b\r\n\tc\r\n d\r\n\r\n", "A: b\r\n\tc\r\n d\r\n"},
      {"ends at what is no field", "A: b\r\nplain text\r\nC: d\r\n", "A: b\r\n"},
      {"no field at all", "plain text\r\n", ""},
      {"colon first", ": x\r\n", ""},
      {"name beyond ASCII", "\xC3\xA4: x\r\n", ""},
      {"header without body", "A: b\r\n c\r\n", "A: b\r\n c\r\n"},
      {"last line without its end", "A: b\r\nC: d", "A: b\r\n"},
      {"empty", "", ""},
  };
  for (const Case& each : cases)
    EXPECT_EQ(prefix(each.message), each.want) << each.name;
}

TEST(HeaderPrefix, bound_cuts_between_fields) {
  const std::string first = "A: b\r\n";
  const std::string fill(HeaderPrefix::kMaxOctets - first.size() - 5, 'x');
  EXPECT_EQ(prefix(first + "C: " + fill + "\r\nD: e\r\n\r\n"), first)
      << "exactly full: C may go on";
  EXPECT_EQ(prefix(first + "C: " + fill + "x\r\nD: e\r\n\r\n"), first);
  EXPECT_EQ(prefix(first + "C: " + fill.substr(1) + "\r\nD: e\r\n\r\n"),
            first + "C: " + fill.substr(1) + "\r\n");
  EXPECT_EQ(prefix(first + "C: " + fill.substr(1) + "\r\n more\r\n\r\n"), first);
  EXPECT_EQ(prefix(std::string(100'000, 'x')), "");
}

}  // namespace
}  // namespace fulmar::intake
