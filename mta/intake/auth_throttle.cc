#include "mta/intake/auth_throttle.h"

#include <algorithm>

#include "mta/intake/client_network.h"

namespace fulmar::intake {
namespace {

/// After so many failures more than a run may have. Past the limit the doubling ends, lest it
/// overflow.
SteadyTime::duration wait_after(unsigned more) {
  if (more >= 10) return AuthThrottle::kLongestWait;
  return std::min<SteadyTime::duration>(AuthThrottle::kFirstWait * (1U << more),
                                        AuthThrottle::kLongestWait);
}

}  // namespace

bool AuthThrottle::must_wait(const IpAddress& client, const std::string& user, SteadyTime now) {
  const IpAddress network = client_network(client);
  const Run* all = runs_.find(network);
  const Run* own = runs_by_name_.find({network, user});
  return (all != nullptr && now < all->until) || (own != nullptr && now < own->until);
}

void AuthThrottle::note_failure(const IpAddress& client, const std::string& user, SteadyTime now) {
  const IpAddress network = client_network(client);
  lengthen(runs_.renew(network), kFailuresInAll, now);
  lengthen(runs_by_name_.renew({network, user}), kFailures, now);
}

/// Two guesses that were under way together both end in a failure; the wait grows for both.
void AuthThrottle::lengthen(Run& run, unsigned allowed, SteadyTime now) {
  if (run.failures > 0 && now - run.until >= kRunEnds) run = {};
  ++run.failures;
  const SteadyTime::duration wait =
      run.failures < allowed ? SteadyTime::duration::zero() : wait_after(run.failures - allowed);
  run.until = std::max(run.until, now + wait);
}

void AuthThrottle::note_success(const IpAddress& client, const std::string& user) {
  runs_by_name_.erase({client_network(client), user});
}

}  // namespace fulmar::intake
