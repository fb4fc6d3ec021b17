#include "mta/delivery/notice_quota.h"

#include <chrono>

namespace fulmar::delivery {

bool NoticeQuota::take(const std::string& sender, SteadyTime now) {
  if (!rate_) return true;
  forget_ended(now);
  auto found = windows_.find(sender);
  if (found == windows_.end()) {
    if (windows_.size() >= kMaxSenders) return true;
    found = windows_.emplace(sender, Window{.end = now + rate_->per}).first;
  }
  Window& window = found->second;
  if (now >= window.end) window = {.end = now + rate_->per};
  if (window.taken >= rate_->count) return false;
  ++window.taken;
  return true;
}

SteadyTime NoticeQuota::ends(const std::string& sender, SteadyTime now) const {
  const auto found = windows_.find(sender);
  return found == windows_.end() ? now : found->second.end;
}

/// All at once, now and then.
void NoticeQuota::forget_ended(SteadyTime now) {
  constexpr std::chrono::minutes kSweep{1};
  if (now < swept_ + kSweep) return;
  swept_ = now;
  std::erase_if(windows_, [&](const auto& entry) { return entry.second.end <= now; });
}

}  // namespace fulmar::delivery
