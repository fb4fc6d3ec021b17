// Whom an address stands for where clients are counted one by one. Pure.
#pragma once

#include "base/ip_address.h"

namespace fulmar::intake {

/// An IPv4 address is one client, inside IPv6 too; of an IPv6 address only the first 64 bits count,
/// because whoever has one address has the whole /64 and may change within it at will (RFC 4291
/// §2.5.1, RFC 8981).
[[nodiscard]] IpAddress client_network(const IpAddress& address);

}  // namespace fulmar::intake
