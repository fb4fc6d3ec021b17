// How long a client that guesses passwords has to wait for its next guess. Pure, and not
// thread-safe.
//
// A client is held back for the name it guesses at, and, after many more failures, for all names.
// So a device with a wrong password behind the same address as others keeps out nobody but itself,
// and whoever has one good password cannot wash away guesses at others' with it.
//
// Names are never held back for all clients: that would let anybody who knows a name keep its owner
// out, and an outbound relay that refuses its own applications is the outage that the guesser
// wants. What guesses by PLAIN and LOGIN from many addresses can do is bounded all the same, by the
// few threads that check passwords and by what each check costs (authenticator.h). By SCRAM a guess
// costs the guesser its iterations, once for each password and name, and us next to nothing: only
// good passwords help against many addresses (docs/intake.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/ip_address.h"
#include "mta/intake/recent_map.h"

namespace fulmar::intake {

class AuthThrottle {
 public:
  /// A run of so many failures with one name makes a client wait; each further one doubles the
  /// wait.
  static constexpr unsigned kFailures = 5;
  /// The same for failures with any names.
  static constexpr unsigned kFailuresInAll = 50;
  static constexpr std::chrono::seconds kFirstWait{1};
  static constexpr std::chrono::minutes kLongestWait{15};
  /// A run ends when it was quiet for so long after its last failure, or after the wait for that;
  /// one with a single name also with a success.
  static constexpr std::chrono::minutes kRunEnds{10};
  /// Clients remembered at once, and clients with names; whose last failure is oldest goes first.
  static constexpr std::size_t kMaxClients = 100'000;
  static constexpr std::size_t kMaxNames = 20'000;

  /// Whether guesses of `client` at `user` are to be turned away at `now`, unseen. They do not
  /// count as failures. IPv6 clients are told apart by their /64.
  [[nodiscard]] bool must_wait(const IpAddress& client, const std::string& user, SteadyTime now);

  void note_failure(const IpAddress& client, const std::string& user, SteadyTime now);
  void note_success(const IpAddress& client, const std::string& user);

 private:
  struct Run {
    unsigned failures = 0;
    SteadyTime until{};  ///< Of the wait; of the last failure when there is none.
  };
  static void lengthen(Run& run, unsigned allowed, SteadyTime now);

  RecentMap<IpAddress, Run> runs_{kMaxClients};
  RecentMap<std::pair<IpAddress, std::string>, Run> runs_by_name_{kMaxNames};
};

}  // namespace fulmar::intake
