// Hears the PROXY header of a connection out, and takes no octet behind it. The parser is
// proxy_header.h.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <optional>

#include "base/ip_address.h"
#include "base/result.h"

namespace fulmar::net {

/// The client that the proxy names; empty when it speaks for itself. Errors: those of
/// parse_proxy_header(); connection_lost; timeout. `socket` must outlive this; after an
/// error the caller closes it and says nothing.
boost::asio::awaitable<Result<std::optional<Endpoint>>> read_proxy_header(
    boost::asio::ip::tcp::socket& socket, std::chrono::milliseconds limit);

}  // namespace fulmar::net
