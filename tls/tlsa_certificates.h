// Is what a Full(0) TLSA record holds a certificate or a key at all? The half of usability that
// needs OpenSSL; the other half is resolver/tlsa.h. RFC 6698 §2.1.4, RFC 7671 §9
#pragma once

#include "resolver/tlsa.h"

namespace fulmar::tls {

/// Full(0) records that are no certificate (selector 0) or key (selector 1), or are one with octets
/// behind it, leave `usable`; when none is left, the status becomes unusable. A key of a kind that
/// OpenSSL does not know is none: it could not be compared. `published` stays as it is.
void drop_unparsable(resolver::TlsaLookup& lookup);

}  // namespace fulmar::tls
