// How the branches of decide_tls_policy() make their decisions. Included by tls_policy.cc and
// tls_demands.cc only.
#pragma once

#include <string_view>
#include <utility>

#include "tls/tls_policy.h"

namespace fulmar::tls {

inline TlsDecision skip(const TlsPolicyInputs& inputs, TlsLevel owed, Error failure) {
  TlsDecision decision;
  decision.action = HostAction::skip;
  decision.level = owed;
  decision.host = inputs.host;
  decision.sni = inputs.host;
  decision.failure = std::move(failure);
  return decision;
}

inline TlsDecision use(const TlsPolicyInputs& inputs, TlsLevel level) {
  TlsDecision decision;
  decision.level = level;
  decision.host = inputs.host;
  decision.sni = inputs.host;  // RFC 8461 §7.1
  return decision;
}

inline TlsDecision explained(TlsDecision decision, std::string_view rule, std::string_view reason,
                             std::string_view reference) {
  decision.rule = rule;
  decision.reason = reason;
  decision.reference = reference;
  return decision;
}

/// DNSSEC, or our operator, ties the host to the destination.
inline bool is_host_proven(const TlsPolicyInputs& inputs) {
  return inputs.kind == NextHopKind::relay || inputs.mx_security == resolver::Security::secure;
}

/// By what the destination publishes.
[[nodiscard]] TlsDecision decide_automatic(const TlsPolicyInputs& inputs);

/// By the operator's rule; without one by what the destination publishes.
[[nodiscard]] TlsDecision decide_by_rule(const TlsPolicyInputs& inputs);

/// Raises a level that proves nothing about the host to PKIX for its name; never lowers. A host
/// without a name is skipped: rule_certificate.
[[nodiscard]] TlsDecision demand_password_safety(TlsDecision decision,
                                                 const TlsPolicyInputs& inputs);
/// Raises what does not satisfy REQUIRETLS to PKIX for the host's name where the name is proven,
/// and skips the host where it is not: requiretls_unmet. Lookups that failed stay what they are.
/// RFC 8689 §4.2.1
[[nodiscard]] TlsDecision demand_requiretls(TlsDecision decision, const TlsPolicyInputs& inputs);
/// The same, but nothing holds the mail back: a failure becomes `waived`. RFC 8689 §4.2.2
[[nodiscard]] TlsDecision waive(TlsDecision decision);

}  // namespace fulmar::tls
