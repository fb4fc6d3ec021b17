// The high-water mark of memory (pitfall 93): above it no further mail is taken. The last resort
// behind the budgets of the parts (docs/performance.md), for what no budget has thought of.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"

namespace fulmar::intake {

/// Half of the machine's memory or three quarters of what our control group may have, whichever is
/// less; but 256 MB at least, which the budgets alone may take.
[[nodiscard]] std::uint64_t high_water_mark(std::uint64_t machine,
                                            std::optional<std::uint64_t> group);

/// That of this machine: MemTotal, and the least memory.max or memory.high of the control groups
/// (version 2) that we are in. `root` stands before all paths, for tests.
[[nodiscard]] std::uint64_t system_high_water_mark(const std::string& root = "");

/// Octets of memory that this process has in use, by /proc/self/statm; 0 when that cannot be read.
[[nodiscard]] std::uint64_t resident_memory();

struct MemorySource {
  std::function<std::uint64_t()> resident;  ///< Octets in use.
  /// Lets the system have what the allocator keeps free: else a mark that was passed once might
  /// stay passed.
  std::function<void()> give_back;
};
[[nodiscard]] MemorySource system_memory();

/// Thread-safe.
class MemoryMark {
 public:
  /// `clock` must outlive it.
  MemoryMark(std::uint64_t mark, Clock& clock, MemorySource source = system_memory());

  struct State {
    std::uint64_t resident = 0;
    std::uint64_t mark = 0;
    [[nodiscard]] bool is_above() const { return resident > mark; }
  };
  /// As measured within the last 100 ms. Above the mark free memory is given back first, at most
  /// every ten seconds.
  [[nodiscard]] State state();

 private:
  const std::uint64_t mark_;
  Clock& clock_;
  const MemorySource source_;
  std::mutex mutex_;
  std::uint64_t resident_ = 0;  // guarded by mutex_, like the others
  std::optional<SteadyTime> measured_at_;
  std::optional<SteadyTime> given_back_at_;
};

}  // namespace fulmar::intake
