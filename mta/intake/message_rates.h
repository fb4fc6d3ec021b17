// How many messages a client or a user may begin in a time: "1000/h". RFC 5321 §7.8
//
// Each has a bucket that holds the full count and is refilled evenly: what was saved up may come at
// once, and over a longer time no more than the rate comes through. Waits are short that way: who
// has used up 1000/h may send another message after 3.6 s, not after an hour.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ip_address.h"
#include "conf/units.h"
#include "mta/intake/recent_map.h"

namespace fulmar::intake {

/// Thread-safe.
class MessageRates {
 public:
  /// Clients and users remembered at once. The one that sent the longest ago goes first; who is
  /// forgotten has a full bucket again.
  static constexpr std::size_t kMaxKeys = 100'000;

  /// `clock` must outlive it.
  explicit MessageRates(const Clock& clock) : clock_(clock) {}

  /// Empty: one message more is granted, and counted. Else nothing is, and so long it takes until
  /// one will be: a second at least. The rate may be another one each time. IPv6 clients are told
  /// apart by their /64.
  [[nodiscard]] std::optional<std::chrono::seconds> take_for_client(const IpAddress& client,
                                                                    const conf::Rate& rate);
  [[nodiscard]] std::optional<std::chrono::seconds> take_for_user(const std::string& user,
                                                                  const conf::Rate& rate);

 private:
  /// When the bucket has room for one message more; the further back, the fuller it is.
  using Bucket = SteadyTime;

  std::optional<std::chrono::seconds> take(const std::string& key, const conf::Rate& rate);

  const Clock& clock_;
  std::mutex mutex_;
  RecentMap<std::string, Bucket> buckets_{kMaxKeys};  // guarded by mutex_
};

}  // namespace fulmar::intake
