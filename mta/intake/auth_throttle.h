// How long a client that guesses passwords has to wait for its next guess. Pure, and not
// thread-safe.
//
// Addresses are held back, names are not: a bound on the guesses against one user over all
// addresses would let anybody who knows the name keep its owner out, and an outbound relay that
// refuses its own applications is the outage that the guesser wants. What guesses from many
// addresses can do is bounded all the same, by the few threads that check passwords and by what
// each check costs (authenticator.h).
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"
#include "base/ip_address.h"
#include "mta/intake/recent_map.h"

namespace fulmar::intake {

class AuthThrottle {
 public:
  /// A run of so many failures makes a client wait; each further one doubles the wait.
  static constexpr unsigned kFailures = 5;
  static constexpr std::chrono::seconds kFirstWait{1};
  static constexpr std::chrono::minutes kLongestWait{15};
  /// A run ends with a success, and when its client has been quiet for so long after its last
  /// failure, or after the wait for that.
  static constexpr std::chrono::minutes kRunEnds{10};
  /// Clients remembered at once; the one whose last failure is oldest goes first.
  static constexpr std::size_t kMaxClients = 100'000;

  /// Whether guesses of `client` are to be turned away at `now`, unseen. They do not count as
  /// failures. IPv6 clients are told apart by their /64.
  [[nodiscard]] bool must_wait(const IpAddress& client, SteadyTime now);

  void note_failure(const IpAddress& client, SteadyTime now);
  void note_success(const IpAddress& client);

 private:
  struct Run {
    unsigned failures = 0;
    SteadyTime until{};  ///< Of the wait; of the last failure when there is none.
  };

  RecentMap<IpAddress, Run> runs_{kMaxClients};
};

}  // namespace fulmar::intake
