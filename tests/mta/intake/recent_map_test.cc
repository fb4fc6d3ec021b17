#include "mta/intake/recent_map.h"

#include <gtest/gtest.h>

#include <string>

namespace fulmar::intake {
namespace {

TEST(RecentMap, holds_so_many_and_drops_who_was_renewed_the_longest_ago) {
  RecentMap<std::string, int> map(2);
  map.renew("a") = 1;
  map.renew("b") = 2;
  EXPECT_EQ(map.renew("a"), 1);
  ASSERT_NE(map.find("b"), nullptr) << "finding renews nobody";
  map.renew("c") = 3;
  EXPECT_EQ(map.size(), 2U);
  EXPECT_EQ(map.find("b"), nullptr);
  EXPECT_EQ(*map.find("a"), 1);
  EXPECT_EQ(*map.find("c"), 3);
}

TEST(RecentMap, what_was_erased_makes_room) {
  RecentMap<std::string, int> map(2);
  map.renew("a") = 1;
  map.renew("b") = 2;
  map.erase("a");
  map.erase("nobody");
  map.renew("c") = 3;
  EXPECT_NE(map.find("b"), nullptr);
  EXPECT_EQ(map.renew("a"), 0) << "a new one";
  EXPECT_EQ(map.find("b"), nullptr);
}

}  // namespace
}  // namespace fulmar::intake
