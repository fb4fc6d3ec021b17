#include "mta/intake/client_counts.h"

#include "base/check.h"

namespace fulmar::intake {

ClientCounts::Verdict ClientCounts::enter(const IpAddress& client) {
  const std::lock_guard lock(mutex_);
  if (total_ >= limit_) return Verdict::too_many;
  const auto found = by_client_.find(client);
  if (found != by_client_.end() && found->second >= limit_per_client_) {
    return Verdict::too_many_from_client;
  }
  ++total_;
  ++by_client_[client];
  return Verdict::counted;
}

void ClientCounts::leave(const IpAddress& client) {
  const std::lock_guard lock(mutex_);
  const auto found = by_client_.find(client);
  FULMAR_CHECK(total_ > 0 && found != by_client_.end());
  --total_;
  if (--found->second == 0) by_client_.erase(found);
}

}  // namespace fulmar::intake
