#include "mta/delivery/plan.h"

#include <algorithm>

#include "base/check.h"
#include "tls/tlsa_certificates.h"

namespace fulmar::delivery {

namespace asio = boost::asio;

namespace {

/// RFC 8314 §7.3: TLS from the first octet.
constexpr std::uint16_t kSubmissionsPort = 465;

/// The next hop is a host that our operator named, not one found by MX records.
bool is_named_relay(const Route& route) {
  return route.rule != nullptr && route.rule->entry.relay &&
         route.rule->entry.relay->lookup == conf::Relay::Lookup::address;
}

/// What would be the end of mail to a destination is a slip of our operator's where a relay is
/// concerned, and mail waits until it is mended.
Error as_relay_trouble(const Route& route, Error failure) {
  if (route.rule == nullptr || !route.rule->entry.relay) return failure;
  switch (failure.code) {
    case Errc::domain_not_found:
    case Errc::null_mx:
    case Errc::mail_loop:
    case Errc::no_addresses:
    case Errc::address_refused:
      return make_error(Errc::relay_unusable, "relay " + route.rule->entry.relay->str() + " (" +
                                                  route.rule->entry.where + "): " + failure.detail);
    default:
      return failure;
  }
}

bool is_enforced(const std::optional<tls::StsPolicy>& policy) {
  return policy && policy->mode == tls::StsMode::enforce;
}

/// What a rule says of the connection itself.
void apply_rule(const Route& route, HostPlan& plan) {
  if (route.rule == nullptr || !route.rule->entry.relay) return;
  plan.port = route.rule->entry.relay->port;
  plan.implicit_tls = plan.port == kSubmissionsPort;
  plan.credentials = route.rule->credentials;
}

}  // namespace

Planner::Planner(PlannerParts parts, PlannerSettings settings)
    : parts_(parts), settings_(std::move(settings)), dane_memory_(parts.metrics, parts.troubles) {}

std::size_t host_count(const Route& route) {
  if (route.failure) return 0;
  return route.kind == tls::NextHopKind::address_literal ? 1 : route.mx.hosts.size();
}

std::vector<IpAddress> addresses_of_turn(const HostPlan& plan, std::uint32_t attempts) {
  std::vector<IpAddress> turn = plan.addresses;
  const std::size_t before = attempts == 0 ? 0 : attempts - 1U;
  std::ranges::rotate(
      turn, turn.begin() + static_cast<std::ptrdiff_t>(before * kAddressesPerHost % turn.size()));
  if (turn.size() > kAddressesPerHost) turn.resize(kAddressesPerHost);
  return turn;
}

bool has_newer_policy(const tls::StsLookup& fresh, const tls::StsLookup& held) {
  using Source = tls::StsLookup::Source;
  const bool fetched_since =
      fresh.source == Source::cached && fresh.entry.fetched_at > held.entry.fetched_at;
  return fresh.source == Source::fetched || fetched_since;
}

bool has_other_records(const HostPlan& fresh, const std::vector<resolver::TlsaRecord>& published) {
  return fresh.tlsa.status != resolver::TlsaStatus::lookup_failed &&
         fresh.tlsa.published != published;
}

const Domain& policy_domain(const Route& route) {
  return std::get<Domain>(route.next_hop);
}

asio::awaitable<Route> Planner::find_route(MailHost destination, tls::Demand demand) {
  Route route;
  const auto today = std::chrono::floor<std::chrono::days>(parts_.clock.utc_now());
  route.rule = settings_.rules.find(destination, today);
  route.demand = demand;
  route.destination = route.next_hop = std::move(destination);
  if (route.rule != nullptr && route.rule->entry.relay) route = take_relay(std::move(route));
  if (std::holds_alternative<IpAddress>(route.next_hop)) {
    // Neither DNS nor policies know an address literal. RFC 7672 §2.2, RFC 8461 §3.4
    route.kind = tls::NextHopKind::address_literal;
    co_return route;
  }
  if (route.kind != tls::NextHopKind::relay) route = co_await find_mx(std::move(route));
  if (route.failure) {
    route.failure = as_relay_trouble(route, *std::move(route.failure));
    co_return route;
  }
  // Finished before the first connection: no message slips out while a policy is being fetched.
  route.sts = co_await parts_.mta_sts.lookup(policy_domain(route));
  co_return route;
}

/// A relay without MX lookup is one host, whose name our operator vouches for. RFC 7672 §2.2.2
Route Planner::take_relay(Route route) const {
  const conf::Relay& relay = *route.rule->entry.relay;
  route.next_hop = relay.host;
  const auto* name = std::get_if<Domain>(&relay.host);
  if (name == nullptr || relay.lookup == conf::Relay::Lookup::mx) return route;
  route.kind = tls::NextHopKind::relay;
  route.mx = {.hosts = {{.name = *name, .preference = 0}},
              .implicit = false,
              .security = resolver::Security::secure,
              .expanded = *name};
  if (*name == settings_.own_name) {
    route.failure =
        make_error(Errc::mail_loop, "the relay is this very host, " + settings_.own_name.str());
  }
  return route;
}

asio::awaitable<Route> Planner::find_mx(Route route) {
  const Domain domain = policy_domain(route);
  auto answer = co_await parts_.resolver.mx(domain);
  if (!answer) {
    // Never a fall-back to the domain's addresses. RFC 7672 §2.1.2
    route.failure = std::move(answer).error();
    co_return route;
  }
  auto ordered = resolver::order_mx_hosts(domain, *answer, parts_.random);
  if (ordered) ordered = resolver::drop_own_and_worse(*std::move(ordered), settings_.own_name);
  if (!ordered) {
    route.failure = std::move(ordered).error();
    co_return route;
  }
  route.mx = *std::move(ordered);
  route.kind = route.mx.implicit ? tls::NextHopKind::implicit_mx : tls::NextHopKind::mx;
  co_return route;
}

asio::awaitable<Route> Planner::recheck_policy(Route route) {
  if (route.kind != tls::NextHopKind::address_literal) {
    route.sts = co_await parts_.mta_sts.recheck(policy_domain(route));
  }
  co_return route;
}

std::vector<IpAddress> Planner::dialable(const Route& route,
                                         const std::vector<IpAddress>& addresses) const {
  // The guard is against what strangers publish; a relay is where our operator says.
  if (is_named_relay(route)) return addresses;
  std::vector<IpAddress> allowed;
  std::ranges::copy_if(addresses, std::back_inserter(allowed), [&](const IpAddress& address) {
    return may_be_dialed(address, settings_.allow_networks);
  });
  return allowed;
}

HostPlan Planner::plan_literal(const Route& route) const {
  HostPlan plan;
  apply_rule(route, plan);
  const auto& address = std::get<IpAddress>(route.next_hop);
  plan.addresses = dialable(route, {address});
  plan.decision = decide(route, plan);
  if (plan.decision.failure) {
    plan.failure = plan.decision.failure;
  } else if (plan.addresses.empty()) {
    plan.failure = make_error(Errc::address_refused, address.str() + " is not a public address");
  }
  return plan;
}

tls::TlsDecision Planner::decide(const Route& route, const HostPlan& plan) const {
  tls::TlsPolicyInputs inputs{.kind = route.kind,
                              .policy_domain_expanded = route.mx.expanded,
                              .mx_security = route.mx.security,
                              .host = plan.host,
                              .tlsa = plan.tlsa,
                              .sts = route.sts.policy,
                              .sts_unknown = route.sts.trouble && !is_enforced(route.sts.policy),
                              .dane_enabled = wants_dane(route),
                              .also_mta_sts = settings_.dane.also_mta_sts,
                              .sends_password = plan.credentials.has_value(),
                              .demand = route.demand};
  if (const auto* domain = std::get_if<Domain>(&route.next_hop)) inputs.policy_domain = *domain;
  if (route.rule != nullptr) {
    inputs.rule = route.rule->entry.tls;
    inputs.rule_names = route.rule->entry.tls_match;
  }
  return tls::decide_tls_policy(inputs);
}

/// An operator's word about one destination outweighs the switch for all.
bool Planner::wants_dane(const Route& route) const {
  const auto rule = route.rule == nullptr ? conf::TlsRule::automatic : route.rule->entry.tls;
  return settings_.dane.enabled || rule == conf::TlsRule::dane || rule == conf::TlsRule::dane_only;
}

asio::awaitable<HostPlan> Planner::plan_host(const Route& route, std::size_t position,
                                             resolver::TlsaSettings::Source source) {
  FULMAR_CHECK(position < host_count(route));
  if (route.kind == tls::NextHopKind::address_literal) co_return plan_literal(route);
  const resolver::MxHost& mx = route.mx.hosts[position];
  HostPlan plan;
  plan.host = mx.name;
  plan.preference = mx.preference;
  apply_rule(route, plan);
  // Addresses before TLSA: hosts in insecure zones are never asked for TLSA. RFC 7672 §2.2.2
  plan.lookup = co_await resolver::lookup_host(parts_.resolver, plan.host);
  if (wants_dane(route) && !plan.lookup.tlsa_bases.empty()) {
    const resolver::TlsaSettings settings{.digests = settings_.dane.digests, .source = source};
    plan.tlsa = co_await resolver::lookup_tlsa(parts_.resolver, plan.lookup.tlsa_bases, plan.port,
                                               settings);
    tls::drop_unparsable(plan.tlsa);
  }
  // A fresh answer may be ahead of the cache, and would be told of again and again.
  if (wants_dane(route) && !plan.lookup.error && source == resolver::TlsaSettings::Source::cache) {
    dane_memory_.note(plan.host, plan.port, plan.tlsa);
  }
  plan.decision = decide(route, plan);
  plan.addresses = dialable(route, plan.lookup.addresses);
  if (plan.lookup.error) {
    plan.failure = plan.lookup.error;
  } else if (plan.decision.failure) {
    plan.failure = plan.decision.failure;
  } else if (plan.addresses.empty()) {
    plan.failure =
        make_error(Errc::address_refused, plan.host.str() + " has no public address, only " +
                                              plan.lookup.addresses.front().str());
  }
  if (plan.failure) plan.failure = as_relay_trouble(route, *std::move(plan.failure));
  co_return plan;
}

}  // namespace fulmar::delivery
