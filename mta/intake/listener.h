// One listening socket and what its clients may do.
#pragma once

#include <atomic>
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

/// Lives on its executor's thread, but for what does not change once it is open, conf and bound,
/// and what may be asked from any thread: the TLS context.
struct Listener {
  Listener(const boost::asio::any_io_executor& executor, conf::Listen given);

  /// Binds, listens, loads the certificate. Errc::io or invalid_argument, naming the address.
  static Result<std::shared_ptr<Listener>> open(const boost::asio::any_io_executor& executor,
                                                conf::Listen conf);

  /// Reads certificate, key and authority again; sessions that are under way keep what they have.
  /// On an error, which is that of ServerContext::create(), the old ones stay in use. Thread-safe.
  Result<> reload();

  /// For a new session; null for ListenTls::none. Thread-safe.
  [[nodiscard]] std::shared_ptr<const tls::ServerContext> tls() const { return tls_.load(); }

  /// Whether a connection from there begins with a PROXY header.
  [[nodiscard]] bool is_proxy(const IpAddress& peer) const;

  const conf::Listen conf;
  boost::asio::ip::tcp::acceptor acceptor;
  Endpoint bound;
  std::optional<SteadyTime> logged_trouble;  ///< When accepting failed last, of what was logged.

 private:
  std::atomic<std::shared_ptr<const tls::ServerContext>> tls_;
};

/// What a session with `client` is to be like. Pure.
[[nodiscard]] smtp::ServerOptions session_options(const Domain& hostname,
                                                  const conf::Limits& limits,
                                                  const conf::Listen& listen,
                                                  const IpAddress& client);

}  // namespace fulmar::intake
