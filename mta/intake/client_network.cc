#include "mta/intake/client_network.h"

#include <algorithm>

namespace fulmar::intake {

IpAddress client_network(const IpAddress& address) {
  const IpAddress plain = address.unmapped();
  if (plain.family() == AddressFamily::v4) return plain;
  auto bytes = plain.bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return IpAddress::from_v6(bytes);
}

}  // namespace fulmar::intake
