// Which hosts may get a message, in which order, and what security each is owed.
//
// A Route is what is known of a destination before any host is looked at: the operator's rule, the
// MX hosts in order and the MTA-STS policy. A HostPlan is one host looked at: addresses, TLSA,
// decision. Delivery makes host plans one by one as it walks the route; `fulmar explain` makes them
// all. Both run this code and no other.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "base/troubles.h"
#include "conf/config.h"
#include "mta/delivery/dane_memory.h"
#include "mta/delivery/destination_rules.h"
#include "resolver/host_lookup.h"
#include "resolver/mx_hosts.h"
#include "resolver/resolver.h"
#include "tls/mta_sts.h"
#include "tls/tls_policy.h"

namespace fulmar::delivery {

inline constexpr std::uint16_t kSmtpPort = 25;

struct Route {
  MailHost destination;
  /// Whose hosts get the message: the destination, or the relay that a rule puts in its place.
  MailHost next_hop;
  /// The operator's rule, owned by the planner; null without one.
  const DestinationRule* rule = nullptr;
  tls::Demand demand = tls::Demand::nothing;  ///< What the message asks for.
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
  /// TLS begins with the first octet. RFC 8314 §3.3
  bool implicit_tls = false;
  /// For AUTH, from the rule; the host gets them under the protection that `decision` demands.
  std::optional<smtp::ClientOptions::Credentials> credentials;
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
  const Clock& clock;
  Metrics& metrics;
  Troubles& troubles;
};

struct PlannerSettings {
  Domain own_name;
  conf::Dane dane;
  std::vector<Network> allow_networks;  ///< Exceptions to the address guard.
  DestinationRules rules;
};

class Planner {
 public:
  Planner(PlannerParts parts, PlannerSettings settings);

  /// Never fails as a whole: failures are in the result. No MTA-STS lookup for a domain that takes
  /// no mail (pitfall 51).
  boost::asio::awaitable<Route> find_route(MailHost destination,
                                           tls::Demand demand = tls::Demand::nothing);

  /// The route with the policy looked up afresh, ignoring the cache's age (once per
  /// recheck_interval): what must happen before an enforcement failure counts. RFC 8461 §5
  boost::asio::awaitable<Route> recheck_policy(Route route);

  /// `route` must outlive the planning. `position` counts its hosts; for an address literal there
  /// is one. REQUIRES: position < host_count(route). `source`: fresh looks TLSA up past the cache,
  /// which must happen before a mismatch counts. When that is not due yet, the lookup has failed
  /// with Errc::limit, and the caller keeps what it had.
  boost::asio::awaitable<HostPlan> plan_host(
      const Route& route, std::size_t position,
      resolver::TlsaSettings::Source source = resolver::TlsaSettings::Source::cache);

 private:
  boost::asio::awaitable<Route> find_mx(Route route);
  [[nodiscard]] Route take_relay(Route route) const;
  [[nodiscard]] bool wants_dane(const Route& route) const;
  [[nodiscard]] std::vector<IpAddress> dialable(const Route& route,
                                                const std::vector<IpAddress>& addresses) const;
  [[nodiscard]] HostPlan plan_literal(const Route& route) const;
  [[nodiscard]] tls::TlsDecision decide(const Route& route, const HostPlan& plan) const;

  PlannerParts parts_;
  PlannerSettings settings_;
  DaneMemory dane_memory_;
};

[[nodiscard]] std::size_t host_count(const Route& route);

/// Addresses of one host tried in one attempt (RFC 5321 §5.1: at least two).
inline constexpr std::size_t kAddressesPerHost = 4;
/// The addresses to try in this attempt, `attempts` counting it: a few, so that the dead ones of
/// one host never keep the others from their turn; the next attempt begins where this one ended.
[[nodiscard]] std::vector<IpAddress> addresses_of_turn(const HostPlan& plan,
                                                       std::uint32_t attempts);

/// A fresh look found a policy that was fetched, for this caller or since for another. Nothing else
/// replaces the one in force: trouble on the way never lowers what is owed. STS-26
[[nodiscard]] bool has_newer_policy(const tls::StsLookup& fresh, const tls::StsLookup& held);

/// A fresh look found other TLSA records than those a host was held to; one that failed finds none.
[[nodiscard]] bool has_other_records(const HostPlan& fresh,
                                     const std::vector<resolver::TlsaRecord>& published);

/// The domain whose policies apply: that of the next hop. REQUIRES: not an address literal.
[[nodiscard]] const Domain& policy_domain(const Route& route);

}  // namespace fulmar::delivery
