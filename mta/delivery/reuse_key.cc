#include "mta/delivery/reuse_key.h"

#include <initializer_list>
#include <string_view>

namespace fulmar::delivery {
namespace {

/// Parts are told apart by a character that none of them holds.
void add(std::string& key, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts)
    key.append(part).push_back('\n');
}

std::string_view flag(bool value) {
  return value ? "1" : "0";
}

void add_names(std::string& key, const tls::TlsDecision& decision) {
  for (const Domain& name : decision.reference_names)
    add(key, {"name", name.str()});
  for (const conf::DomainPattern& name : decision.pkix_names)
    add(key, {"pkix", name.str()});
  for (const resolver::TlsaRecord& record : decision.tlsa)
    add(key, {"tlsa", resolver::to_string(record)});
}

/// Nothing is published and nothing is demanded: whoever answers at the address will do.
bool owes_nothing(const tls::TlsDecision& decision) {
  return decision.level <= tls::TlsLevel::opportunistic && decision.enforced &&
         !decision.requiretls && !decision.sts_testing && !decision.sts_must_pass;
}

}  // namespace

std::string address_part(const IpAddress& address) {
  return address.str() + '\n';
}

std::string reuse_key(const Domain& policy_domain, const HostPlan& plan, const IpAddress& address,
                      const std::optional<IpAddress>& source) {
  const tls::TlsDecision& decision = plan.decision;
  std::string key = address_part(address);
  add(key, {std::to_string(plan.port), source ? source->str() : "", flag(plan.implicit_tls),
            plan.credentials ? plan.credentials->user : "",
            plan.credentials ? plan.credentials->password : "", tls::to_string(decision.level),
            flag(decision.enforced), flag(decision.requiretls), flag(decision.waived.has_value()),
            flag(decision.sts_must_pass), flag(decision.sts_testing),
            flag(decision.sts_testing_failure.has_value())});
  if (owes_nothing(decision)) return key;
  add(key, {policy_domain.str(), decision.host.str(), decision.sni.str()});
  add_names(key, decision);
  return key;
}

}  // namespace fulmar::delivery
