#include "mta/net/proxied.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <variant>

#include "mta/net/proxy_header.h"
#include "mta/net/watchdog.h"

namespace fulmar::net {

namespace asio = boost::asio;

asio::awaitable<Result<std::optional<Endpoint>>> read_proxy_header(
    asio::ip::tcp::socket& socket, std::chrono::milliseconds limit) {
  Watchdog watchdog(socket);
  const Watchdog::Guard guard(watchdog, limit);
  std::string received;
  while (true) {
    FULMAR_CO_TRY(const ProxyHeaderProgress progress, parse_proxy_header(received));
    if (const auto* header = std::get_if<ProxyHeader>(&progress)) co_return header->source;
    const std::size_t before = received.size();
    received.resize(before + std::get<ProxyHeaderCut>(progress).at_least);
    const auto rest = asio::buffer(received.data() + before, received.size() - before);
    const auto [ec, count] =
        co_await asio::async_read(socket, rest, asio::as_tuple(asio::use_awaitable));
    if (watchdog.expired()) co_return fail(Errc::timeout, "no PROXY header in time");
    if (ec) co_return fail(Errc::connection_lost, "within the PROXY header: " + ec.message());
  }
}

}  // namespace fulmar::net
