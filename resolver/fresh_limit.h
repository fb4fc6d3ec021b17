// How often a name may be looked up past the cache: once a minute. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <unordered_set>
#include <utility>

#include "base/clock.h"
#include "base/domain.h"

namespace fulmar::resolver {

class FreshLimit {
 public:
  static constexpr std::chrono::minutes kEach{1};
  /// Names remembered at once.
  static constexpr std::size_t kMaxNames = 4096;

  /// Whether `name` may be asked for now, which then counts as done. No while so many others were
  /// asked for within the minute that the name could not be remembered. REQUIRES: `now` does not go
  /// back.
  [[nodiscard]] bool take(const Domain& name, SteadyTime now);

 private:
  std::deque<std::pair<SteadyTime, Domain>> order_;  // oldest first
  std::unordered_set<Domain> names_;                 // those in order_
};

}  // namespace fulmar::resolver
