// How many sessions there are, in all and from each address. RFC 5321 §7.8; pitfall 89
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "base/ip_address.h"

namespace fulmar::intake {

/// Thread-safe.
class ClientCounts {
 public:
  ClientCounts(std::size_t total, std::size_t per_client)
      : limit_(total), limit_per_client_(per_client) {}

  enum class Verdict : std::uint8_t { counted, too_many, too_many_from_client };
  /// Only `counted` needs a leave() later.
  [[nodiscard]] Verdict enter(const IpAddress& client);
  void leave(const IpAddress& client);

 private:
  const std::size_t limit_;
  const std::size_t limit_per_client_;
  std::mutex mutex_;
  std::size_t total_ = 0;                       // guarded by mutex_
  std::map<IpAddress, std::size_t> by_client_;  // guarded by mutex_; those with sessions only
};

}  // namespace fulmar::intake
