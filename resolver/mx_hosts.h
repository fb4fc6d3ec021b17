// From an MX answer to the hosts to try, in order. Pure but for the shuffle.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/random.h"
#include "base/result.h"
#include "resolver/answer.h"

namespace fulmar::resolver {

/// The most MX hosts considered for one domain (pitfall 50).
inline constexpr std::size_t kMaxMxHosts = 100;

struct MxHost {
  Domain name;
  std::uint16_t preference = 0;
  friend bool operator==(const MxHost&, const MxHost&) = default;
};

struct MxHosts {
  std::vector<MxHost> hosts;               ///< By preference, equal ones shuffled. Never empty.
  bool implicit = false;                   ///< No MX record: the domain itself. RFC 5321 §5.1
  Security security = Security::insecure;  ///< Of the MX answer, or of the denial of one.
  Domain expanded;  ///< The domain at the end of its CNAME chain; itself without alias.
};

/// Errors: domain_not_found (NXDOMAIN), null_mx (one record, target root; RFC 7505 §3). Root
/// targets beside real ones are ignored (NMX-04).
[[nodiscard]] Result<MxHosts> order_mx_hosts(const Domain& domain, const Answer<MxRecord>& answer,
                                             Random& random);

/// Drops every host at or behind the preference at which we stand ourselves (RFC 5321 §5.1).
/// Errc::mail_loop when nothing is left.
[[nodiscard]] Result<MxHosts> drop_own_and_worse(MxHosts hosts, const Domain& own_name);

}  // namespace fulmar::resolver
