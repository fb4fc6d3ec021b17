#include "tls/tls_policy.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "tls/tls_branches.h"

namespace fulmar::tls {
namespace {

using resolver::TlsaStatus;

/// What the MTA-STS policy in force says about this host.
struct StsView {
  bool enforce = false;
  bool testing = false;
  bool listed = false;
};

StsView view_sts(const TlsPolicyInputs& inputs) {
  if (!inputs.sts) return {};
  // Without MX records the domain itself is the candidate to match (STS-30), and it stands in
  // `host`.
  return {.enforce = inputs.sts->mode == StsMode::enforce,
          .testing = inputs.sts->mode == StsMode::testing,
          .listed = matches(*inputs.sts, inputs.host)};
}

Error mx_mismatch(const TlsPolicyInputs& inputs) {
  return make_error(Errc::sts_mx_mismatch, "MX host " + inputs.host.str() +
                                               " is not listed in the MTA-STS policy of " +
                                               inputs.policy_domain.str());
}

TlsDecision use_dane(const TlsPolicyInputs& inputs, TlsLevel level, std::vector<Domain> names) {
  TlsDecision decision = use(inputs, level);
  decision.sni = inputs.tlsa.base;  // RFC 7672 §8.1, RFC 7671 §7
  decision.tlsa = inputs.tlsa.usable;
  decision.reference_names = std::move(names);
  return decision;
}

TlsDecision use_sts(const TlsPolicyInputs& inputs) {
  TlsDecision decision = use(inputs, TlsLevel::sts);
  decision.reference_names = {inputs.host};  // RFC 8461 §4.2: the MX host, never the pattern
  return decision;
}

/// RFC 7672 §3.2.2: the base always; the next-hop domain and its expansion when DNSSEC ties them to
/// the host.
std::vector<Domain> dane_names(const TlsPolicyInputs& inputs) {
  std::vector<Domain> names{inputs.tlsa.base};
  for (const Domain& name : {inputs.policy_domain, inputs.policy_domain_expanded}) {
    if (!name.is_root() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

TlsDecision with_testing(TlsDecision decision, const TlsPolicyInputs& inputs, const StsView& sts) {
  decision.sts_testing = sts.testing;
  if (sts.testing && !sts.listed) decision.sts_testing_failure = mx_mismatch(inputs);
  return decision;
}

/// The rows of docs/security-levels.md from `dane-host-only` on: MTA-STS, if it enforces anything,
/// lists the host.
TlsDecision decide_listed(const TlsPolicyInputs& inputs, TlsaStatus tlsa, const StsView& sts) {
  if (tlsa == TlsaStatus::usable) {  // behind an insecure MX
    TlsDecision decision = use_dane(inputs, TlsLevel::dane_host_only, {inputs.tlsa.base});
    decision.sts_must_pass = sts.enforce;
    return explained(std::move(decision), "dane-host-only",
                     "The host publishes TLSA records, but the MX records that lead to it are not "
                     "secured by DNSSEC.",
                     "RFC 7672 §2.2.1");
  }
  if (tlsa == TlsaStatus::unusable && sts.enforce) {
    return explained(use_sts(inputs), "tlsa-unusable-sts-enforce",
                     "None of the TLSA records is usable, so TLS is mandatory, and MTA-STS in "
                     "enforce mode decides about the certificate.",
                     "RFC 7672 §2.2, RFC 8461 §5");
  }
  if (tlsa == TlsaStatus::unusable) {
    return explained(use(inputs, TlsLevel::encrypt), "tlsa-unusable",
                     "None of the TLSA records is usable, so TLS is mandatory but nothing is "
                     "authenticated.",
                     "RFC 7672 §2.2");
  }
  if (sts.enforce) {
    return explained(use_sts(inputs), "sts-enforce",
                     "The MTA-STS policy enforces verified TLS and lists this host.",
                     "RFC 8461 §5");
  }
  if (sts.testing) {
    return explained(use(inputs, TlsLevel::opportunistic), "sts-testing",
                     "The MTA-STS policy is in testing mode: it is checked but not enforced.",
                     "RFC 8461 §5");
  }
  return explained(use(inputs, TlsLevel::opportunistic), "opportunistic",
                   "No policy applies: TLS is used when the host offers it.", "RFC 7435 §3");
}

}  // namespace

std::string_view to_string(TlsLevel level) {
  switch (level) {
    case TlsLevel::none:
      return "none";
    case TlsLevel::opportunistic:
      return "opportunistic";
    case TlsLevel::encrypt:
      return "encrypt";
    case TlsLevel::secure:
      return "secure";
    case TlsLevel::sts:
      return "sts";
    case TlsLevel::dane_host_only:
      return "dane-host-only";
    case TlsLevel::dane:
      return "dane";
  }
  std::abort();  // every enumerator has its case
}

TlsDecision decide_automatic(const TlsPolicyInputs& inputs) {
  if (inputs.kind == NextHopKind::address_literal) {
    return explained(TlsDecision{}, "address-literal",
                     "The next hop is an address, to which neither DANE nor MTA-STS applies.",
                     "RFC 7672 §2.2, RFC 8461 §3.4");
  }
  const TlsaStatus tlsa = inputs.dane_enabled ? inputs.tlsa.status : TlsaStatus::not_applicable;

  if (tlsa == TlsaStatus::lookup_failed) {
    Error failure = inputs.tlsa.error.value_or(
        make_error(Errc::dane_lookup, "the TLSA lookup for " + inputs.host.str() + " failed"));
    return explained(skip(inputs, TlsLevel::dane, std::move(failure)), "tlsa-lookup-failed",
                     "The TLSA lookup failed, so it cannot be known what protection is owed; "
                     "MTA-STS cannot stand in.",
                     "RFC 7672 §2.1.2, RFC 8461 §2");
  }
  const StsView sts = view_sts(inputs);
  const bool dane_alone = tlsa == TlsaStatus::usable && is_host_proven(inputs);
  if (dane_alone && !inputs.also_mta_sts) {
    return explained(use_dane(inputs, TlsLevel::dane, dane_names(inputs)), "dane",
                     "DNSSEC secures the way to the host and its TLSA records, which alone decide.",
                     "RFC 7672 §2.2");
  }
  if (sts.enforce && !sts.listed) {
    return explained(skip(inputs, TlsLevel::sts, mx_mismatch(inputs)), "sts-mx-mismatch",
                     "The MTA-STS policy is enforced and does not list this host.",
                     "RFC 8461 §4.1, §5");
  }
  if (dane_alone) {
    TlsDecision decision = use_dane(inputs, TlsLevel::dane, dane_names(inputs));
    decision.sts_must_pass = sts.enforce;
    return explained(std::move(decision), "dane-and-sts",
                     "DNSSEC secures the way to the host and its TLSA records; an enforced MTA-STS "
                     "policy must hold besides, by our configuration.",
                     "RFC 7672 §2.2, RFC 8461 §5");
  }
  return with_testing(decide_listed(inputs, tlsa, sts), inputs, sts);
}

TlsDecision decide_tls_policy(const TlsPolicyInputs& inputs) {
  TlsDecision decision = decide_by_rule(inputs);
  if (inputs.sends_password) decision = demand_password_safety(std::move(decision), inputs);
  if (inputs.demand == Demand::requiretls) return demand_requiretls(std::move(decision), inputs);
  // A message waives what the destination asks for, not what our operator demands (RFC 8689
  // §4.2.2), and a password is at nobody's mercy.
  const bool waived = inputs.rule == conf::TlsRule::may ||
                      (inputs.demand == Demand::tls_optional && !decision.by_rule);
  return waived && !inputs.sends_password ? waive(std::move(decision)) : decision;
}

Errc no_tls_failure(const TlsDecision& decision) {
  FULMAR_CHECK(decision.tls_required());
  if (decision.requiretls) return Errc::requiretls_unmet;
  if (decision.level == TlsLevel::sts) return Errc::sts_no_tls;
  return decision.by_rule ? Errc::rule_no_tls : Errc::dane_no_tls;
}

Error as_demanded(const TlsDecision& decision, Error failure) {
  if (!decision.requiretls) return failure;
  return make_error(Errc::requiretls_unmet,
                    std::string(to_string(failure.code)) + ": " + failure.detail);
}

}  // namespace fulmar::tls
