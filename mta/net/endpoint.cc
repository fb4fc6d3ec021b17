#include "mta/net/endpoint.h"

#include <algorithm>

namespace fulmar::net {

namespace asio = boost::asio;

asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint) {
  if (endpoint.address.family() == AddressFamily::v6) {
    return {asio::ip::address_v6(endpoint.address.bytes()), endpoint.port};
  }
  asio::ip::address_v4::bytes_type bytes;
  std::copy_n(endpoint.address.bytes().begin(), bytes.size(), bytes.begin());
  return {asio::ip::address_v4(bytes), endpoint.port};
}

Endpoint from_asio(const asio::ip::tcp::endpoint& endpoint) {
  const asio::ip::address& address = endpoint.address();
  const IpAddress ours = address.is_v6() ? IpAddress::from_v6(address.to_v6().to_bytes())
                                         : IpAddress::from_v4(address.to_v4().to_bytes());
  return {.address = ours.unmapped(), .port = endpoint.port()};
}

}  // namespace fulmar::net
