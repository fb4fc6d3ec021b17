// The operator's rules for destinations, ready for use: `[[destination]]` entries with the
// passwords of their relays.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "conf/destination.h"
#include "mta/smtp/client_session.h"
#include "queue/scheduler.h"

namespace fulmar::delivery {

struct DestinationRule {
  conf::Destination entry;
  std::optional<smtp::ClientOptions::Credentials> credentials;  ///< For entry.relay.
};

class DestinationRules {
 public:
  DestinationRules() = default;
  /// Reads the files that the entries name. Errc::io with file and reason when one cannot be read
  /// or does not hold one line "user:password".
  static Result<DestinationRules> load(const std::vector<conf::Destination>& entries);

  /// The first entry that matches and still applies; null when there is none. Owned by *this.
  [[nodiscard]] const DestinationRule* find(const MailHost& host,
                                            std::chrono::sys_days today) const;

 private:
  std::vector<DestinationRule> rules_;
};

/// Which deliveries share limits and turns with those to `destination`: all that go to one relay,
/// or to one domain. `entry` is the one that applies, or null.
[[nodiscard]] queue::LaneRule lane_of(const MailHost& destination, const conf::Destination* entry);

}  // namespace fulmar::delivery
