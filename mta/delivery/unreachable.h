// Addresses that could not be reached a moment ago. A queue for a host that is down would otherwise
// spend a connect timeout on every message; so for a while nobody but the first one tries. What a
// message loses by it is one look at a host that was down, never a host: it comes back by its own
// schedule.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/ip_address.h"

namespace fulmar::delivery {

/// May be used from any thread.
class UnreachableAddresses {
 public:
  /// `pause`: how long an address is left alone; half the first retry interval, so that a message
  /// never meets the pause that it caused itself. `clock` must outlive it.
  UnreachableAddresses(std::chrono::milliseconds pause, const Clock& clock)
      : pause_(pause), clock_(clock) {}

  struct Trouble {
    std::chrono::seconds ago{0};
    std::string what;  ///< The failure in the words of who met it.
  };
  /// Set while the address is to be left alone by an attempt that began at `began`. One that met
  /// the trouble itself is not meant: two names may have one address.
  [[nodiscard]] std::optional<Trouble> trouble_with(const Endpoint& endpoint,
                                                    SteadyTime began) const;

  void note_failure(const Endpoint& endpoint, std::string what);
  void note_answer(const Endpoint& endpoint);

  /// For an operator who knows better.
  void forget_all();

  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    SteadyTime since;
    std::string what;
  };
  struct Hash {
    std::size_t operator()(const Endpoint& endpoint) const noexcept;
  };

  void drop_old(SteadyTime now);

  const std::chrono::milliseconds pause_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<Endpoint, Entry, Hash> entries_;
};

}  // namespace fulmar::delivery
