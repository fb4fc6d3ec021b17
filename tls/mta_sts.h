// The MTA-STS service: which policy is in force for a domain? TXT lookup, HTTPS fetch and cache in
// one place.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "base/troubles.h"
#include "conf/config.h"
#include "resolver/resolver.h"
#include "tls/mta_sts_cache.h"

namespace fulmar::tls {

/// Gets the policy file. The real one is make_https_policy_fetcher().
class PolicyFetcher {
 public:
  virtual ~PolicyFetcher() = default;
  /// The body at https://mta-sts.<domain>/.well-known/mta-sts.txt. One line of reason in the
  /// error's detail; the class is sts_certificate for a certificate that does not verify,
  /// address_refused for the guard, timeout, syntax for a wrong media type or encoding, limit for a
  /// body over 64 KB, io for the rest (network, HTTP status).
  virtual boost::asio::awaitable<Result<std::string>> fetch(Domain domain) = 0;
};

/// Keeps entries over a restart. Writes are awaited before the entry is used, so that a restart
/// never forgets a policy that was already acted on. May be called from any thread.
class PolicyStore {
 public:
  virtual ~PolicyStore() = default;
  virtual boost::asio::awaitable<Result<>> save(StsCacheEntry entry) = 0;
  virtual boost::asio::awaitable<Result<>> remove(Domain domain) = 0;
};

/// What delivery and explain need to know.
struct StsLookup {
  std::optional<StsPolicy>
      policy;  ///< In force; empty when none is. `testing` and `none` are policies too.
  enum class Source : std::uint8_t { none, fetched, cached } source = Source::none;
  StsCacheEntry entry;  ///< Everything remembered, for explain, notices and reports.
  LiveId live_id;
  /// Discovery or fetch failed, now or so lately that nothing is tried again yet (never lowers
  /// `policy`).
  std::optional<Error> trouble;
  bool fetch_tried = false;  ///< A fetch ended, well or not, while this lookup waited for it.
};

class MtaSts {
 public:
  virtual ~MtaSts() = default;

  /// The policy in force for `domain`. The TXT record is asked for each time (the resolver caches
  /// it); a fetch that is due is awaited before this returns, at most fetch_timeout. Lookups and
  /// fetches are one at a time per domain however many callers wait (STS-42). Cannot fail: trouble
  /// leaves what was known. A fetched policy may not be remembered (max_age 0, or no room): it
  /// holds for this caller, for as long as the caller's attempt lasts. From any thread.
  virtual boost::asio::awaitable<StsLookup> lookup(Domain domain) = 0;

  /// After an enforcement failure: fetches afresh, whatever the id, unless the domain was rechecked
  /// within recheck_interval, in which case it is lookup(). RFC 8461 §5, pitfall 19
  /// An empty or not-fetched result never replaces a policy the caller already holds: that one may
  /// be in use without being remembered (max_age 0, or no room).
  virtual boost::asio::awaitable<StsLookup> recheck(Domain domain) = 0;

  /// For an operator: fetches now, ignoring back-off and limits.
  virtual boost::asio::awaitable<StsLookup> refresh(Domain domain) = 0;

  /// Forgets everything about `domain`, after a fetch on its way has ended; Errc::not_found when
  /// nothing is known. When the store refuses, nothing is forgotten.
  virtual boost::asio::awaitable<Result<>> forget(Domain domain) = 0;

  [[nodiscard]] virtual std::vector<StsCacheEntry> list() const = 0;
  [[nodiscard]] virtual std::optional<StsCacheEntry> find(const Domain& domain) const = 0;

  /// Fetches policies in force whose refresh is due, a few at once; runs until stop(). STS-27
  virtual boost::asio::awaitable<void> run_refresher() = 0;
  /// Ends run_refresher() and makes lookups answer from the cache alone.
  virtual void stop() = 0;
};

struct MtaStsParts {
  resolver::Resolver& resolver;  // all must outlive the service
  PolicyFetcher& fetcher;
  PolicyStore& store;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  Troubles& troubles;
  /// Bounds the memory that hostile domains can take, by estimate.
  std::size_t memory_octets = 64UL * 1024 * 1024;
};

/// `known` is what the spool held at start. `executor`: one thread's, on which the service keeps
/// its state; the service must live until that executor no longer runs, as fetches and stop() leave
/// work there.
[[nodiscard]] std::unique_ptr<MtaSts> make_mta_sts(MtaStsParts parts, const conf::MtaSts& config,
                                                   boost::asio::any_io_executor executor,
                                                   std::vector<StsCacheEntry> known);

}  // namespace fulmar::tls
