#include "mta/intake/listener.h"

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <utility>

#include "mta/net/endpoint.h"

namespace fulmar::intake {

namespace asio = boost::asio;
using asio::ip::tcp;
using smtp::ServerOptions;

namespace {

Error named(const Endpoint& address, Error error) {
  error.detail = "listener " + address.str() + ": " + error.detail;
  return error;
}

Result<> open_socket(Listener& listener) {
  const tcp::endpoint endpoint = net::to_asio(listener.conf.address);
  boost::system::error_code ec;
  tcp::acceptor& acceptor = listener.acceptor;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  // So that 0.0.0.0 and [::] can be listened on side by side.
  if (!ec && endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  tcp::endpoint bound;
  if (!ec) bound = acceptor.local_endpoint(ec);
  if (ec) return fail(Errc::io, "cannot listen: " + ec.message());
  listener.bound = net::from_asio(bound);
  return {};
}

ServerOptions::Auth auth_state(conf::ListenAuth auth) {
  switch (auth) {
    case conf::ListenAuth::none:
      return ServerOptions::Auth::none;
    case conf::ListenAuth::optional:
      return ServerOptions::Auth::optional;
    case conf::ListenAuth::required:
      return ServerOptions::Auth::required;
  }
  return ServerOptions::Auth::required;
}

ServerOptions::Tls tls_state(conf::ListenTls tls) {
  switch (tls) {
    case conf::ListenTls::none:
      return ServerOptions::Tls::none;
    case conf::ListenTls::starttls:
      return ServerOptions::Tls::offered;
    case conf::ListenTls::implicit:
      return ServerOptions::Tls::active;
  }
  return ServerOptions::Tls::none;
}

}  // namespace

Listener::Listener(const asio::any_io_executor& executor, conf::Listen given)
    : conf(std::move(given)), acceptor(executor) {}

Result<std::shared_ptr<Listener>> Listener::open(const asio::any_io_executor& executor,
                                                 conf::Listen conf) {
  auto listener = std::make_shared<Listener>(executor, std::move(conf));
  const Endpoint& address = listener->conf.address;
  if (auto loaded = listener->reload(); !loaded) return fail(named(address, loaded.error()));
  if (auto opened = open_socket(*listener); !opened) return fail(named(address, opened.error()));
  return listener;
}

Result<> Listener::reload() {
  if (conf.tls == conf::ListenTls::none) return {};
  FULMAR_TRY(auto context,
             tls::ServerContext::create(conf.certificate, conf.private_key, conf.client_ca));
  tls_.store(std::shared_ptr<const tls::ServerContext>(std::move(context)));
  return {};
}

bool Listener::is_proxy(const IpAddress& peer) const {
  return std::ranges::any_of(conf.proxy_networks,
                             [&](const Network& network) { return network.contains(peer); });
}

ServerOptions session_options(const Domain& hostname, const conf::Limits& limits,
                              const conf::Listen& listen, const IpAddress& client) {
  using Relaying = ServerOptions::Relaying;
  using OnBareNewline = smtp::DataReader::OnBareNewline;
  const bool may_relay =
      std::ranges::any_of(listen.relay_networks,
                          [&client](const Network& network) { return network.contains(client); });
  const bool normalize = listen.bare_newline == conf::BareNewline::normalize;
  const bool submission = listen.kind == conf::ListenKind::submission;
  return {.hostname = hostname,
          .message_size = limits.message_size,
          .recipients_per_message = limits.recipients_per_message,
          .received_headers = limits.received_headers,
          .bare_newline = normalize ? OnBareNewline::normalize : OnBareNewline::reject,
          .relaying = may_relay ? Relaying::allowed : Relaying::denied,
          .tls = tls_state(listen.tls),
          .auth = auth_state(listen.auth),
          .kind = submission ? ServerOptions::Kind::submission : ServerOptions::Kind::relay};
}

}  // namespace fulmar::intake
