#include "conf/failure.h"

namespace fulmar::conf {

FailureClass class_of(Errc code) {
  switch (code) {
    case Errc::dane_lookup:
      return &Failure::dane_lookup;
    case Errc::dane_mismatch:
      return &Failure::dane_mismatch;
    case Errc::dane_no_tls:
      return &Failure::dane_no_tls;
    case Errc::sts_mx_mismatch:
      return &Failure::sts_mx_mismatch;
    case Errc::sts_certificate:
      return &Failure::sts_certificate;
    case Errc::sts_no_tls:
      return &Failure::sts_no_tls;
    case Errc::requiretls_unsupported:
    case Errc::requiretls_unmet:
      return &Failure::requiretls;
    case Errc::dns_bogus:
    case Errc::dns_servfail:
    case Errc::dns_timeout:
    case Errc::dns_malformed:
      return &Failure::dns;
    case Errc::connect_failed:
    case Errc::connection_lost:
      return &Failure::connect;
    default:
      return nullptr;
  }
}

FailureRule rule_for(const Failure& failure, Errc code) {
  const FailureClass known = class_of(code);
  return known == nullptr ? FailureRule{} : failure.*known;
}

}  // namespace fulmar::conf
