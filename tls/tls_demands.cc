// The branches of decide_tls_policy() for those who ask for something else than what the
// destination publishes: our operator, and the message.
#include <cstdlib>
#include <utility>

#include "tls/tls_branches.h"

namespace fulmar::tls {
namespace {

using conf::DomainPattern;
using conf::TlsRule;

/// What `secure` accepts when the operator names nothing: the next-hop domain and what is below it.
/// MX records could be forged, so the names in them do not count.
std::vector<DomainPattern> secure_names(const TlsPolicyInputs& inputs) {
  if (!inputs.rule_names.empty()) return inputs.rule_names;
  return {DomainPattern::exactly(inputs.policy_domain),
          {.scope = DomainPattern::Scope::below, .name = inputs.policy_domain}};
}

TlsDecision use_secure(const TlsPolicyInputs& inputs, std::vector<DomainPattern> names) {
  TlsDecision decision = use(inputs, TlsLevel::secure);
  decision.pkix_names = std::move(names);
  return decision;
}

TlsDecision by_rule(TlsDecision decision) {
  decision.by_rule = true;
  return decision;
}

TlsDecision decide_dane_only(const TlsPolicyInputs& inputs) {
  TlsPolicyInputs without_sts = inputs;
  without_sts.sts.reset();
  TlsDecision decision = by_rule(decide_automatic(without_sts));
  if (decision.failure || decision.level == TlsLevel::dane) return decision;
  const bool unproven = decision.level == TlsLevel::dane_host_only;
  Error failure = make_error(
      Errc::dane_required,
      unproven ? "the MX records of " + inputs.policy_domain.str() + " are not secured by DNSSEC"
               : inputs.host.str() + " has no usable TLSA records secured by DNSSEC");
  return explained(by_rule(skip(inputs, TlsLevel::dane, std::move(failure))), "rule-dane-only",
                   "Our configuration demands DANE for this destination, which does not offer it.",
                   "RFC 7672 §2.2.1, §6");
}

TlsDecision decide_dane(const TlsPolicyInputs& inputs) {
  TlsPolicyInputs without_sts = inputs;
  without_sts.sts.reset();
  return decide_automatic(without_sts);
}

TlsDecision decide_sts(const TlsPolicyInputs& inputs) {
  const bool known = inputs.sts && inputs.sts->mode != StsMode::none;
  if (!known || inputs.kind == NextHopKind::address_literal) {
    Error failure = make_error(inputs.sts_unknown ? Errc::sts_unknown : Errc::sts_required,
                               "no MTA-STS policy is known for " + inputs.policy_domain.str());
    return explained(
        by_rule(skip(inputs, TlsLevel::sts, std::move(failure))), "rule-sts",
        "Our configuration demands MTA-STS for this destination, and no policy is at hand.",
        "RFC 8461 §5");
  }
  TlsPolicyInputs enforced = inputs;
  enforced.sts->mode = StsMode::enforce;
  enforced.dane_enabled = false;
  return by_rule(decide_automatic(enforced));
}

/// The level that proves the host by a certificate, where the level so far proves nothing.
TlsDecision raise_to_secure(const TlsDecision& decision, const TlsPolicyInputs& inputs,
                            std::vector<DomainPattern> names) {
  TlsDecision raised = use_secure(inputs, std::move(names));
  raised.sts_testing = decision.sts_testing;
  raised.sts_testing_failure = decision.sts_testing_failure;
  return raised;
}

TlsDecision fail_requiretls(const TlsPolicyInputs& inputs, std::string detail,
                            std::string_view rule = "requiretls-unmet") {
  TlsDecision decision =
      skip(inputs, TlsLevel::secure, make_error(Errc::requiretls_unmet, std::move(detail)));
  decision.requiretls = true;
  return explained(std::move(decision), rule,
                   "The message demands REQUIRETLS, and what it asks for cannot be had here.",
                   "RFC 8689 §4.2.1");
}

}  // namespace

TlsDecision decide_by_rule(const TlsPolicyInputs& inputs) {
  switch (inputs.rule) {
    case TlsRule::none:
      return explained(by_rule(use(inputs, TlsLevel::none)), "rule-none",
                       "Our configuration sends to this destination without TLS.", "RFC 7435 §3");
    case TlsRule::encrypt:
      return explained(by_rule(use(inputs, TlsLevel::encrypt)), "rule-encrypt",
                       "Our configuration demands TLS for this destination, whoever answers.",
                       "RFC 3207 §4.1");
    case TlsRule::secure:
      return explained(by_rule(use_secure(inputs, secure_names(inputs))), "rule-secure",
                       "Our configuration demands a certificate of a public authority with a name "
                       "it lists.",
                       "RFC 9525 §6");
    case TlsRule::dane:
      return decide_dane(inputs);
    case TlsRule::dane_only:
      return decide_dane_only(inputs);
    case TlsRule::sts:
      return decide_sts(inputs);
    case TlsRule::automatic:
    case TlsRule::may:
      return decide_automatic(inputs);
  }
  std::abort();  // every enumerator has its case
}

TlsDecision demand_password_safety(TlsDecision decision, const TlsPolicyInputs& inputs) {
  // Beside an enforced policy that lists the host, DANE for the host alone is proof enough.
  const bool host_only = decision.level == TlsLevel::dane_host_only && !decision.sts_must_pass;
  const bool unproven = decision.level == TlsLevel::opportunistic || host_only ||
                        (decision.level == TlsLevel::encrypt && inputs.rule == TlsRule::automatic);
  if (decision.failure || !unproven) return decision;
  if (inputs.host.is_root()) {
    return explained(by_rule(skip(inputs, TlsLevel::secure,
                                  make_error(Errc::rule_certificate,
                                             "the relay is an address, and no name is configured "
                                             "that its certificate could prove"))),
                     "password", "A password goes only to a host that proves who it is.",
                     "RFC 4954 §9");
  }
  // Names in MX records that nobody vouches for prove nothing: then the operator's own count.
  auto names = is_host_proven(inputs) ? std::vector{DomainPattern::exactly(inputs.host)}
                                      : secure_names(inputs);
  return explained(by_rule(raise_to_secure(decision, inputs, std::move(names))), "password",
                   "A password goes only to a host whose certificate proves its name.",
                   "RFC 4954 §9");
}

namespace {

/// Trouble that passes, as opposed to an answer. RFC 8689 §4.2.1
bool is_passing(Errc code) {
  return code == Errc::dane_lookup || code == Errc::sts_unknown || code == Errc::cancelled ||
         code == Errc::limit;
}

/// DNSSEC, an enforced policy, or the operator names the host, and its certificate or TLSA record
/// will prove it.
bool satisfies_requiretls(const TlsDecision& decision, const TlsPolicyInputs& inputs) {
  const bool enforced = inputs.sts && inputs.sts->mode == StsMode::enforce;
  switch (decision.level) {
    case TlsLevel::dane:
    case TlsLevel::secure:
      return true;
    case TlsLevel::sts:
      return enforced || is_host_proven(inputs);
    case TlsLevel::dane_host_only:
      return decision.sts_must_pass;
    case TlsLevel::none:
    case TlsLevel::opportunistic:
    case TlsLevel::encrypt:
      return false;
  }
  std::abort();  // every enumerator has its case
}

}  // namespace

TlsDecision demand_requiretls(TlsDecision decision, const TlsPolicyInputs& inputs) {
  decision.requiretls = true;
  if (decision.failure) {
    if (!is_passing(decision.failure->code)) {
      decision.failure = as_demanded(decision, *std::move(decision.failure));
    }
    return decision;
  }
  if (decision.level == TlsLevel::none) {
    return fail_requiretls(inputs, "our configuration sends to this destination without TLS");
  }
  if (satisfies_requiretls(decision, inputs)) return decision;
  if (inputs.kind == NextHopKind::address_literal) {
    return fail_requiretls(inputs, "the next hop is an address, which no certificate proves");
  }
  if (!is_host_proven(inputs)) {
    const std::string what = " that " + inputs.host.str() + " serves " + inputs.policy_domain.str();
    if (!inputs.sts_unknown) {
      return fail_requiretls(inputs, "neither DNSSEC nor an enforced MTA-STS policy proves" + what,
                             kRequireTlsUnproven);
    }
    decision = fail_requiretls(inputs, {}, kRequireTlsUnproven);
    decision.failure = make_error(
        Errc::sts_unknown, "it cannot be found out now whether an MTA-STS policy proves" + what);
    return decision;
  }
  decision = raise_to_secure(decision, inputs, {DomainPattern::exactly(inputs.host)});
  decision.requiretls = true;
  return explained(std::move(decision), "requiretls",
                   "The message demands REQUIRETLS; DNSSEC proves the host's name, and its "
                   "certificate must prove the host.",
                   "RFC 8689 §4.2.1");
}

TlsDecision waive(TlsDecision decision) {
  decision.enforced = false;
  if (decision.action == HostAction::use) return decision;
  decision.action = HostAction::use;
  decision.level = TlsLevel::opportunistic;
  decision.waived = std::exchange(decision.failure, std::nullopt);
  return decision;
}

}  // namespace fulmar::tls
