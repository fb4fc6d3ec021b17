// Records of the spool that do not decode: left where they are, out of the schedule, and named here
// for an operator (pitfall 83).
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include "queue/store.h"

namespace fulmar::delivery {

/// Thread-safe.
class Quarantine {
 public:
  /// So many are named; more are counted.
  static constexpr std::size_t kMostNamed = 10'000;

  void add(queue::SetAside record) {
    const std::lock_guard lock(mutex_);
    ++count_;
    if (named_.size() < kMostNamed) named_.push_back(std::move(record));
  }

  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

  [[nodiscard]] std::optional<queue::SetAside> first() const {
    const std::lock_guard lock(mutex_);
    return named_.empty() ? std::nullopt : std::optional(named_.front());
  }

  /// In the order in which they were found.
  [[nodiscard]] std::vector<queue::SetAside> list() const {
    const std::lock_guard lock(mutex_);
    return named_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<queue::SetAside> named_;
  std::size_t count_ = 0;
};

}  // namespace fulmar::delivery
