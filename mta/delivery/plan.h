// Which hosts may get a message, in which order, and what security each is owed.
//
// A Route is what is known of a destination before any host is looked at: the MX hosts in order and
// the MTA-STS policy. A HostPlan is one host looked at: addresses, TLSA, decision. Delivery makes
// host plans one by one as it walks the route; `fulmar explain` makes them all. Both run this code
// and no other.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/domain.h"
#include "base/random.h"
#include "base/result.h"
#include "conf/config.h"
#include "resolver/host_lookup.h"
#include "resolver/mx_hosts.h"
#include "resolver/resolver.h"
#include "tls/mta_sts.h"
#include "tls/tls_policy.h"

namespace fulmar::delivery {

inline constexpr std::uint16_t kSmtpPort = 25;

struct Route {
  MailHost destination;
  /// No host can be tried: null_mx, domain_not_found, mail_loop, or a dns_* class for a failed MX
  /// lookup.
  std::optional<Error> failure;
  tls::NextHopKind kind = tls::NextHopKind::mx;
  resolver::MxHosts mx;  ///< Empty for an address literal, or after a failure.
  tls::StsLookup sts;    ///< Nothing for an address literal.
};

struct HostPlan {
  Domain host;  ///< The root for an address literal.
  std::uint16_t preference = 0;
  std::uint16_t port = kSmtpPort;
  std::vector<IpAddress> addresses;  ///< To dial, in order, past the address guard.
  resolver::HostLookup lookup;
  resolver::TlsaLookup tlsa;
  tls::TlsDecision decision;
  /// The host must not be tried: its lookup failed, it has no address that may be dialled, or the
  /// decision skips it.
  std::optional<Error> failure;
};

/// Everything planning depends on. All references must outlive the planner.
struct PlannerParts {
  resolver::Resolver& resolver;
  tls::MtaSts& mta_sts;
  Random& random;
};

struct PlannerSettings {
  Domain own_name;
  bool dane_enabled = true;
  std::vector<Network> allow_networks;  ///< Exceptions to the address guard.
};

class Planner {
 public:
  Planner(PlannerParts parts, PlannerSettings settings);

  /// Never fails as a whole: failures are in the result. No MTA-STS lookup for a domain that takes
  /// no mail (pitfall 51).
  boost::asio::awaitable<Route> find_route(MailHost destination);

  /// The route with the policy looked up afresh, ignoring the cache's age (once per
  /// recheck_interval): what must happen before an enforcement failure counts. RFC 8461 §5
  boost::asio::awaitable<Route> recheck_policy(Route route);

  /// `position` counts the route's hosts; for an address literal there is one. REQUIRES: position <
  /// host_count(route).
  boost::asio::awaitable<HostPlan> plan_host(Route route, std::size_t position);

 private:
  boost::asio::awaitable<Route> find_domain_route(Domain domain);
  [[nodiscard]] std::vector<IpAddress> dialable(const std::vector<IpAddress>& addresses) const;
  [[nodiscard]] HostPlan plan_literal(const IpAddress& address) const;
  [[nodiscard]] tls::TlsDecision decide(const Route& route, const HostPlan& plan) const;

  PlannerParts parts_;
  PlannerSettings settings_;
};

[[nodiscard]] std::size_t host_count(const Route& route);

/// The domain whose policies apply: that of the destination. REQUIRES: not an address literal.
[[nodiscard]] const Domain& policy_domain(const Route& route);

}  // namespace fulmar::delivery
