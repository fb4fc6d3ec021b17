// The octets of one resource record's RDATA, as values. Pure, and fed by anyone who runs a name
// server: each function takes any octets and answers with a record or Errc::dns_malformed. Names
// are expected uncompressed, as libunbound hands them out, and hold only letters, digits, '-' and
// '_': nothing else can be dialled, compared with a certificate or written into a log without an
// escape.
#pragma once

#include <string_view>

#include "base/domain.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "resolver/answer.h"

namespace fulmar::resolver {

/// A whole RDATA that is one name, such as a CNAME's. The root is a name.
[[nodiscard]] Result<Domain> parse_name_rdata(std::string_view rdata);
[[nodiscard]] Result<IpAddress> parse_a_rdata(std::string_view rdata);
[[nodiscard]] Result<IpAddress> parse_aaaa_rdata(std::string_view rdata);
[[nodiscard]] Result<MxRecord> parse_mx_rdata(std::string_view rdata);
[[nodiscard]] Result<TxtRecord> parse_txt_rdata(std::string_view rdata);

/// Three octets suffice: whether values and data are of use is is_usable()'s question
/// (resolver/tlsa.h).
[[nodiscard]] Result<TlsaRecord> parse_tlsa_rdata(std::string_view rdata);

}  // namespace fulmar::resolver
