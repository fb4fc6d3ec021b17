#include "queue/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "queue/edits.h"

namespace fulmar::queue {
namespace {

constexpr std::size_t kMebi = 1UL << 20;

/// Leaves getting going again after an error to the store, which knows what it told its callers.
/// RocksDB's own attempts after a full disk would also make resume() wait for them, and they come
/// rarely.
class NoRecoveryOfItsOwn final : public rocksdb::EventListener {
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

/// RocksDB tells of a stalled writer only once that goes on, which is too late to be of use: how
/// long writes take is measured by whoever writes (pitfall 98).
class CountOfLevel0 final : public rocksdb::EventListener {
 public:
  explicit CountOfLevel0(Metrics& metrics) : metrics_(metrics) {}

  void OnFlushCompleted(rocksdb::DB* database, const rocksdb::FlushJobInfo&) override {
    count_level0_files(*database, metrics_);
  }
  void OnCompactionCompleted(rocksdb::DB* database, const rocksdb::CompactionJobInfo&) override {
    count_level0_files(*database, metrics_);
  }

 private:
  Metrics& metrics_;
};

/// Files held open: part of the program's budget of descriptors (mta/intake/descriptor_budget.h),
/// and a quarter of them where there are few (pitfall 89).
int open_files() {
  constexpr rlim_t kMost = 256;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMost;
  return static_cast<int>(std::min(kMost, limit.rlim_cur / 4));
}

rocksdb::ColumnFamilyOptions small_rows(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 8 * kMebi;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // Most rows are removed soon after they were put. A file in which removals pile up is compacted
  // for that alone, so that no reader ever steps over heaps of them and their space comes back
  // (pitfalls 94 and 96).
  options.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(/*sliding_window_size=*/4096,
                                                    /*deletion_trigger=*/1024));
  return options;
}

rocksdb::ColumnFamilyOptions body_rows(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options = small_rows(cache);
  // A body that is delivered while it is still in the memtable never becomes a file, hence one
  // large memtable.
  options.write_buffer_size = 48 * kMebi;
  // Mail is base64 or already compressed for the most part; the processor is scarcer than the disk
  // here.
  options.compression = rocksdb::kNoCompression;
  return options;
}

}  // namespace

rocksdb::DBOptions database_options(rocksdb::Env* env, Metrics& metrics) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // Any doubt about what a file says stops writing instead of being written on.
  options.paranoid_checks = true;
  // A tail that was being written when the machine died is dropped; damage before it is refused,
  // since acknowledged mail may stand behind it (pitfall 99). This mode excludes recycled log
  // files: RocksDB 7.8 turns recycle_log_file_num off under it, because old octets behind the end
  // would look like damage.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // Memory: all memtables together, besides a block cache of 8 MB. Also bounds what a start
  // replays.
  options.db_write_buffer_size = 96 * kMebi;
  options.max_total_wal_size = 192 * kMebi;
  // Long bodies reach the disk while they arrive, instead of all at once under the next commit's
  // sync.
  options.wal_bytes_per_sync = kMebi;
  options.max_open_files = open_files();
  options.max_background_jobs = 2;
  options.listeners.push_back(std::make_shared<NoRecoveryOfItsOwn>());
  options.listeners.push_back(std::make_shared<CountOfLevel0>(metrics));
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

void count_level0_files(rocksdb::DB& database, Metrics& metrics) {
  std::vector<rocksdb::ColumnFamilyMetaData> columns;
  database.GetAllColumnFamilyMetaData(&columns);
  std::size_t most = 0;
  for (const auto& column : columns) {
    if (!column.levels.empty()) most = std::max(most, column.levels.front().files.size());
  }
  metrics.store_level0_files.set(static_cast<std::int64_t>(most));
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_families(Compaction compaction) {
  const auto cache = rocksdb::NewLRUCache(8 * kMebi);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string_view name : kColumnNames) {
    const bool bodies = name == kColumnNames[static_cast<std::size_t>(Column::bodies)];
    auto options = bodies ? body_rows(cache) : small_rows(cache);
    if (compaction == Compaction::off) {
      options.disable_auto_compactions = true;
      // Nor is a writer held up because there are many.
      options.level0_slowdown_writes_trigger = std::numeric_limits<int>::max();
      options.level0_stop_writes_trigger = std::numeric_limits<int>::max();
    }
    families.emplace_back(std::string(name), std::move(options));
  }
  return families;
}

void RocksDbLogger::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  if (level < GetInfoLogLevel() || level >= rocksdb::InfoLogLevel::HEADER_LEVEL) return;
  std::array<char, 512> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  const std::string_view text(line.data());
  // Whatever matters comes back as a status too, and is logged by whoever handles that.
  log_debug("rocksdb", {{"says", std::string(text)}});
  // "[…] /var/…/000004.log: dropping 812 bytes; Corruption: checksum mismatch"
  const auto end = text.find(": dropping ");
  if (end == std::string_view::npos) return;
  const auto before = text.rfind(' ', end);
  const std::lock_guard lock(mutex_);
  damage_ = text.substr(before == std::string_view::npos ? 0 : before + 1, end - before - 1);
}

std::string RocksDbLogger::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

}  // namespace fulmar::queue
