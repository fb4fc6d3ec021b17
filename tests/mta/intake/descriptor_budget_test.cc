#include "mta/intake/descriptor_budget.h"

#include <gtest/gtest.h>

namespace fulmar::intake {
namespace {

struct Case {
  std::uint64_t descriptors;
  std::uint32_t wanted;
  std::uint32_t want;
};

TEST(DescriptorBudget, pitfall_89_clients_get_what_the_others_leave) {
  const Case cases[] = {
      {.descriptors = 65'536, .wanted = 2'000, .want = 2'000},
      {.descriptors = 5'700, .wanted = 2'000, .want = 2'000},
      {.descriptors = 5'699, .wanted = 2'000, .want = 1'999},
      {.descriptors = 2'000, .wanted = 2'000, .want = 500},
      {.descriptors = 1'024, .wanted = 2'000, .want = 256},
      {.descriptors = 96, .wanted = 2'000, .want = 24},
      {.descriptors = 96, .wanted = 10, .want = 10},
      {.descriptors = 3, .wanted = 2'000, .want = 1},
      {.descriptors = ~std::uint64_t{0}, .wanted = 100'000, .want = 100'000},
  };
  for (const Case& row : cases)
    EXPECT_EQ(connections_within(row.descriptors, row.wanted), row.want) << row.descriptors;
}

}  // namespace
}  // namespace fulmar::intake
