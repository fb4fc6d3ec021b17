// Destinations that an operator has suspended: no attempt is made to them until the time given.
// They are in the spool, so that a restart changes nothing, and in memory, where the courier asks.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "conf/destination.h"
#include "queue/store.h"

namespace fulmar::delivery {

struct Suspension {
  conf::DomainPattern domain;  ///< Of next hops, as the key of a [[destination]].
  UtcTime since{};
  UtcTime until{};     ///< From then on it is over.
  std::string reason;  ///< For operators; senders are not told it.
  friend bool operator==(const Suspension&, const Suspension&) = default;
};

/// The end of the suspension, and up to a tenth of its length later, so that what waited for it
/// does not come all at once (pitfall 84).
[[nodiscard]] UtcTime time_to_resume(const Suspension& suspension, Random& random);

/// The record in the spool; docs/queue-format.md. Errc::corrupt, newer_version. The domain is the
/// record's key and not part of it.
[[nodiscard]] std::string encode(const Suspension& suspension);
[[nodiscard]] Result<Suspension> decode_suspension(std::string_view domain, std::string_view bytes);

/// Thread-safe. `store` must outlive it.
class Suspensions {
 public:
  static constexpr std::size_t kMost = 1000;

  explicit Suspensions(queue::Store& store) : store_(store) {}

  /// Once, before anything is delivered. What does not decode is logged and left where it is.
  /// Errors of the store.
  boost::asio::awaitable<Result<>> load();

  /// In place of what was said of the same domain. Holds once it is in the spool. Errc::limit when
  /// there are too many; errors of the store.
  boost::asio::awaitable<Result<>> suspend(Suspension suspension);

  /// Errc::not_found when exactly this domain is not suspended at `now`; errors of the store.
  boost::asio::awaitable<Result<>> resume(conf::DomainPattern domain, UtcTime now);

  /// What keeps mail from `host` at `now`; of several the one that ends last.
  [[nodiscard]] std::optional<Suspension> find(const MailHost& host, UtcTime now) const;

  /// Those not over at `now`, by domain.
  [[nodiscard]] std::vector<Suspension> list(UtcTime now) const;

 private:
  void forget(const conf::DomainPattern& domain);
  [[nodiscard]] queue::Batch removal_of_ended(UtcTime now) const;

  queue::Store& store_;
  mutable std::mutex mutex_;
  std::vector<Suspension> all_;  // one a domain; those that are over, until the next change
};

}  // namespace fulmar::delivery
