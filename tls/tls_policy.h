// What security is one attempt at one MX host owed: DANE, MTA-STS, or opportunistic TLS? Decided
// here, only here.
//
// Pure: values in, a value out. A failed, bogus or missing input never lowers the result. The order
// of the rules is the order of the rows in tests/tls/tls_policy_test.cc. RFC 7672 §2.2, RFC 8461
// §5; DANE-56..60
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/error.h"
#include "resolver/answer.h"
#include "resolver/tlsa.h"
#include "tls/mta_sts_policy.h"

namespace fulmar::tls {

/// How the host was found.
enum class NextHopKind : std::uint8_t {
  mx,               ///< From an MX record.
  implicit_mx,      ///< No MX record: the domain itself.
  address_literal,  ///< user@[192.0.2.1]: neither DANE nor MTA-STS applies.
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
  bool dane_enabled = true;  ///< [dane] enabled
};

/// From weak to strong. `encrypt`: TLS is owed but nothing is authenticated.
enum class TlsLevel : std::uint8_t { opportunistic, encrypt, sts, dane_host_only, dane };
[[nodiscard]] std::string_view to_string(TlsLevel level);

enum class HostAction : std::uint8_t {
  use,   ///< Connect, and hold the session to `level`.
  skip,  ///< Do not even connect; `failure` says why. Other hosts may be tried.
};

struct TlsDecision {
  HostAction action = HostAction::use;
  TlsLevel level = TlsLevel::opportunistic;
  std::optional<Error> failure;  ///< Set exactly when the action is skip.
  Domain host;  ///< Whom PKIX verification for MTA-STS is about; empty for literals.
  Domain sni;   ///< Empty for address literals.
  std::vector<Domain>
      reference_names;  ///< Accepted in the certificate: DANE-TA, or PKIX for `sts`.
  std::vector<resolver::TlsaRecord> tlsa;  ///< Records to verify by; for the DANE levels.
  bool sts_must_pass = false;  ///< PKIX verification of `host` is owed besides what `level` says.
  bool sts_testing =
      false;  ///< A testing policy applies: verify and record, but never hold mail back.
  std::optional<Error> sts_testing_failure;  ///< Under testing: the MX host is not listed.
  std::string_view rule;       ///< Stable name of the rule that matched, a literal: "dane".
  std::string_view reason;     ///< One plain sentence, a literal.
  std::string_view reference;  ///< "RFC 7672 §2.2", a literal.

  /// The message must not be sent without TLS, even when TLS cannot be had.
  [[nodiscard]] bool tls_required() const { return level != TlsLevel::opportunistic; }
};

[[nodiscard]] TlsDecision decide_tls_policy(const TlsPolicyInputs& inputs);

/// The class of failure when TLS is owed by `decision` and cannot be had at all: dane_no_tls or
/// sts_no_tls. REQUIRES: decision.tls_required().
[[nodiscard]] Errc no_tls_failure(const TlsDecision& decision);

}  // namespace fulmar::tls
