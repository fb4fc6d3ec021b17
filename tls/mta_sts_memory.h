// What is remembered of all policy domains, within a budget of octets, and what is due among it.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "tls/mta_sts_cache.h"

namespace fulmar::tls {

/// An estimate of what `entry` takes in memory. Failures are counted in beforehand: they can always
/// be noted at a domain that is known.
[[nodiscard]] std::size_t octets_of(const StsCacheEntry& entry);

/// The entries by domain. Thread-safe; find_room() and what follows from it belong to one thread.
class StsMemory {
 public:
  explicit StsMemory(std::size_t budget) : budget_(budget) {}

  [[nodiscard]] std::optional<StsCacheEntry> find(const Domain& domain) const;
  [[nodiscard]] std::vector<StsCacheEntry> all() const;
  void put(StsCacheEntry entry);
  std::optional<StsCacheEntry> take(const Domain& domain);

  struct Room {
    std::vector<Domain> evict;  ///< To be taken out first.
    std::size_t growth = 0;     ///< To be pledged until put() has been called.
  };
  using IsBusy = std::function<bool(const Domain&)>;
  /// Room for `entry`, or nothing. Given up for it are, in this order and none above its own kind:
  /// expired policies, mere failures, policies that do not enforce. A policy that enforces is never
  /// given up, and nothing of a busy domain.
  [[nodiscard]] std::optional<Room> find_room(const StsCacheEntry& entry, UtcTime now,
                                              const IsBusy& is_busy) const;
  /// Octets promised to entries on their way to the disk.
  void pledge(std::size_t octets);
  void release(std::size_t octets);

  /// Policies in force whose refresh is due, the one that ends first in front.
  [[nodiscard]] std::deque<Domain> due(UtcTime now) const;
  /// At most `most` domains of which nothing is worth keeping.
  [[nodiscard]] std::vector<Domain> useless(UtcTime now, std::size_t most) const;
  /// Policies that came to their end in (since, now].
  [[nodiscard]] std::vector<StsCacheEntry> expired(UtcTime since, UtcTime now) const;
  /// When the next refresh or retry of a policy in force is due after `now`.
  [[nodiscard]] std::optional<UtcTime> next_due(UtcTime now) const;

 private:
  [[nodiscard]] std::size_t known_octets(const Domain& domain) const;  // under mutex_

  const std::size_t budget_;
  mutable std::mutex mutex_;
  std::map<Domain, StsCacheEntry> entries_;
  std::size_t used_ = 0;
  std::size_t pledged_ = 0;
};

}  // namespace fulmar::tls
