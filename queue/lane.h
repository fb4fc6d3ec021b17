// How many attempts a next hop gets at once, and how fast they may follow each other. Pure: a lane
// knows neither its deliveries nor other lanes.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"
#include "queue/scheduler.h"

namespace fulmar::queue {

/// Begins narrow, is widened by one with each answer and halved by each failure to reach the next
/// hop: a host that is up gets its limit within a moment, one that is not holds a slot or two.
class LaneWidth {
 public:
  LaneWidth(std::size_t limit, std::size_t first);

  void learn(Ending ending);

  /// 1 .. limit.
  [[nodiscard]] std::size_t now() const { return width_; }

 private:
  std::size_t limit_;
  std::size_t width_;
};

/// Spaces the starts of attempts evenly. What could not start for a tenth of a second may be made
/// up for, so that coarse timers keep the rate; more is lost.
class LanePace {
 public:
  /// `interval` 0: no limit.
  explicit LanePace(std::chrono::nanoseconds interval) : interval_(interval) {}

  /// Whether an attempt may start.
  [[nodiscard]] bool allows(UtcTime now) const;
  /// From when on one may; in whole milliseconds, never early.
  [[nodiscard]] UtcTime next() const;
  void note_start(UtcTime now);
  /// What was handed out did not begin.
  void take_back_start() { next_ -= interval_; }

  [[nodiscard]] bool is_limited() const { return interval_.count() > 0; }

 private:
  using Precise = std::chrono::sys_time<std::chrono::nanoseconds>;

  std::chrono::nanoseconds interval_;
  Precise next_{};
};

}  // namespace fulmar::queue
