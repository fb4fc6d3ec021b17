#include "tls/mta_sts_cache.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace fulmar::tls {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kRefreshJitterPercent = 10;
constexpr std::size_t kMaxErrorText = 512;
constexpr std::string_view kCutMark = "\n[cut here]\n";
// Back-off doubles up to here, so that a policy host that comes back is found within the hour.
constexpr milliseconds kMaxBackoff = std::chrono::hours(1);
// The longest that may be configured, with its jitter.
constexpr milliseconds kLongestBackoff = std::chrono::hours(29);

/// The id a fetch stands for: the live one, or without any the one under which the policy is known.
const std::string& fetch_id(const StsCacheEntry& entry, const LiveId& live) {
  return live ? *live : entry.policy_id;
}

/// After a failed fetch, no other one for the same id for a while. RFC 8461 §3.3
bool is_backing_off(const StsCacheEntry& entry, const LiveId& live, UtcTime now) {
  // A time out of reach is left over from a clock that was wrong.
  return entry.failures > 0 && entry.failed_id == fetch_id(entry, live) && now < entry.retry_at &&
         entry.retry_at - now <= kLongestBackoff;
}

milliseconds backoff(std::uint32_t failures, const conf::MtaSts& config, Random& random) {
  milliseconds wait = config.failed_fetch_backoff;
  for (std::uint32_t i = 1; i < failures && wait < kMaxBackoff; ++i)
    wait *= 2;
  wait = std::min(wait, std::max(kMaxBackoff, config.failed_fetch_backoff));
  // Jitter goes upward only: the configured wait is a minimum (RFC 8461 §3.3).
  return wait + milliseconds(random.below(static_cast<std::uint64_t>(wait.count() / 5 + 1)));
}

/// Daily, or for a short-lived policy well before it ends. RFC 8461 §3.3, STS-27
milliseconds refresh_interval(const StsPolicy& policy, const conf::MtaSts& config, Random& random) {
  const milliseconds half_life = milliseconds(policy.max_age) / 2;
  return random.jitter(std::min(config.refresh_every, half_life), kRefreshJitterPercent);
}

}  // namespace

std::string shorten_policy_text(std::string text) {
  if (text.size() <= kMaxKeptText) {
    text.shrink_to_fit();
    return text;
  }
  std::size_t end = kMaxKeptText - kCutMark.size();
  // Not in the middle of a UTF-8 character.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return text.substr(0, end).append(kCutMark);
}

bool is_in_force(const StsCacheEntry& entry, UtcTime now) {
  return entry.policy.has_value() && now < entry.expires_at;
}

FetchNeed fetch_need(const StsCacheEntry& entry, const LiveId& live, UtcTime now) {
  if (is_backing_off(entry, live, now)) return FetchNeed::no;
  if (!is_in_force(entry, now)) return live ? FetchNeed::new_policy : FetchNeed::no;
  // RFC 8461 §3.1: ids are compared for equality only.
  if (live && *live != entry.policy_id) return FetchNeed::new_policy;
  return now < entry.refresh_at ? FetchNeed::no : FetchNeed::refresh;
}

bool may_force_fetch(const StsCacheEntry& entry, UtcTime now, milliseconds recheck_interval) {
  // A time in the future is left over from a clock that was wrong.
  return now < entry.forced_at || now - entry.forced_at >= recheck_interval;
}

StsCacheEntry after_success(StsCacheEntry entry, const LiveId& live, StsPolicy policy,
                            std::string text, UtcTime now, const conf::MtaSts& config,
                            Random& random) {
  entry.policy_id = fetch_id(entry, live);
  entry.policy_text = shorten_policy_text(std::move(text));
  entry.fetched_at = now;
  entry.expires_at = now + policy.max_age;  // RFC 8461 §3.2
  entry.refresh_at = now + refresh_interval(policy, config, random);
  policy.mx.shrink_to_fit();
  entry.policy = std::move(policy);
  entry.failed_id.clear();
  entry.failures = 0;
  entry.retry_at = {};
  entry.last_error.clear();
  return entry;
}

StsCacheEntry after_failure(StsCacheEntry entry, const LiveId& live, std::string error, UtcTime now,
                            const conf::MtaSts& config, Random& random) {
  const std::string id = fetch_id(entry, live);
  const bool same_id = entry.failures > 0 && entry.failed_id == id;
  entry.failures = same_id ? entry.failures + 1 : 1;
  entry.failed_id = id;
  entry.retry_at = now + backoff(entry.failures, config, random);
  entry.last_error = sanitize_line(error, kMaxErrorText);
  return entry;
}

}  // namespace fulmar::tls
