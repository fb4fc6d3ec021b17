#include "mta/delivery/basis.h"

namespace fulmar::delivery {
namespace {

/// REQUIRETLS stands on whatever proves the host; where nothing does, there may be a policy by now.
Basis basis_of_requiretls(const tls::TlsDecision& decision) {
  if (!decision.tlsa.empty()) return Basis::records;
  const bool unproven = decision.rule == tls::kRequireTlsUnproven;
  return unproven || decision.level == tls::TlsLevel::sts ? Basis::policy : Basis::fact;
}

}  // namespace

Basis basis_of(const tls::TlsDecision& decision, Errc code) {
  switch (code) {
    case Errc::sts_mx_mismatch:
    case Errc::sts_certificate:
    case Errc::sts_no_tls:
    case Errc::sts_required:
    case Errc::sts_unknown:
      return Basis::policy;
    case Errc::dane_mismatch:
    case Errc::dane_no_tls:
      return Basis::records;
    case Errc::requiretls_unmet:
      return basis_of_requiretls(decision);
    default:
      return Basis::fact;
  }
}

}  // namespace fulmar::delivery
