#include "queue/rocksdb_database.h"

#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/wire.h"
#include "queue/rocksdb_log_damage.h"
#include "queue/rocksdb_options.h"

namespace fulmar::queue {
namespace {

/// What failed is a read or a write of an open spool.
Error store_error(const rocksdb::Status& status) {
  std::string words = status.ToString();
  // RocksDB has a name for a full disk, but none for a full quota.
  const bool quota = words.find(std::generic_category().message(EDQUOT)) != std::string::npos;
  return make_error(status.IsNoSpace() || quota ? Errc::store_full : Errc::store_failed,
                    std::move(words));
}

Result<> checked(const rocksdb::Status& status) {
  if (!status.ok()) return fail(store_error(status));
  return {};
}

/// What failed is to go through the rows. A damaged table stays what it is, however often one asks.
Error scan_error(const rocksdb::Status& status) {
  if (!status.IsCorruption()) return store_error(status);
  return make_error(Errc::corrupt, "the spool is damaged (" + status.ToString() +
                                       "). Bring the named file back from a copy.");
}

Error not_open() {
  return make_error(Errc::store_failed, "the spool's database is not open");
}

/// What logs may hold while nothing is written.
constexpr std::uint64_t kLogsAtRest = 16UL << 20;

/// An operator who puts this file into the spool accepts that damaged parts of log files are
/// skipped, once.
constexpr std::string_view kSkipDamage = "/skip-damage";

std::string what_to_do(const std::string& folder, const std::string& damaged_log) {
  if (damaged_log.empty()) return "Bring the folder back from a copy.";
  return "The damage is in " + damaged_log +
         ". Mail that was accepted may stand there, so bring the file back from a copy if there is "
         "one. "
         "Else copy the folder, create the empty file " +
         folder + std::string(kSkipDamage) + ", and start again: what can be read is kept.";
}

/// What was done to the files before.
enum class Prepared : std::uint8_t { nothing, for_skipping };

/// What failed is the opening.
Error open_error(const std::string& folder, const rocksdb::Status& status,
                 const std::string& damaged_log, Prepared prepared = Prepared::nothing) {
  const std::string words = status.ToString();
  if (status.IsCorruption()) {
    const std::string changed = prepared == Prepared::nothing
                                    ? "Nothing was changed. "
                                    : "Parts of records with damage were made unreadable in its "
                                      "logs, so that the rest could "
                                      "be skipped to; that did not help. ";
    return make_error(Errc::corrupt, "the spool " + folder + " is damaged (" + words + "). " +
                                         changed + what_to_do(folder, damaged_log));
  }
  if (words.find("/LOCK") != std::string::npos) {
    return make_error(Errc::io, "another process has the spool " + folder + " open: " + words);
  }
  return make_error(Errc::io, "cannot open the spool " + folder + ": " + words);
}

Result<> prepare_for_skipping(const std::string& folder) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (entry.path().extension() != ".log") continue;
    FULMAR_TRY_VOID(spoil_records_with_damage(entry.path().string()));
  }
  if (failed) return fail(Errc::io, folder + ": " + failed.message());
  return {};
}

}  // namespace

RocksDatabase::RocksDatabase(std::string folder, rocksdb::Env* env, Metrics& metrics)
    : folder_(std::move(folder)), env_(env), metrics_(metrics) {}

RocksDatabase::~RocksDatabase() {
  close();
}

Result<std::unique_ptr<RocksDatabase>> RocksDatabase::open(std::string folder, rocksdb::Env* env,
                                                           Metrics& metrics) {
  std::unique_ptr<RocksDatabase> database(new RocksDatabase(std::move(folder), env, metrics));
  FULMAR_TRY_VOID(database->open_files());
  return database;
}

rocksdb::ColumnFamilyHandle* RocksDatabase::handle(Column column) const {
  return handles_[std::to_underlying(column)];
}

Result<> RocksDatabase::open_files() {
  rocksdb::DBOptions options = database_options(env_, metrics_);
  std::vector<std::string> names;
  // Fails when there is no database yet; what else may be wrong with it, Open() tells better.
  if (rocksdb::DB::ListColumnFamilies(options, folder_, &names).ok()) {
    for (const std::string& name : names) {
      if (std::ranges::find(kColumnNames, name) != kColumnNames.end()) continue;
      return fail(Errc::newer_version, "the spool " + folder_ + " has a column \"" + name +
                                           "\": a later version of the program made it");
    }
  }
  const auto logger = std::make_shared<RocksDbLogger>();
  options.info_log = logger;
  rocksdb::Status status = open_with(options);
  const std::string permission = folder_ + std::string(kSkipDamage);
  auto prepared = Prepared::nothing;
  const bool in_a_log = logger->damage().ends_with(".log");
  if (status.IsCorruption() && in_a_log && ::access(permission.c_str(), F_OK) == 0) {
    log_warn("damaged parts of the spool's log are skipped, as an operator asked",
             {{"folder", folder_}, {"damage", logger->damage()}});
    FULMAR_TRY_VOID(prepare_for_skipping(folder_));
    prepared = Prepared::for_skipping;
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    status = open_with(options);
  }
  // Once: what is damaged later, another permission is needed for.
  if (status.ok()) ::unlink(permission.c_str());
  if (!status.ok()) return fail(open_error(folder_, status, logger->damage(), prepared));
  FULMAR_CHECK(handles_.size() == kColumnNames.size());
  log_broken_ = false;
  count_level0_files(*db_, metrics_);
  auto format = check_format();
  if (!format) close_files();
  return format;
}

