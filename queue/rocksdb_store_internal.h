// Opening the store with an environment of one's own: for tests that make the disk fail.
#pragma once

#include <rocksdb/env.h>

#include <memory>
#include <string>

#include "queue/group_writer.h"
#include "queue/rocksdb_store.h"

namespace fulmar::queue {

/// As the public open_rocksdb_store(). `env` must outlive the store.
[[nodiscard]] Result<std::unique_ptr<Store>> open_rocksdb_store(const std::string& state_dir,
                                                                Metrics& metrics,
                                                                GroupLimits limits,
                                                                rocksdb::Env* env);

}  // namespace fulmar::queue
