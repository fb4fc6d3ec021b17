// One connection, in clear or under TLS, for both directions of the program. Every operation has a
// deadline; reaching it closes the socket. The Asio and OpenSSL machinery stays in stream.cc.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/result.h"
#include "tls/client_context.h"

namespace fulmar::net {

using std::chrono::milliseconds;

/// Errors of all operations: connection_lost (closed by the peer, reset), timeout (deadline passed;
/// the stream is closed), cancelled (close() was called meanwhile). On one thread; one
/// read and one write may be pending at once, and close() ends both.
class Stream {
 public:
  explicit Stream(boost::asio::ip::tcp::socket socket);
  ~Stream();  ///< Closes at once.
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;

  /// At least one octet, at most 64 KB; the view holds until the next call on the stream.
  boost::asio::awaitable<Result<std::string_view>> read(milliseconds limit);
  /// All of `bytes`, which must stay alive meanwhile.
  boost::asio::awaitable<Result<>> write(std::string_view bytes, milliseconds limit);

  /// TLS handshake as client or server. Takes the session. Errc::tls_handshake with OpenSSL's words
  /// when the two sides cannot agree; a connection that breaks meanwhile is one of the errors
  /// above. REQUIRES: not yet under TLS.
  boost::asio::awaitable<Result<>> handshake_client(tls::SslPtr session, milliseconds limit);
  boost::asio::awaitable<Result<>> handshake_server(tls::SslPtr session, milliseconds limit);
  /// The session under TLS, owned by the stream; null in clear.
  [[nodiscard]] SSL* ssl() const;

  /// close_notify if under TLS, bounded by `limit`, then closes. Never fails: what matters was said
  /// before.
  boost::asio::awaitable<void> shut_down(milliseconds limit);
  void close();

  /// Open, and nothing is there to be read: neither words nor an end. For a connection on which
  /// nothing is awaited. REQUIRES: no read is pending.
  [[nodiscard]] bool is_quiet() const;

  [[nodiscard]] boost::asio::any_io_executor executor() const;
  [[nodiscard]] Endpoint local() const;
  [[nodiscard]] Endpoint remote() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fulmar::net
