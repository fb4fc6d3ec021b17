#include "base/budget.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

namespace fulmar {
namespace {

TEST(Budget, gives_what_is_left_and_gets_it_back) {
  Budget budget(100);
  std::optional<Budget::Share> first(budget);
  Budget::Share second(budget);
  EXPECT_TRUE(first->grow_to(60));
  EXPECT_FALSE(second.grow_to(41));
  EXPECT_EQ(budget.used(), 60U) << "what could not be had changes nothing";
  EXPECT_TRUE(second.grow_to(40));
  EXPECT_TRUE(second.grow_to(10)) << "it has more";
  EXPECT_EQ(budget.used(), 100U);
  first.reset();
  EXPECT_TRUE(second.grow_to(100));
  second.give_back();
  EXPECT_EQ(budget.used(), 0U);
}

TEST(Budget, a_share_that_moved_is_given_back_once) {
  Budget budget(100);
  {
    Budget::Share first(budget);
    ASSERT_TRUE(first.grow_to(60));
    const Budget::Share second(std::move(first));
    EXPECT_EQ(budget.used(), 60U);
  }
  EXPECT_EQ(budget.used(), 0U);
}

TEST(Budget, is_never_exceeded_by_threads_that_share_it) {
  Budget budget(1000);
  std::atomic<bool> exceeded{false};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        Budget::Share share(budget);
        if (share.grow_to(400) && budget.used() > 1000) exceeded = true;
      }
    });
  }
  threads.clear();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace fulmar
