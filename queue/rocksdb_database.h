// One RocksDB database with the columns of edits.h: opening it, reading, writing, and getting it
// going again after the disk failed. Turns RocksDB's statuses into Errors. Only queue/rocksdb_*
// include rocksdb.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <atomic>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "queue/edits.h"
#include "queue/group_writer.h"
#include "queue/rocksdb_options.h"

namespace fulmar::queue {

/// Thread-safe. All calls block.
class RocksDatabase {
 public:
  /// Errors as open_rocksdb_store(). `env` and `metrics`, for stalls and level 0, must outlive the
  /// database.
  static Result<std::unique_ptr<RocksDatabase>> open(std::string folder, rocksdb::Env* env,
                                                     Metrics& metrics);
  ~RocksDatabase();

  /// All edits as one atomic write, in order. store_full or store_failed, after which nothing
  /// succeeds until resume() or reopen() did.
  Result<> write(std::span<const Edits* const> parts, Durability durability);

  /// Errc::not_found when there is no such row.
  Result<std::string> read(Column column, std::string_view key);

  using Visit = std::function<void(std::string_view key, std::string_view value)>;
  /// Every row whose key starts with `prefix`, in key order, as of now. Errc::corrupt when a file
  /// is damaged.
  Result<> scan(Column column, std::string_view prefix, const Visit& visit);

  /// Writes memtables down when the logs behind them have grown large, so that these can go: the
  /// logs of mail that was delivered long ago hold room that others may want (pitfall 96).
  Result<> give_back_logs();

  /// Leaves a state of failure without losing what is in memory.
  Result<> resume();

  /// Closes and opens again, for failures that resume() cannot leave. Readers wait meanwhile. When
  /// it fails, the database is closed, and reads and writes fail until it succeeds. A database with
  /// a damaged table is opened without compaction: that would find the damage again, and stop all
  /// writing.
  Result<> reopen();

  /// Whether a write was refused because a table is damaged.
  [[nodiscard]] bool damaged() const { return damaged_; }

  /// Syncs what was written relaxed, and closes.
  void close();

 private:
  RocksDatabase(std::string folder, rocksdb::Env* env, Metrics& metrics);

  Result<> open_files();
  rocksdb::Status open_with(const rocksdb::DBOptions& options);
  Result<> check_format();
  void close_files();
  [[nodiscard]] rocksdb::ColumnFamilyHandle* handle(Column column) const;

  const std::string folder_;
  rocksdb::Env* const env_;
  Metrics& metrics_;
  const SystemClock clock_;
  // Held exclusively while the database is opened or closed, shared while it is used.
  std::shared_mutex mutex_;
  std::unique_ptr<rocksdb::DB> db_;
  // A write failed: the log file must not be touched before resume() or reopen() has left it
  // behind.
  std::atomic<bool> log_broken_{false};
  std::atomic<bool> damaged_{false};
  Compaction compaction_ = Compaction::on;
  std::vector<rocksdb::ColumnFamilyHandle*>
      handles_;  ///< Owned by db_, released before it; in order of Column.
};

}  // namespace fulmar::queue
