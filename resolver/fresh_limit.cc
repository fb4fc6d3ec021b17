#include "resolver/fresh_limit.h"

namespace fulmar::resolver {

bool FreshLimit::take(const Domain& name, SteadyTime now) {
  while (!order_.empty() && now - order_.front().first >= kEach) {
    names_.erase(order_.front().second);
    order_.pop_front();
  }
  if (names_.size() >= kMaxNames || !names_.insert(name).second) return false;
  order_.emplace_back(now, name);
  return true;
}

}  // namespace fulmar::resolver
