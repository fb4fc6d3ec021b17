// What a finished handshake proves: DANE and PKIX verification of the peer's certificate.
#pragma once

#include <openssl/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "tls/client_context.h"
#include "tls/tls_policy.h"

namespace fulmar::tls {

struct CertificateFacts {
  std::string subject;
  std::string issuer;
  UtcTime not_before{};
  UtcTime not_after{};
  std::vector<std::string> names;  ///< SAN dNSName values, sanitised, at most 20.
  std::string spki_sha256;         ///< Hex: what a "3 1 1" record would hold.
};

struct VerifyOutcome {
  TlsLevel achieved =
      TlsLevel::encrypt;         ///< What the session may be called: never more than was proven.
  std::optional<Error> failure;  ///< Set when what the decision owes did not hold: the session must
                                 ///< end without MAIL. dane_mismatch, sts_certificate,
                                 ///< rule_certificate, a no_tls class, or requiretls_unmet.
  std::optional<Error> waived;   ///< The same, where the decision is not enforced.
  std::optional<Error> testing_failure;  ///< Under an STS testing policy: what would have failed.
  std::string protocol;                  ///< "TLSv1.3"
  std::string cipher;
  std::vector<CertificateFacts> chain;  ///< As presented, leaf first, at most 10.
  std::string matched_record;           ///< The TLSA record that matched, for the DANE levels.
};

/// REQUIRES: the handshake of `ssl`, made by new_smtp_session() with the same decision, is
/// complete. DANE-EE: key or certificate alone, neither names nor dates (RFC 7672 §3.1.1). DANE-TA:
/// chain, dates and names (§3.1.2, §3.2). PKIX for MTA-STS: chain to the trust store, dates, SAN
/// dNSName equal to the MX host, no CN (RFC 8461 §4.2); for `secure` the same with one of its
/// names. Both when the decision owes both. Where anything is verified, TLS 1.2 must come with
/// extended_master_secret and renegotiation_info (RFC 9325 §3.5).
[[nodiscard]] VerifyOutcome verify_session(SSL* ssl, const TlsDecision& decision,
                                           const ClientContext& context);

}  // namespace fulmar::tls
