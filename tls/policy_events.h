// What the log and the metrics say when a domain's MTA-STS policy changes. STS-28
#pragma once

#include <exception>

#include "base/error.h"
#include "base/metrics.h"
#include "base/troubles.h"
#include "tls/mta_sts_cache.h"

namespace fulmar::tls {

/// After a successful fetch. A policy that was enforced and is no longer is a warning, and a
/// trouble.
void report_fetched(const StsCacheEntry& before, const StsCacheEntry& after, Metrics& metrics,
                    Troubles& troubles);

/// After a failed fetch; no alarm when the policy known is `none`. RFC 8461 §8.3
void report_fetch_failed(const StsCacheEntry& after, UtcTime now, Metrics& metrics);

/// A policy came to its end without a newer one; the same.
void report_expired(const StsCacheEntry& entry, Metrics& metrics, Troubles& troubles);

/// An exception ended a fetch, a removal or a refresh: Errc::internal for those who wait.
[[nodiscard]] Error report_thrown(std::exception_ptr thrown);

}  // namespace fulmar::tls
