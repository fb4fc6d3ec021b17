// Whether another message can be taken now: the spool has room and works, and there is memory.
// Asked at MAIL, so that a client hears it before it sends a body. Pitfalls 88 and 93.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "mta/intake/memory_mark.h"
#include "queue/store.h"

namespace fulmar::intake {

/// Thread-safe.
class Admission {
 public:
  /// `store`, `memory` and `clock` must outlive this. `spool` is the path that the log names.
  Admission(queue::Store& store, MemoryMark& memory, Clock& clock, std::uint64_t reserve,
            std::string spool);

  /// limit, with status 4.3.2, while memory is above its mark. store_full when less than the
  /// reserve is free, or less than the message needs; store_failed while the store does not write,
  /// or store_full when room is what it wants. Of the messages that come then, one in five seconds
  /// is let through, because only a write that succeeds can show that the store writes again. Logs
  /// what it refuses, at most once a minute.
  [[nodiscard]] Result<> may_accept(std::uint64_t declared_size);

 private:
  Result<> check_memory();
  Result<> check_space(std::uint64_t declared_size);
  Result<> check_writable();
  /// As it was 100 ms ago at most, if it was enough.
  [[nodiscard]] Result<std::uint64_t> free_space();
  /// Whether `interval` has passed since `last`, which is then now.
  [[nodiscard]] bool is_due(std::optional<SteadyTime>& last, std::chrono::seconds interval);

  queue::Store& store_;
  MemoryMark& memory_;
  Clock& clock_;
  const std::uint64_t reserve_;
  const std::string spool_;
  std::mutex mutex_;
  std::optional<SteadyTime> logged_;         // guarded by mutex_
  std::optional<SteadyTime> logged_memory_;  // guarded by mutex_
  std::optional<SteadyTime> probed_;         // guarded by mutex_
  std::optional<SteadyTime> measured_;       // guarded by mutex_
  std::uint64_t free_ = 0;                   // guarded by mutex_; means nothing before `measured_`
};

}  // namespace fulmar::intake
