// A clock that stands still until it is told to move.
#pragma once

#include <atomic>
#include <chrono>

#include "base/clock.h"

namespace fulmar::fakes {

/// Starts at 2026-11-21T12:00:00Z. Both clocks move together, unless one is set. Thread-safe.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] UtcTime utc_now() const override {
    return UtcTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)) +
           std::chrono::hours(12) + elapsed() + std::chrono::milliseconds(set_by_.load());
  }
  [[nodiscard]] SteadyTime steady_now() const override { return SteadyTime(elapsed()); }

  void advance(std::chrono::milliseconds by) { elapsed_ += by.count(); }
  /// The wall clock alone, by an operator or over a sleep of the machine.
  void set_forward(std::chrono::milliseconds by) { set_by_ += by.count(); }

 private:
  [[nodiscard]] std::chrono::milliseconds elapsed() const {
    return std::chrono::milliseconds(elapsed_.load());
  }
  std::atomic<std::chrono::milliseconds::rep> elapsed_{0};
  std::atomic<std::chrono::milliseconds::rep> set_by_{0};
};

}  // namespace fulmar::fakes
