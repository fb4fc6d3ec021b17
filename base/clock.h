// Time comes in by reference. SystemClock is the only reader of the real clocks; a test holds the
// tree to that.
#pragma once

#include <chrono>
#include <string>

namespace fulmar {

/// Wall-clock time, UTC, in milliseconds: what is stored, shown, and compared with certificates and
/// policies.
using UtcTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Monotonic time: what timers and measured durations use. It has no meaning outside this process.
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual UtcTime utc_now() const = 0;
  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

/// Thread-safe: it has no state.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] UtcTime utc_now() const override;
  [[nodiscard]] SteadyTime steady_now() const override;
};

/// "2026-11-21T23:09:00.125Z".
[[nodiscard]] std::string to_iso8601(UtcTime time);

/// "Sat, 21 Nov 2026 23:09:00 +0000": the date-time of RFC 5322 §3.3, always in UTC.
[[nodiscard]] std::string to_rfc5322(UtcTime time);

}  // namespace fulmar
