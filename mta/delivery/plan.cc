#include "mta/delivery/plan.h"

#include <algorithm>

#include "base/check.h"

namespace fulmar::delivery {

namespace asio = boost::asio;

Planner::Planner(PlannerParts parts, PlannerSettings settings)
    : parts_(parts), settings_(std::move(settings)) {}

std::size_t host_count(const Route& route) {
  if (route.failure) return 0;
  return route.kind == tls::NextHopKind::address_literal ? 1 : route.mx.hosts.size();
}

const Domain& policy_domain(const Route& route) {
  return std::get<Domain>(route.destination);
}

asio::awaitable<Route> Planner::find_route(MailHost destination) {
  if (const auto* domain = std::get_if<Domain>(&destination)) {
    co_return co_await find_domain_route(*domain);
  }
  // Neither DNS nor policies know an address literal. RFC 7672 §2.2, RFC 8461 §3.4
  Route route;
  route.destination = std::move(destination);
  route.kind = tls::NextHopKind::address_literal;
  co_return route;
}

asio::awaitable<Route> Planner::find_domain_route(Domain domain) {
  Route route;
  route.destination = domain;
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
  // Finished before the first connection: no message slips out while a policy is being fetched.
  route.sts = co_await parts_.mta_sts.lookup(std::move(domain));
  co_return route;
}

asio::awaitable<Route> Planner::recheck_policy(Route route) {
  if (route.kind != tls::NextHopKind::address_literal) {
    route.sts = co_await parts_.mta_sts.recheck(policy_domain(route));
  }
  co_return route;
}

std::vector<IpAddress> Planner::dialable(const std::vector<IpAddress>& addresses) const {
  std::vector<IpAddress> allowed;
  std::ranges::copy_if(addresses, std::back_inserter(allowed), [&](const IpAddress& address) {
    return may_be_dialed(address, settings_.allow_networks);
  });
  return allowed;
}

HostPlan Planner::plan_literal(const IpAddress& address) const {
  HostPlan plan;
  plan.addresses = dialable({address});
  plan.decision = tls::decide_tls_policy({.kind = tls::NextHopKind::address_literal});
  if (plan.addresses.empty()) {
    plan.failure = make_error(Errc::address_refused, address.str() + " is not a public address");
  }
  return plan;
}

tls::TlsDecision Planner::decide(const Route& route, const HostPlan& plan) const {
  return tls::decide_tls_policy({.kind = route.kind,
                                 .policy_domain = policy_domain(route),
                                 .policy_domain_expanded = route.mx.expanded,
                                 .mx_security = route.mx.security,
                                 .host = plan.host,
                                 .tlsa = plan.tlsa,
                                 .sts = route.sts.policy,
                                 .dane_enabled = settings_.dane_enabled});
}

asio::awaitable<HostPlan> Planner::plan_host(Route route, std::size_t position) {
  FULMAR_CHECK(position < host_count(route));
  if (const auto* address = std::get_if<IpAddress>(&route.destination))
    co_return plan_literal(*address);
  const resolver::MxHost& mx = route.mx.hosts[position];
  HostPlan plan;
  plan.host = mx.name;
  plan.preference = mx.preference;
  // Addresses before TLSA: hosts in insecure zones are never asked for TLSA. RFC 7672 §2.2.2
  plan.lookup = co_await resolver::lookup_host(parts_.resolver, plan.host);
  if (settings_.dane_enabled && !plan.lookup.tlsa_bases.empty()) {
    plan.tlsa = co_await resolver::lookup_tlsa(parts_.resolver, plan.lookup.tlsa_bases, plan.port);
  }
  plan.decision = decide(route, plan);
  plan.addresses = dialable(plan.lookup.addresses);
  if (plan.lookup.error) {
    plan.failure = plan.lookup.error;
  } else if (plan.decision.failure) {
    plan.failure = plan.decision.failure;
  } else if (plan.addresses.empty()) {
    plan.failure =
        make_error(Errc::address_refused, plan.host.str() + " has no public address, only " +
                                              plan.lookup.addresses.front().str());
  }
  co_return plan;
}

}  // namespace fulmar::delivery
