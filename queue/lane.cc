#include "queue/lane.h"

#include <algorithm>

namespace fulmar::queue {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds kMadeUpFor = 100ms;

}  // namespace

LaneWidth::LaneWidth(std::size_t limit, std::size_t first)
    : limit_(std::max<std::size_t>(limit, 1)), width_(std::clamp<std::size_t>(first, 1, limit_)) {}

void LaneWidth::learn(Ending ending) {
  if (ending == Ending::answered) width_ = std::min(width_ + 1, limit_);
  if (ending == Ending::unreachable) width_ = std::max<std::size_t>(width_ / 2, 1);
}

bool LanePace::allows(UtcTime now) const {
  return !is_limited() || next_ <= now;
}

UtcTime LanePace::next() const {
  return std::chrono::ceil<std::chrono::milliseconds>(next_);
}

void LanePace::note_start(UtcTime now) {
  if (!is_limited()) return;
  next_ = std::max(next_, Precise(now) - kMadeUpFor) + interval_;
}

}  // namespace fulmar::queue
