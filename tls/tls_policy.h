// What security is one attempt at one MX host owed: DANE, MTA-STS, or opportunistic TLS? Decided
// here, only here.
//
// Pure: values in, a value out. A failed, bogus or missing input never lowers the result. Three
// voices speak, in this order: the operator's rule for the destination, or else what the
// destination publishes; then the message itself, which may demand more (REQUIRETLS) or waive it
// (TLS-Required: No). The order of the branches is the order of the rows in
// tests/tls/tls_policy_test.cc and tests/tls/tls_demands_test.cc. RFC 7672 §2.2, RFC 8461 §5, RFC
// 8689 §4.2; DANE-56..60
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/error.h"
#include "conf/destination.h"
#include "resolver/answer.h"
#include "resolver/tlsa.h"
#include "tls/mta_sts_policy.h"

namespace fulmar::tls {

/// How the host was found.
enum class NextHopKind : std::uint8_t {
  mx,               ///< From an MX record.
  implicit_mx,      ///< No MX record: the domain itself.
  relay,            ///< Named by our operator, no MX looked up: as good as a secure MX (DANE-19).
  address_literal,  ///< user@[192.0.2.1]: neither DANE nor MTA-STS applies.
};

/// What the message asks for. RFC 8689
enum class Demand : std::uint8_t {
  nothing,
  requiretls,    ///< REQUIRETLS: proven protection or no delivery.
  tls_optional,  ///< TLS-Required: No: delivery, whatever is owed.
};

struct TlsPolicyInputs {
  NextHopKind kind = NextHopKind::mx;
  Domain policy_domain;  ///< The recipient's domain: what MTA-STS and reference names go by.
  Domain policy_domain_expanded;  ///< Its CNAME expansion; equal without alias.
  resolver::Security mx_security =
      resolver::Security::insecure;  ///< Of the MX RRset, or of its denial.
  Domain host;                       ///< The name in the MX record.
  resolver::TlsaLookup tlsa;
  std::optional<StsPolicy>
      sts;  ///< The policy in force, cached or fresh; empty when none was ever known.
  /// The policy could not be looked up, and none that is enforced is known: there may be one.
  bool sts_unknown = false;
  bool dane_enabled = true;                       ///< [dane] enabled
  bool also_mta_sts = false;                      ///< [dane] also_mta_sts
  conf::TlsRule rule = conf::TlsRule::automatic;  ///< [[destination]] tls
  std::vector<conf::DomainPattern> rule_names;    ///< [[destination]] tls_match
  /// A password will be sent, which needs a host whose certificate proves who it is.
  bool sends_password = false;
  Demand demand = Demand::nothing;
};

/// From weak to strong.
enum class TlsLevel : std::uint8_t {
  none,           ///< Never TLS, by an operator's rule.
  opportunistic,  ///< TLS when it is offered, whoever answers.
  encrypt,        ///< TLS is owed, but nothing is authenticated.
  secure,         ///< PKIX for one of `pkix_names`: by an operator's rule, or for REQUIRETLS.
  sts,
  dane_host_only,
  dane,
};
[[nodiscard]] std::string_view to_string(TlsLevel level);

enum class HostAction : std::uint8_t {
  use,   ///< Connect, and hold the session to `level`.
  skip,  ///< Do not even connect; `failure` says why. Other hosts may be tried.
};

struct TlsDecision {
  HostAction action = HostAction::use;
  TlsLevel level = TlsLevel::opportunistic;
  /// False when the operator (`may`) or the sender (TLS-Required: No) waives what is owed: `level`
  /// is tried, but nothing holds the mail back.
  bool enforced = true;
  bool requiretls = false;       ///< What fails here, fails REQUIRETLS.
  bool by_rule = false;          ///< The level is an operator's demand.
  std::optional<Error> failure;  ///< Set exactly when the action is skip.
  std::optional<Error> waived;   ///< What would have made the action skip, were it enforced.
  Domain host;  ///< Whom PKIX verification for MTA-STS is about; empty for literals.
  Domain sni;   ///< Empty for address literals.
  std::vector<Domain>
      reference_names;  ///< Accepted in the certificate: DANE-TA, or PKIX for `sts`.
  std::vector<conf::DomainPattern> pkix_names;  ///< Accepted in the certificate at level `secure`.
  std::vector<resolver::TlsaRecord> tlsa;       ///< Records to verify by; for the DANE levels.
  bool sts_must_pass = false;  ///< PKIX verification of `host` is owed besides what `level` says.
  bool sts_testing =
      false;  ///< A testing policy applies: verify and record, but never hold mail back.
  std::optional<Error> sts_testing_failure;  ///< Under testing: the MX host is not listed.
  std::string_view rule;       ///< Stable name of the rule that matched, a literal: "dane".
  std::string_view reason;     ///< One plain sentence, a literal.
  std::string_view reference;  ///< "RFC 7672 §2.2", a literal.

  /// The message must not be sent without TLS, even when TLS cannot be had.
  [[nodiscard]] bool tls_required() const { return enforced && level > TlsLevel::opportunistic; }
};

/// TlsDecision::rule where REQUIRETLS fails because nothing that is published proves the host.
inline constexpr std::string_view kRequireTlsUnproven = "requiretls-unproven";

[[nodiscard]] TlsDecision decide_tls_policy(const TlsPolicyInputs& inputs);

/// The class of failure when TLS is owed by `decision` and cannot be had at all: requiretls_unmet,
/// rule_no_tls, sts_no_tls or dane_no_tls. REQUIRES: decision.tls_required().
[[nodiscard]] Errc no_tls_failure(const TlsDecision& decision);

/// `failure`, which a certificate or handshake gave, under the class that `decision` gives it: what
/// fails under REQUIRETLS is requiretls_unmet, with the first class in its words.
[[nodiscard]] Error as_demanded(const TlsDecision& decision, Error failure);

}  // namespace fulmar::tls
