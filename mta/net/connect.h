// Opening one TCP connection to one address.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>

#include "base/ip_address.h"
#include "base/result.h"
#include "mta/net/stream.h"

namespace fulmar::net {

/// On the caller's executor. `source` is bound before connecting when given. Errc::connect_failed,
/// its detail naming the address and the cause, also when `limit` passes.
boost::asio::awaitable<Result<Stream>> connect(Endpoint target, std::optional<IpAddress> source,
                                               milliseconds limit);

}  // namespace fulmar::net
