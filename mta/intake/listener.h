// One listening socket and what its clients may do.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "conf/config.h"
#include "mta/smtp/server_session.h"
#include "tls/server_context.h"

namespace fulmar::intake {

/// Lives on its executor's thread, but for what does not change once it is open: conf, tls, bound.
struct Listener {
  Listener(const boost::asio::any_io_executor& executor, conf::Listen given);

  /// Binds, listens, loads the certificate. Errc::io or invalid_argument, naming the address.
  static Result<std::shared_ptr<Listener>> open(const boost::asio::any_io_executor& executor,
                                                conf::Listen conf);

  const conf::Listen conf;
  std::unique_ptr<tls::ServerContext> tls;  ///< Null for ListenTls::none.
  boost::asio::ip::tcp::acceptor acceptor;
  Endpoint bound;
  std::optional<SteadyTime> logged_trouble;  ///< When accepting failed last, of what was logged.
};

/// What a session with `client` is to be like. Pure.
[[nodiscard]] smtp::ServerOptions session_options(const Domain& hostname,
                                                  const conf::Limits& limits,
                                                  const conf::Listen& listen,
                                                  const IpAddress& client);

}  // namespace fulmar::intake
