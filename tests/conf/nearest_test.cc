#include "conf/nearest.h"

#include <gtest/gtest.h>

#include <string>

namespace fulmar::conf {
namespace {

TEST(Nearest, distance_counts_edits_and_swaps) {
  struct Case {
    std::string_view a;
    std::string_view b;
    std::size_t want;
  };
  const Case cases[] = {{"", "", 0},
                        {"abc", "", 3},
                        {"", "abc", 3},
                        {"listen", "listen", 0},
                        {"lisen", "listen", 1},
                        {"listten", "listen", 1},
                        {"lixten", "listen", 1},
                        {"lsiten", "listen", 1},
                        {"log", "tls", 3},
                        {"kitten", "sitting", 3}};
  for (const Case& each : cases) {
    EXPECT_EQ(edit_distance(each.a, each.b), each.want) << each.a << ' ' << each.b;
    EXPECT_EQ(edit_distance(each.b, each.a), each.want) << each.b << ' ' << each.a;
  }
}

TEST(Nearest, only_slips_of_the_fingers_have_a_suggestion) {
  const std::vector<std::string_view> names = {"hostname", "threads", "tls", "log"};
  EXPECT_EQ(nearest("hostnam", names), "hostname");
  EXPECT_EQ(nearest("thraeds", names), "threads");
  EXPECT_EQ(nearest("host", names), std::nullopt);
  EXPECT_EQ(nearest("foo", names), std::nullopt);
  EXPECT_EQ(nearest("", names), std::nullopt);
  EXPECT_EQ(nearest("tls", {}), std::nullopt);
  EXPECT_EQ(nearest("hostname", {"hostnamf", "hostnamg"}), "hostnamf") << "the first of two equals";
  EXPECT_EQ(nearest(std::string(100'000, 'x'), names), std::nullopt) << "not even measured";
}

}  // namespace
}  // namespace fulmar::conf
