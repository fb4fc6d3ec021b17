#include "mta/delivery/verdict.h"

#include <algorithm>

#include "base/check.h"

namespace fulmar::delivery {
namespace {

/// Waiting cannot mend it, whatever host is asked, or is not wanted.
bool is_final(const Error& error, const conf::Failure& rules) {
  if (conf::rule_for(rules, error.code).action == conf::FailureAction::bounce) return true;
  switch (error.code) {
    case Errc::no_addresses:
    case Errc::address_refused:
    case Errc::message_too_big:
    case Errc::eight_bit_unsupported:
    case Errc::smtputf8_unsupported:
      return true;
    default:
      return error.retry == Retry::never;
  }
}

/// Smaller is more telling.
int rank(const Error& error) {
  if (is_security_failure(error.code)) return 0;
  switch (error.code) {
    case Errc::message_too_big:
    case Errc::eight_bit_unsupported:
    case Errc::smtputf8_unsupported:
      return 1;
    case Errc::remote_permanent:
    case Errc::remote_temporary:
    case Errc::remote_protocol:
    case Errc::relay_auth:
    case Errc::relay_unusable:
    case Errc::tls_handshake:
      return 2;
    case Errc::connection_lost:
    case Errc::timeout:
      return 3;
    case Errc::connect_failed:
      return 4;
    case Errc::address_refused:
      return 6;
    case Errc::no_addresses:
      return 7;
    default:
      return 5;
  }
}

}  // namespace

std::string failure_label(const HostFailure& failure) {
  if (!is_security_failure(failure.error.code)) return failure.tls;
  return "none:failed=" + std::string(to_string(failure.error.code));
}

HostFailure most_telling(const std::vector<HostFailure>& failures, const conf::Failure& rules,
                         HostsTried hosts) {
  FULMAR_CHECK(!failures.empty());
  const bool all_final = std::ranges::all_of(
      failures, [&](const HostFailure& failure) { return is_final(failure.error, rules); });
  const bool hopeless = all_final && hosts == HostsTried::all;
  const auto* best = &failures.front();
  for (const HostFailure& candidate : failures) {
    // While one host may still help, the hosts that cannot are not the reason for waiting.
    const bool counts = all_final || !is_final(candidate.error, rules);
    const bool best_counts = all_final || !is_final(best->error, rules);
    if (counts && (!best_counts || rank(candidate.error) < rank(best->error))) best = &candidate;
  }
  HostFailure chosen = *best;
  chosen.error.retry = hopeless ? Retry::never : Retry::later;
  chosen.error.status.klass = hopeless ? 5 : 4;
  return chosen;
}

}  // namespace fulmar::delivery
