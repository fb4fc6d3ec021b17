#include "tls/policy_events.h"

#include <string>
#include <utility>

#include "base/log.h"

namespace fulmar::tls {
namespace {

std::string mode_of(const StsCacheEntry& entry) {
  return std::string(entry.policy ? to_string(entry.policy->mode) : "unknown");
}

bool enforces(const StsCacheEntry& entry) {
  return entry.policy && entry.policy->mode == StsMode::enforce;
}

}  // namespace

void report_fetched(const StsCacheEntry& before, const StsCacheEntry& after, Metrics& metrics,
                    Troubles& troubles) {
  if (enforces(before) && !enforces(after)) {
    metrics.protection_lost.add();
    troubles.note(TroubleKind::protection_lost, after.domain.str(),
                  "it no longer enforces its MTA-STS policy; now: " + mode_of(after), "mode");
    log_warn(
        "MTA-STS protection lost: the domain no longer enforces its policy",
        {{"domain", after.domain.str()}, {"before", mode_of(before)}, {"now", mode_of(after)}});
    return;
  }
  if (before.policy == after.policy) return;
  log_info(before.policy ? "MTA-STS policy changed" : "MTA-STS policy learned",
           {{"domain", after.domain.str()},
            {"before", mode_of(before)},
            {"now", mode_of(after)},
            {"id", after.policy_id},
            {"expires", to_iso8601(after.expires_at)}});
}

void report_fetch_failed(const StsCacheEntry& after, UtcTime now, Metrics& metrics) {
  metrics.policy_fetch_failures.add();
  const bool in_force = is_in_force(after, now);
  const bool harmless = in_force && after.policy->mode == StsMode::none;
  log(harmless ? LogLevel::info : LogLevel::warn, "MTA-STS policy fetch failed",
      {{"domain", after.domain.str()},
       {"reason", after.last_error},
       {"in_force", in_force ? mode_of(after) : "nothing"},
       {"expires", in_force ? to_iso8601(after.expires_at) : "-"},
       {"next_try", to_iso8601(after.retry_at)}});
}

void report_expired(const StsCacheEntry& entry, Metrics& metrics, Troubles& troubles) {
  if (!enforces(entry)) return;
  metrics.protection_lost.add();
  troubles.note(TroubleKind::protection_lost, entry.domain.str(),
                "its MTA-STS policy expired on " + to_iso8601(entry.expires_at) +
                    " and could not be renewed: " + entry.last_error,
                "expired");
  log_warn("MTA-STS protection lost: the policy expired and could not be renewed",
           {{"domain", entry.domain.str()},
            {"expired", to_iso8601(entry.expires_at)},
            {"reason", entry.last_error}});
}

Error report_thrown(std::exception_ptr thrown) {
  std::string text = "not a standard exception";
  try {
    std::rethrow_exception(std::move(thrown));
  } catch (const std::exception& exception) {
    text = exception.what();
  } catch (...) {  // `text` says it
  }
  log_error("MTA-STS task threw", {{"what", text}});
  return make_error(Errc::internal, "MTA-STS: " + text);
}

}  // namespace fulmar::tls
