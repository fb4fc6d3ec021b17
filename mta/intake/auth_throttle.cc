#include "mta/intake/auth_throttle.h"

#include <algorithm>

#include "mta/intake/client_network.h"

namespace fulmar::intake {
namespace {

/// After so many failures in a row. Past the limit the doubling ends, lest it overflow.
SteadyTime::duration wait_after(unsigned failures) {
  if (failures < AuthThrottle::kFailures) return SteadyTime::duration::zero();
  const unsigned doublings = failures - AuthThrottle::kFailures;
  if (doublings >= 10) return AuthThrottle::kLongestWait;
  return std::min<SteadyTime::duration>(AuthThrottle::kFirstWait * (1U << doublings),
                                        AuthThrottle::kLongestWait);
}

}  // namespace

bool AuthThrottle::must_wait(const IpAddress& client, SteadyTime now) {
  const Run* run = runs_.find(client_network(client));
  return run != nullptr && now < run->until;
}

void AuthThrottle::note_failure(const IpAddress& client, SteadyTime now) {
  Run& run = runs_.renew(client_network(client));
  if (run.failures > 0 && now - run.until >= kRunEnds) run = {};
  // Two guesses that were under way together both end in a failure; the wait grows for both.
  ++run.failures;
  run.until = std::max(run.until, now + wait_after(run.failures));
}

void AuthThrottle::note_success(const IpAddress& client) {
  runs_.erase(client_network(client));
}

}  // namespace fulmar::intake
