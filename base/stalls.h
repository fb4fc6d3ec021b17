// Work that others wait for and that takes too long at times: how often, for how long in all, and
// whether it does right now.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/clock.h"

namespace fulmar {

/// Thread-safe.
class Stalls {
 public:
  /// What takes longer is a stall.
  static constexpr std::chrono::milliseconds kBound{1000};

  /// A piece of work, from construction to destruction. Of several at a time the one that began
  /// first counts, until all have ended. References must outlive it.
  class Work {
   public:
    Work(Stalls& stalls, const Clock& clock) : stalls_(stalls), clock_(clock) {
      stalls_.begin(clock_.steady_now());
    }
    ~Work() { stalls_.end(clock_.steady_now()); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    Stalls& stalls_;
    const Clock& clock_;
  };

  /// The one that lasts included.
  struct Reading {
    bool lasts = false;
    std::uint64_t count = 0;
    std::chrono::milliseconds total{0};
  };
  [[nodiscard]] Reading read(SteadyTime now) const {
    const std::lock_guard lock(mutex_);
    Reading reading = ended_;
    if (since_) add(reading, now - *since_);
    reading.lasts = reading.count > ended_.count;
    return reading;
  }

 private:
  static void add(Reading& reading, SteadyTime::duration took) {
    if (took <= kBound) return;
    ++reading.count;
    reading.total += std::chrono::duration_cast<std::chrono::milliseconds>(took);
  }
  void begin(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    if (running_++ == 0) since_ = now;
  }
  void end(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    if (--running_ > 0) return;
    add(ended_, now - *since_);
    since_.reset();
  }

  mutable std::mutex mutex_;
  Reading ended_;  // guarded by mutex_, like the others
  std::uint64_t running_ = 0;
  std::optional<SteadyTime> since_;
};

}  // namespace fulmar
