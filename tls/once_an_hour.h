// Warnings about a domain, at most one an hour, however much mail it gets.
#pragma once

#include <chrono>
#include <cstddef>
#include <unordered_map>

#include "base/clock.h"
#include "base/domain.h"

namespace fulmar::tls {

class OnceAnHour {
 public:
  /// Domains that are remembered; when there are more, all are forgotten, and may be warned of
  /// again.
  static constexpr std::size_t kMaxDomains = 10'000;

  /// True when the last time it was true for `domain` is an hour ago, or never was.
  bool is_due(const Domain& domain, SteadyTime now) {
    const auto found = last_.find(domain);
    if (found != last_.end() && now - found->second < std::chrono::hours(1)) return false;
    if (last_.size() >= kMaxDomains) last_.clear();
    last_.insert_or_assign(domain, now);
    return true;
  }

 private:
  std::unordered_map<Domain, SteadyTime> last_;
};

}  // namespace fulmar::tls
