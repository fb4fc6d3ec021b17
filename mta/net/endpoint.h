// Between our addresses and Asio's.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "base/ip_address.h"

namespace fulmar::net {

[[nodiscard]] boost::asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint);
[[nodiscard]] Endpoint from_asio(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace fulmar::net
