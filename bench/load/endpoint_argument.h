// "address:port" on the command line.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <stdexcept>
#include <string>

namespace fulmar::load {

/// IPv4 only. Throws when `text` is no such thing.
inline boost::asio::ip::tcp::endpoint endpoint_argument(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("not address:port: " + text);
  const auto port = std::stoul(text.substr(colon + 1));
  return {boost::asio::ip::make_address_v4(text.substr(0, colon)),
          static_cast<std::uint16_t>(port)};
}

}  // namespace fulmar::load
