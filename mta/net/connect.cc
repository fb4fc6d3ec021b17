#include "mta/net/connect.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "mta/net/endpoint.h"
#include "mta/net/watchdog.h"

namespace fulmar::net {

namespace asio = boost::asio;
using asio::ip::tcp;

asio::awaitable<Result<Stream>> connect(Endpoint target, std::optional<IpAddress> source,
                                        milliseconds limit) {
  tcp::socket socket(co_await asio::this_coro::executor);
  const auto refused = [&](std::string_view what, const boost::system::error_code& ec) {
    return fail(Errc::connect_failed, std::string(what) + ' ' + target.str() + ": " + ec.message());
  };
  // It is this machine that is in trouble, not the host. RFC 3463 §3.4
  const auto unable = [&](std::string_view what, const boost::system::error_code& ec) {
    Error error = make_error(Errc::connect_failed,
                             std::string(what) + ' ' + target.str() + ": " + ec.message());
    error.status = {4, 3, 0};
    return std::unexpected(std::move(error));
  };
  const tcp::endpoint endpoint = to_asio(target);
  boost::system::error_code ec;
  socket.open(endpoint.protocol(), ec);
  if (ec) co_return unable("cannot open a socket for", ec);
  if (source) {
    socket.bind(to_asio({.address = *source, .port = 0}), ec);
    if (ec) co_return unable("cannot use source address " + source->str() + " for", ec);
  }
  {
    Watchdog watchdog(socket);
    const Watchdog::Guard guard(watchdog, limit);
    const auto [connect_ec] =
        co_await socket.async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    if (watchdog.expired()) co_return refused("cannot connect to", asio::error::timed_out);
    if (connect_ec) co_return refused("cannot connect to", connect_ec);
  }
  socket.set_option(tcp::no_delay(true), ec);  // a refusal costs latency, nothing else
  co_return Stream(std::move(socket));
}

}  // namespace fulmar::net