rocksdb::Status RocksDatabase::open_with(const rocksdb::DBOptions& options) {
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status =
      rocksdb::DB::Open(options, folder_, column_families(compaction_), &handles_, &opened);
  db_.reset(opened);
  return status;
}

Result<> RocksDatabase::check_format() {
  std::string value;
  const auto status = db_->Get({}, handle(Column::meta), std::string(kFormatKey), &value);
  if (status.IsNotFound()) {
    Writer out;
    out.u32(kFormatVersion);
    rocksdb::WriteOptions synced;
    synced.sync = true;
    const auto written =
        db_->Put(synced, handle(Column::meta), std::string(kFormatKey), std::move(out).take());
    if (!written.ok()) return fail(open_error(folder_, written, ""));
    return {};
  }
  if (!status.ok()) return fail(open_error(folder_, status, ""));
  Reader in(value);
  const auto version = in.u32();
  if (!version || in.left() != 0 || *version == 0) {
    return fail(Errc::corrupt, "the spool " + folder_ + " does not say its format");
  }
  if (*version > kFormatVersion) {
    return fail(Errc::newer_version, "the spool " + folder_ + " has format " +
                                         std::to_string(*version) + ", this program knows " +
                                         std::to_string(kFormatVersion));
  }
  return {};
}

void RocksDatabase::close_files() {
  if (!db_) return;
  for (rocksdb::ColumnFamilyHandle* handle : std::exchange(handles_, {})) {
    static_cast<void>(db_->DestroyColumnFamilyHandle(handle));
  }
  static_cast<void>(db_->Close());
  db_.reset();
}

Result<> RocksDatabase::write(std::span<const Edits* const> parts, Durability durability) {
  std::size_t octets = 0;
  for (const Edits* edits : parts)
    octets += cost(*edits);
  rocksdb::WriteBatch batch(octets);
  const std::shared_lock lock(mutex_);
  if (!db_) return fail(not_open());
  for (const Edits* edits : parts) {
    for (const Edit& edit : *edits) {
      auto* family = handle(edit.column);
      FULMAR_TRY_VOID(checked(edit.value ? batch.Put(family, edit.key, *edit.value)
                                         : batch.Delete(family, edit.key)));
    }
  }
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::synced;
  const Stalls::Work work(metrics_.store_stalls, clock_);
  const rocksdb::Status status = db_->Write(options, &batch);
  if (!status.ok()) log_broken_ = true;
  if (status.IsCorruption()) damaged_ = true;
  return checked(status);
}

Result<std::string> RocksDatabase::read(Column column, std::string_view key) {
  const std::shared_lock lock(mutex_);
  if (!db_) return fail(not_open());
  std::string value;
  const auto status = db_->Get({}, handle(column), rocksdb::Slice(key.data(), key.size()), &value);
  if (status.IsNotFound()) return fail(Errc::not_found, "the spool has no such record");
  FULMAR_TRY_VOID(checked(status));
  return value;
}

Result<> RocksDatabase::scan(Column column, std::string_view prefix, const Visit& visit) {
  const std::shared_lock lock(mutex_);
  if (!db_) return fail(not_open());
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const rocksdb::Slice start(prefix.data(), prefix.size());
  const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator(options, handle(column)));
  for (rows->Seek(start); rows->Valid() && rows->key().starts_with(start); rows->Next()) {
    visit(rows->key().ToStringView(), rows->value().ToStringView());
  }
  if (!rows->status().ok()) return fail(scan_error(rows->status()));
  return {};
}

Result<> RocksDatabase::give_back_logs() {
  const std::shared_lock lock(mutex_);
  if (!db_) return fail(not_open());
  rocksdb::VectorLogPtr logs;
  FULMAR_TRY_VOID(checked(db_->GetSortedWalFiles(logs)));
  std::uint64_t octets = 0;
  for (const auto& log : logs)
    octets += log->SizeFileBytes();
  if (octets < kLogsAtRest) return {};
  const Stalls::Work work(metrics_.store_stalls, clock_);  // who writes now waits
  const rocksdb::Status status = db_->Flush({}, handles_);
  if (!status.ok()) log_broken_ = true;
  count_level0_files(*db_, metrics_);  // the listener may be told a moment later
  return checked(status);
}

Result<> RocksDatabase::resume() {
  const std::shared_lock lock(mutex_);
  if (!db_) return fail(not_open());
  const rocksdb::Status status = db_->Resume();
  if (status.ok()) log_broken_ = false;
  return checked(status);
}

Result<> RocksDatabase::reopen() {
  const std::unique_lock lock(mutex_);
  close_files();
  if (damaged_ && compaction_ == Compaction::on) {
    compaction_ = Compaction::off;
    log_error("a table of the spool is damaged; the others are used, and none is rewritten",
              {{"folder", folder_}});
  }
  return open_files();
}

void RocksDatabase::close() {
  const std::unique_lock lock(mutex_);
  if (!db_) return;
  // What was promised to survive a failing disk is synced already. RocksDB takes a further touch of
  // a log file that failed for a bug of its caller, and aborts.
  if (!log_broken_) static_cast<void>(db_->SyncWAL());
  close_files();
}

}  // namespace fulmar::queue
