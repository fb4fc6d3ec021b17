// How RocksDB is set up for a mail queue, with the reasons, and the logger that finds out which log
// file is damaged.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>

#include <cstdarg>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"

namespace fulmar::queue {

/// RocksDB's words for our log, from warnings upwards. Takes the place of the file LOG: RocksDB 7.8
/// as Debian builds it aborts when that file cannot be written twice in a row, which is what a full
/// disk does. Also keeps the last complaint about octets dropped from a log file, because RocksDB's
/// status for that does not name the file.
class RocksDbLogger final : public rocksdb::Logger {
 public:
  RocksDbLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

  void Logv(const char*, va_list) override {}  // lines without a level: settings and statistics
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override;

  /// The log file that was complained about, "/var/…/000004.log"; empty when none was.
  [[nodiscard]] std::string damage() const;

 private:
  mutable std::mutex mutex_;
  std::string damage_;
};

/// `metrics` must outlive the database.
[[nodiscard]] rocksdb::DBOptions database_options(rocksdb::Env* env, Metrics& metrics);

/// Counts the tables of level 0, as the listener of those options does when there are others.
void count_level0_files(rocksdb::DB& database, Metrics& metrics);

enum class Compaction : std::uint8_t {
  on,
  off,  ///< Tables stay as they are, however many there are: for a spool with a damaged one.
};

/// One for each Column, in order.
[[nodiscard]] std::vector<rocksdb::ColumnFamilyDescriptor> column_families(Compaction compaction);

}  // namespace fulmar::queue
