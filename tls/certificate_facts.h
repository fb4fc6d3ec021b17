// What a certificate says, as plain data for logs, explain and notices. Nothing here is proof of
// anything.
#pragma once

#include <openssl/types.h>

#include <string>

#include "base/clock.h"
#include "resolver/answer.h"
#include "tls/verify.h"

namespace fulmar::tls {

/// The epoch for what is no time.
[[nodiscard]] UtcTime utc_time(const ASN1_TIME* time);

/// The texts are the peer's words: sanitised and cut.
[[nodiscard]] CertificateFacts read_facts(X509* certificate);

/// One line: subject, issuer, dates and names.
[[nodiscard]] std::string describe(const CertificateFacts& facts);

/// What a DANE-EE record of the same selector and matching type would hold for this certificate;
/// empty when OpenSSL cannot encode it or the matching type is unknown. RFC 6698 §2.1
[[nodiscard]] std::string association_data(X509* certificate, const resolver::TlsaRecord& like);

}  // namespace fulmar::tls
