// How much memory is too much, and how that is found out.
#include "mta/intake/memory_mark.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/fakes/fake_clock.h"

namespace fulmar::intake {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMebi = 1UL << 20;

class MemoryMarkTest : public ::testing::Test {
 protected:
  std::uint64_t resident_ = 0;
  std::uint64_t kept_free_ = 0;  // of it, by the allocator
  int measured_ = 0;
  int given_back_ = 0;
  fakes::FakeClock clock_;
  MemoryMark mark_{1000,
                   clock_,
                   {.resident =
                        [this] {
                          ++measured_;
                          return resident_;
                        },
                    .give_back =
                        [this] {
                          ++given_back_;
                          resident_ -= kept_free_;
                          kept_free_ = 0;
                        }}};
};

TEST_F(MemoryMarkTest, pitfall_93_it_is_measured_ten_times_a_second_at_most) {
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(mark_.state().is_above());
  EXPECT_EQ(measured_, 1);
  resident_ = 1000;
  clock_.advance(100ms);
  EXPECT_FALSE(mark_.state().is_above());
  EXPECT_EQ(mark_.state().resident, 1000U);
  EXPECT_EQ(measured_, 2);
}

TEST_F(MemoryMarkTest, pitfall_93_what_is_free_is_given_back_before_anybody_is_refused) {
  resident_ = 1500;
  kept_free_ = 500;
  EXPECT_FALSE(mark_.state().is_above());
  EXPECT_EQ(given_back_, 1);
  resident_ = 1600;
  kept_free_ = 600;
  clock_.advance(100ms);
  EXPECT_TRUE(mark_.state().is_above()) << "it was done a moment ago";
  EXPECT_EQ(mark_.state().mark, 1000U);
  clock_.advance(10s);
  EXPECT_FALSE(mark_.state().is_above());
  EXPECT_EQ(given_back_, 2);
}

TEST(HighWaterMark, pitfall_93_a_share_of_the_machine_or_of_the_control_group) {
  EXPECT_EQ(high_water_mark(8192 * kMebi, std::nullopt), 4096 * kMebi);
  EXPECT_EQ(high_water_mark(8192 * kMebi, 1024 * kMebi), 768 * kMebi);
  EXPECT_EQ(high_water_mark(1024 * kMebi, 8192 * kMebi), 512 * kMebi);
  EXPECT_EQ(high_water_mark(256 * kMebi, 128 * kMebi), 256 * kMebi) << "the budgets have room";
  EXPECT_EQ(high_water_mark(0, std::nullopt), 256 * kMebi);
}

class SystemMark : public ::testing::Test {
 protected:
  ~SystemMark() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const auto file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("fulmar-memory-" + std::to_string(getpid()));
};

TEST_F(SystemMark, the_least_limit_on_the_way_up_counts) {
  write("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:         1 kB\n");
  EXPECT_EQ(system_high_water_mark(root_), 4096 * kMebi) << "no control groups";
  write("proc/self/cgroup", "1:name=systemd:/x\n0::/system.slice/fulmar.service\n");
  const std::string groups = "sys/fs/cgroup/";
  write(groups + "system.slice/fulmar.service/memory.max", "max\n");
  write(groups + "system.slice/fulmar.service/memory.high", "4294967296\n");
  EXPECT_EQ(system_high_water_mark(root_), 3072 * kMebi);
  write(groups + "system.slice/memory.max", "2147483648\n");
  EXPECT_EQ(system_high_water_mark(root_), 1536 * kMebi);
  write(groups + "memory.max", "1073741824\n");  // a container's own
  EXPECT_EQ(system_high_water_mark(root_), 768 * kMebi);
}

TEST(SystemMemory, is_read_and_given_back) {
  const std::uint64_t before = resident_memory();
  EXPECT_GT(before, kMebi);
  std::vector<char> large(64 * kMebi, 'x');
  const std::uint64_t with_it = resident_memory();
  EXPECT_GE(with_it, before + 32 * kMebi);
  large = {};
  system_memory().give_back();
  EXPECT_LT(resident_memory(), with_it + 32 * kMebi);
}

}  // namespace
}  // namespace fulmar::intake
