#include "resolver/fresh_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace fulmar::resolver {
namespace {

using namespace std::chrono_literals;

Domain domain(const std::string& text) {
  return Domain::parse(text).value();
}

TEST(FreshLimit, each_name_once_a_minute) {
  FreshLimit limit;
  const SteadyTime start{};
  EXPECT_TRUE(limit.take(domain("a.test"), start));
  EXPECT_FALSE(limit.take(domain("a.test"), start));
  EXPECT_TRUE(limit.take(domain("b.test"), start + 30s));
  EXPECT_FALSE(limit.take(domain("a.test"), start + 59s));
  EXPECT_TRUE(limit.take(domain("a.test"), start + 60s));
  EXPECT_FALSE(limit.take(domain("b.test"), start + 60s));
  EXPECT_FALSE(limit.take(domain("a.test"), start + 119s));
  EXPECT_TRUE(limit.take(domain("a.test"), start + 120s));
}

TEST(FreshLimit, a_refusal_does_not_prolong_the_minute) {
  FreshLimit limit;
  const SteadyTime start{};
  EXPECT_TRUE(limit.take(domain("a.test"), start));
  EXPECT_FALSE(limit.take(domain("a.test"), start + 59s));
  EXPECT_TRUE(limit.take(domain("a.test"), start + 60s));
}

TEST(FreshLimit, what_could_not_be_remembered_is_refused) {
  FreshLimit limit;
  const SteadyTime start{};
  for (std::size_t i = 0; i < FreshLimit::kMaxNames; ++i)
    ASSERT_TRUE(limit.take(domain("d" + std::to_string(i) + ".test"), start));
  EXPECT_FALSE(limit.take(domain("one-more.test"), start + 59s));
  EXPECT_TRUE(limit.take(domain("one-more.test"), start + 60s));
}

}  // namespace
}  // namespace fulmar::resolver
