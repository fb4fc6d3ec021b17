// Is the cached MTA-STS policy still good, and must something be fetched? Pure decisions over one
// entry and now.
//
// Security rests on three rules: only a successful HTTPS fetch extends a policy's life (STS-24);
// nothing but expiry or a newly fetched policy ends it (STS-09, STS-26); failed fetches are
// remembered, also over a restart (STS-18).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/random.h"
#include "base/result.h"
#include "conf/config.h"
#include "tls/mta_sts_policy.h"

namespace fulmar::tls {

/// All that is remembered about one policy domain; stored in the spool.
struct StsCacheEntry {
  Domain domain;
  // The last policy that was fetched, if any.
  std::optional<StsPolicy> policy;
  std::string policy_id;    ///< TXT id under which it was fetched.
  std::string policy_text;  ///< As served, for explain and reports; its beginning when it is long.
  UtcTime fetched_at{};
  UtcTime expires_at{};  ///< fetched_at + max_age.
  UtcTime refresh_at{};  ///< Fetch again after this, whatever the id says.
  // The last fetch that failed since the last success.
  std::string failed_id;  ///< TXT id it was for.
  std::uint32_t failures = 0;
  UtcTime retry_at{};  ///< Not before this for `failed_id`.
  std::string last_error;
  UtcTime forced_at{};  ///< Last refetch forced by an enforcement failure.

  friend bool operator==(const StsCacheEntry&, const StsCacheEntry&) = default;
};

/// Longest policy text that is remembered.
inline constexpr std::size_t kMaxKeptText = 4 * 1024;
/// At most kMaxKeptText octets; a text that was cut says so at its end.
[[nodiscard]] std::string shorten_policy_text(std::string text);

/// Known, and not past its life.
[[nodiscard]] bool is_in_force(const StsCacheEntry& entry, UtcTime now);

/// What the TXT lookup said: an id, or nothing that counts (absent, malformed, or the lookup
/// failed).
using LiveId = std::optional<std::string>;

enum class FetchNeed : std::uint8_t { no, new_policy, refresh };
/// Whether to fetch now: never known and an id is live, the id changed, or refresh is due; but not
/// while backing off. A refresh of a policy in force is due whether or not the TXT record is still
/// there. RFC 8461 §3.3, §10.2
[[nodiscard]] FetchNeed fetch_need(const StsCacheEntry& entry, const LiveId& live, UtcTime now);

/// Whether an enforcement failure may force a fetch now: one per recheck_interval and domain.
[[nodiscard]] bool may_force_fetch(const StsCacheEntry& entry, UtcTime now,
                                   std::chrono::milliseconds recheck_interval);

/// The entry after a fetch that succeeded or failed. `random` jitters refresh and back-off.
[[nodiscard]] StsCacheEntry after_success(StsCacheEntry entry, const LiveId& live, StsPolicy policy,
                                          std::string text, UtcTime now, const conf::MtaSts& config,
                                          Random& random);
[[nodiscard]] StsCacheEntry after_failure(StsCacheEntry entry, const LiveId& live,
                                          std::string error, UtcTime now,
                                          const conf::MtaSts& config, Random& random);

/// Versioned encoding for the spool; decode gives Errc::corrupt or Errc::newer_version. Fuzzed.
[[nodiscard]] std::string encode(const StsCacheEntry& entry);
[[nodiscard]] Result<StsCacheEntry> decode_sts_cache_entry(std::string_view bytes);

}  // namespace fulmar::tls
