// A file system for RocksDB that fails on demand, counts syncs, and knows what a power cut would
// leave behind.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace fulmar::queue {

/// Thread-safe.
class DiskState {
 public:
  enum class Fault : std::uint8_t { none, append, sync, everything };

  /// From now on appends, syncs or both fail with `status`, in log files ("*.log") or everywhere.
  void fail(Fault fault, rocksdb::IOStatus status) {
    const std::lock_guard lock(mutex_);
    fault_ = fault;
    status_ = std::move(status);
  }
  void heal() { fail(Fault::none, rocksdb::IOStatus::OK()); }

  /// Called before each sync of a log file.
  void before_sync(std::function<void()> hook) {
    const std::lock_guard lock(mutex_);
    hook_ = std::move(hook);
  }

  [[nodiscard]] std::size_t log_syncs() const {
    const std::lock_guard lock(mutex_);
    return log_syncs_;
  }

  /// Copies a folder as it would be found after a power cut now: no file longer than what was
  /// synced of it.
  void copy_durable(const std::filesystem::path& from, const std::filesystem::path& to) const {
    const std::lock_guard lock(mutex_);
    std::filesystem::create_directories(to);
    for (const auto& entry : std::filesystem::directory_iterator(from)) {
      const auto target = to / entry.path().filename();
      std::filesystem::copy_file(entry.path(), target);
      const auto synced = synced_.find(entry.path().string());
      if (synced == synced_.end()) continue;
      std::filesystem::resize_file(target, std::min(synced->second, entry.file_size()));
    }
  }

  // What the wrapped files report.

  rocksdb::IOStatus append(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const bool hit = fault_ == Fault::everything || (fault_ == Fault::append && is_log(name));
    return hit ? status_ : rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus sync(const std::string& name) {
    std::function<void()> hook;
    {
      const std::lock_guard lock(mutex_);
      const bool hit = fault_ == Fault::everything || (fault_ == Fault::sync && is_log(name));
      if (hit) return status_;
      if (!is_log(name)) return rocksdb::IOStatus::OK();
      ++log_syncs_;
      hook = hook_;
    }
    if (hook) hook();
    return rocksdb::IOStatus::OK();
  }
  void created(const std::string& name) { synced(name, 0); }
  void synced(const std::string& name, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    synced_[name] = size;
  }
  void renamed(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    if (auto node = synced_.extract(from)) synced_[to] = node.mapped();
  }

 private:
  static bool is_log(const std::string& name) { return name.ends_with(".log"); }

  mutable std::mutex mutex_;
  Fault fault_ = Fault::none;
  rocksdb::IOStatus status_;
  std::function<void()> hook_;
  std::size_t log_syncs_ = 0;
  std::map<std::string, std::uint64_t> synced_;
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::string name, std::unique_ptr<rocksdb::FSWritableFile> inner, DiskState& disk)
      : FSWritableFileOwnerWrapper(std::move(inner)), name_(std::move(name)), disk_(disk) {}

  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, Debug* debug) override {
    if (auto status = disk_.append(name_); !status.ok()) return torn(data, options, status);
    size_ += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, Debug* debug) override {
    if (auto status = disk_.append(name_); !status.ok()) return torn(data, options, status);
    size_ += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, info, debug);
  }
  IOStatus Sync(const IOOptions& options, Debug* debug) override {
    const std::uint64_t size = size_;
    if (auto status = disk_.sync(name_); !status.ok()) return status;
    auto status = FSWritableFileOwnerWrapper::Sync(options, debug);
    if (status.ok()) disk_.synced(name_, size);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, Debug* debug) override { return Sync(options, debug); }

 private:
  /// A disk that fails an append may have written a part of it.
  IOStatus torn(const rocksdb::Slice& data, const IOOptions& options, IOStatus status) {
    const rocksdb::Slice part(data.data(), data.size() / 2);
    FSWritableFileOwnerWrapper::Append(part, options, nullptr).PermitUncheckedError();
    size_ += part.size();
    return status;
  }

  const std::string name_;
  DiskState& disk_;
  std::uint64_t size_ = 0;  ///< RocksDB writes a file from one thread at a time.
};

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(DiskState& disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}

  [[nodiscard]] const char* Name() const override { return "FaultyFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    auto status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (!status.ok()) return status;
    disk_.created(name);
    *file = std::make_unique<FaultyFile>(name, std::move(*file), disk_);
    return status;
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    auto status = FileSystemWrapper::RenameFile(from, to, options, debug);
    if (status.ok()) disk_.renamed(from, to);
    return status;
  }

 private:
  DiskState& disk_;
};

/// An Env on a disk of its own.
class FaultyDisk {
 public:
  DiskState state;
  [[nodiscard]] rocksdb::Env* env() { return env_.get(); }

 private:
  // Shared because that is how RocksDB takes file systems.
  std::unique_ptr<rocksdb::Env> env_ =
      rocksdb::NewCompositeEnv(std::make_shared<FaultyFileSystem>(state));
};

}  // namespace fulmar::queue
