#include "conf/failure.h"

namespace fulmar::conf {

FailureRule rule_for(const Failure& failure, Errc code) {
  switch (code) {
    case Errc::dane_lookup:
      return failure.dane_lookup;
    case Errc::dane_mismatch:
      return failure.dane_mismatch;
    case Errc::dane_no_tls:
      return failure.dane_no_tls;
    case Errc::sts_mx_mismatch:
      return failure.sts_mx_mismatch;
    case Errc::sts_certificate:
      return failure.sts_certificate;
    case Errc::sts_no_tls:
      return failure.sts_no_tls;
    case Errc::requiretls_unsupported:
    case Errc::requiretls_unmet:
      return failure.requiretls;
    case Errc::dns_bogus:
    case Errc::dns_servfail:
    case Errc::dns_timeout:
    case Errc::dns_malformed:
      return failure.dns;
    case Errc::connect_failed:
    case Errc::connection_lost:
      return failure.connect;
    default:
      return {};
  }
}

}  // namespace fulmar::conf
