// A queue through which millions have passed finds its next work as fast as an empty one.
#include <gtest/gtest.h>
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "queue/codec.h"
#include "queue/edits.h"
#include "queue/rocksdb_database.h"
#include "queue/scheduler.h"
#include "tests/queue/spool_fixture.h"

namespace fulmar::queue {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// Sanitizers come with code that is not optimized, which is many times slower.
#ifdef __OPTIMIZE__
constexpr std::uint32_t kScheduled = 2'000'000;
#else
constexpr std::uint32_t kScheduled = 200'000;
#endif

/// Of this thread: what others do on the machine is not in it.
nanoseconds processor_time() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + nanoseconds(spent.tv_nsec);
}

template <class T>
T median(std::vector<T> values) {
  std::ranges::nth_element(values, values.begin() + values.size() / 2);
  return values[values.size() / 2];
}

/// A schedule with some thousands waiting, where the longest due is done and another one comes.
class RollingSchedule {
 public:
  RollingSchedule() {
    for (int i = 0; i < 100; ++i)
      hosts_.emplace_back(Domain::parse("d" + std::to_string(i) + ".example").value());
    for (std::uint32_t i = 0; i < kWaiting; ++i)
      add();
  }

  /// What it takes to find the next one.
  nanoseconds turn() {
    const nanoseconds begin = processor_time();
    const auto due = scheduler_.next_due();
    const auto taken = scheduler_.take(due.value());
    const nanoseconds spent = processor_time() - begin;
    scheduler_.remove(taken.value().key, Ending::answered);
    add();
    return spent;
  }
  [[nodiscard]] std::size_t messages() const { return scheduler_.messages(); }

 private:
  static constexpr std::uint32_t kWaiting = 5'000;

  void add() {
    const UtcTime due{std::chrono::milliseconds(next_)};
    scheduler_.add({make_id(next_), hosts_[next_ % hosts_.size()]},
                   {.attempt = due, .latest = due + 120h});
    ++next_;
  }

  Scheduler scheduler_{{}};
  std::vector<MailHost> hosts_;
  std::uint32_t next_ = 0;
};

TEST(LongRun, pitfall_94_after_many_messages_the_next_one_is_found_as_fast) {
  constexpr std::uint32_t kParts = 20;
  RollingSchedule schedule;
  std::vector<nanoseconds> parts;  // the median of each
  std::vector<nanoseconds> part;
  for (std::uint32_t done = 0; done < kScheduled; ++done) {
    part.push_back(schedule.turn());
    if (part.size() < kScheduled / kParts) continue;
    parts.push_back(median(part));
    if (parts.size() < kParts) part.clear();
  }
  ASSERT_EQ(parts.size(), kParts);
  EXPECT_EQ(schedule.messages(), 5'000U);
  EXPECT_LE(parts.back(), 3 * parts.front());
  std::ranges::sort(part);
  EXPECT_LE(part[part.size() * 99 / 100], 5ms);
  RecordProperty("median_ns_first", static_cast<int>(parts.front().count()));
  RecordProperty("median_ns_last", static_cast<int>(parts.back().count()));
}

/// A spool with some hundred deliveries, where the oldest goes and another one comes.
class RollingSpool {
 public:
  void pass(std::uint32_t deliveries) {
    for (std::uint32_t i = 0; i < deliveries; i += kGroup) {
      Edits edits;
      for (std::uint32_t each = 0; each < kGroup; ++each)
        turn(edits);
      const Edits* const parts[] = {&edits};
      ASSERT_TRUE(database_->write(parts, Durability::relaxed).has_value());
    }
  }

  /// Of all removed rows those that a start still steps over when it reads every delivery.
  std::uint64_t stepped_over() {
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableCount);
    rocksdb::get_perf_context()->Reset();
    std::size_t found = 0;
    const auto count = [&](std::string_view, std::string_view) { ++found; };
    EXPECT_TRUE(database_->scan(Column::deliveries, "", count).has_value());
    EXPECT_EQ(found, kWaiting);
    const std::uint64_t result = rocksdb::get_perf_context()->internal_delete_skipped_count;
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
    return result;
  }

 private:
  static constexpr std::uint32_t kWaiting = 500;
  static constexpr std::uint32_t kGroup = 250;

  static std::string key(std::uint32_t number) { return delivery_key(make_id(number), kHost); }
  void turn(Edits& edits) {
    edits.push_back({Column::deliveries, key(next_), record_});
    if (next_ >= kWaiting) {
      edits.push_back({Column::deliveries, key(next_ - kWaiting), std::nullopt});
    }
    ++next_;
  }

  const std::string record_ = std::string(1000, 'r');  // as large as one with its decision
  TemporaryFolder folder_;
  Metrics metrics_;
  std::unique_ptr<RocksDatabase> database_ =
      RocksDatabase::open((folder_.path() / "spool").string(), rocksdb::Env::Default(), metrics_)
          .value();
  std::uint32_t next_ = 0;
};

TEST(LongRun, pitfall_94_a_start_does_not_step_over_all_that_was_ever_removed) {
  constexpr std::uint32_t kStored = 200'000;
  constexpr std::uint32_t kParts = 40;
  RollingSpool spool;
  std::vector<std::uint64_t> stepped_over;
  for (std::uint32_t part = 0; part < kParts; ++part) {
    spool.pass(kStored / kParts);
    stepped_over.push_back(spool.stepped_over());
  }
  // Compaction has threads of its own, so the count goes up and down; but it does come down.
  const auto middle = stepped_over.begin() + kParts / 2;
  const std::uint64_t begin = *std::max_element(stepped_over.begin(), middle);
  const std::uint64_t end = *std::min_element(middle, stepped_over.end());
  EXPECT_LE(end, begin);
  EXPECT_LE(end, kStored / 10);
  RecordProperty("stepped_over", static_cast<int>(end));
}

}  // namespace
}  // namespace fulmar::queue
