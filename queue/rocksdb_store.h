// The Store on RocksDB. Only queue/rocksdb_* include rocksdb, and nobody includes those but this
// header.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "queue/store.h"

namespace fulmar::queue {

/// Opens `<state_dir>/spool`, making it (mode 0700) when absent. Errc::io with the path and
/// RocksDB's words when the folder cannot be used or another process has it open; newer_version
/// when a later version made it; corrupt with what to do about it when RocksDB refuses its files.
/// `metrics` must outlive the store. The executors of callers must outlive it too, or at least its
/// close().
[[nodiscard]] Result<std::unique_ptr<Store>> open_rocksdb_store(const std::string& state_dir,
                                                                Metrics& metrics);

}  // namespace fulmar::queue
