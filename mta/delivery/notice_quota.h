// How many notices one sender gets in a time ([notify] max_per_sender): what is beyond that waits
// for a summary at the end of the time (pitfall 102). Pure; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "conf/units.h"

namespace fulmar::delivery {

class NoticeQuota {
 public:
  /// Senders counted at once; while there are more, those beyond are not held back.
  static constexpr std::size_t kMaxSenders = 100'000;

  /// Without a rate everybody gets everything.
  explicit NoticeQuota(std::optional<conf::Rate> rate) : rate_(rate) {}

  /// Whether a notice may go to `sender` now, which then counts. A sender's time begins with its
  /// first notice.
  [[nodiscard]] bool take(const std::string& sender, SteadyTime now);

  /// When the time ends in which take() refused. `now` when nothing is refused.
  [[nodiscard]] SteadyTime ends(const std::string& sender, SteadyTime now) const;

 private:
  struct Window {
    SteadyTime end;
    std::uint32_t taken = 0;
  };
  void forget_ended(SteadyTime now);

  std::optional<conf::Rate> rate_;
  std::map<std::string, Window, std::less<>> windows_;
  SteadyTime swept_{};
};

}  // namespace fulmar::delivery
