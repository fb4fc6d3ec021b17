#include "conf/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace fulmar::conf {
namespace {

using std::chrono::milliseconds;

TEST(Units, durations_are_one_number_and_one_unit) {
  struct Case {
    std::string_view text;
    std::optional<std::int64_t> seconds;
  };
  const Case cases[] = {
      {"30s", 30},
      {"5m", 300},
      {"4h", 14'400},
      {"5d", 432'000},
      {"1s", 1},
      {"0s", 0},
      {"007s", 7},
      {"", {}},
      {"s", {}},
      {"30", {}},
      {"500ms", {}},
      {"1h30m", {}},
      {"-5s", {}},
      {"+5s", {}},
      {"1.5h", {}},
      {" 5s", {}},
      {"5s ", {}},
      {"5 s", {}},
      {"5S", {}},
      {"5min", {}},
      {"1w", {}},
      {"99999999999999999999s", {}},
      {"106751991168d", {}},
  };
  for (const Case& each : cases) {
    const auto parsed = parse_duration(each.text);
    ASSERT_EQ(parsed.has_value(), each.seconds.has_value()) << each.text;
    if (!parsed) continue;
    EXPECT_EQ(parsed->count(), *each.seconds * 1000) << each.text;
  }
}

TEST(Units, durations_are_written_the_way_people_do) {
  struct Case {
    std::int64_t seconds;
    std::string_view want;
  };
  const Case cases[] = {{0, "0s"},        {1, "1s"},       {60, "60s"},     {90, "90s"},
                        {120, "2m"},      {3600, "1h"},    {5400, "90m"},   {86'400, "24h"},
                        {129'600, "36h"}, {172'800, "2d"}, {432'000, "5d"}, {432'001, "432001s"}};
  for (const Case& each : cases) {
    const std::string text = format_duration(milliseconds(each.seconds * 1000));
    EXPECT_EQ(text, each.want);
    EXPECT_EQ(parse_duration(text), milliseconds(each.seconds * 1000));
  }
}

TEST(Units, sizes_are_one_number_and_one_unit) {
  struct Case {
    std::string_view text;
    std::optional<std::uint64_t> octets;
  };
  const Case cases[] = {
      {"50MB", 50'000'000},
      {"64KB", 64'000},
      {"1GB", 1'000'000'000},
      {"1TB", 1'000'000'000'000},
      {"64KiB", 65'536},
      {"1MiB", 1'048'576},
      {"1GiB", 1'073'741'824},
      {"1TiB", 1'099'511'627'776},
      {"512B", 512},
      {"0B", 0},
      {"18446744073709551615B", std::numeric_limits<std::uint64_t>::max()},
      {"18446744073709551616B", {}},
      {"18446744073709552KB", {}},
      {"", {}},
      {"MB", {}},
      {"50", {}},
      {"50M", {}},
      {"50mb", {}},
      {"50Mb", {}},
      {"50 MB", {}},
      {"-1MB", {}},
      {"1.5GB", {}},
      {"1e3MB", {}},
      {"50MBs", {}},
  };
  for (const Case& each : cases)
    EXPECT_EQ(parse_size(each.text), each.octets) << each.text;
}

TEST(Units, sizes_are_written_in_the_largest_unit_that_fits) {
  struct Case {
    std::uint64_t octets;
    std::string_view want;
  };
  const Case cases[] = {{0, "0B"},
                        {1, "1B"},
                        {1000, "1KB"},
                        {1024, "1KiB"},
                        {50'000'000, "50MB"},
                        {67'108'864, "64MiB"},
                        {1'500'000, "1500KB"},
                        {1'000'000'000, "1GB"},
                        {999, "999B"}};
  for (const Case& each : cases) {
    EXPECT_EQ(format_size(each.octets), each.want);
    EXPECT_EQ(parse_size(each.want), each.octets);
  }
}

TEST(Units, rates_are_a_number_in_a_unit_of_time) {
  struct Case {
    std::string_view text;
    std::optional<Rate> want;
  };
  using std::chrono::seconds;
  const Case cases[] = {
      {"100/s", Rate{100, seconds(1)}},
      {"30/m", Rate{30, seconds(60)}},
      {"1000/h", Rate{1000, seconds(3600)}},
      {"5000/d", Rate{5000, seconds(86'400)}},
      {"1000000/s", Rate{1'000'000, seconds(1)}},
      {"1000001/s", {}},
      {"0/s", {}},
      {"", {}},
      {"100", {}},
      {"100/", {}},
      {"/s", {}},
      {"100s", {}},
      {"100/5s", {}},
      {"100/min", {}},
      {"-1/s", {}},
      {"1.5/s", {}},
      {"100 /s", {}},
      {"99999999999999999999/s", {}},
  };
  for (const Case& each : cases) {
    const auto parsed = parse_rate(each.text);
    EXPECT_EQ(parsed, each.want) << each.text;
    if (parsed) {
      EXPECT_EQ(format_rate(*parsed), each.text);
    }
  }
}

}  // namespace
}  // namespace fulmar::conf
