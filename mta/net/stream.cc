#include "mta/net/stream.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <optional>
#include <tuple>

#include "base/check.h"
#include "mta/net/endpoint.h"
#include "mta/net/watchdog.h"

namespace fulmar::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using TlsStream = asio::ssl::stream<tcp::socket&>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
/// What a read takes; the larger one where that much is there already, as of bodies, so that nobody
/// makes it stand idle.
constexpr std::size_t kReadBuffer = 16 * 1024;
constexpr std::size_t kLargeReadBuffer = 64 * 1024;

}  // namespace

struct Stream::State {
  explicit State(tcp::socket connected)
      : socket(std::move(connected)), read_watchdog(socket), write_watchdog(socket) {}

  [[nodiscard]] bool expired() const { return read_watchdog.expired() || write_watchdog.expired(); }

  [[nodiscard]] Error lost(const boost::system::error_code& ec) const {
    if (expired()) return make_error(Errc::timeout, "no answer in time");
    if (ec == asio::error::operation_aborted || !socket.is_open())
      return make_error(Errc::cancelled, "connection closed");
    if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated) {
      return make_error(Errc::connection_lost, "the other side closed the connection");
    }
    return make_error(Errc::connection_lost, ec.message());
  }

  tcp::socket socket;
  Watchdog read_watchdog;  // and handshakes
  Watchdog write_watchdog;
  std::optional<TlsStream> tls;
  Endpoint local;
  Endpoint remote;
  std::size_t capacity = kReadBuffer;
  std::unique_ptr<char[]> buffer = std::make_unique_for_overwrite<char[]>(kReadBuffer);
  std::size_t last_read = 0;  // octets

  void fit_buffer() {
    boost::system::error_code ec;
    const bool much = last_read >= kReadBuffer && socket.available(ec) > kReadBuffer;
    const std::size_t wanted = much ? kLargeReadBuffer : kReadBuffer;
    if (wanted == capacity) return;
    buffer = std::make_unique_for_overwrite<char[]>(wanted);
    capacity = wanted;
  }
};

Stream::Stream(tcp::socket socket) : state_(std::make_unique<State>(std::move(socket))) {
  // Remembered now: a closed socket no longer knows them.
  boost::system::error_code ec;
  const auto local = state_->socket.local_endpoint(ec);
  if (!ec) state_->local = from_asio(local);
  const auto remote = state_->socket.remote_endpoint(ec);
  if (!ec) state_->remote = from_asio(remote);
}

Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;

// A conditional expression with co_await in its branches is miscompiled by GCC 12; hence the ifs.
asio::awaitable<Result<std::string_view>> Stream::read(milliseconds limit) {
  State& state = *state_;
  const Watchdog::Guard guard(state.read_watchdog, limit);
  state.fit_buffer();
  const auto target = asio::buffer(state.buffer.get(), state.capacity);
  boost::system::error_code ec;
  std::size_t count = 0;
  if (state.tls) {
    std::tie(ec, count) = co_await state.tls->async_read_some(target, kAwait);
  } else {
    std::tie(ec, count) = co_await state.socket.async_read_some(target, kAwait);
  }
  if (ec) co_return fail(state.lost(ec));
  state.last_read = count;
  co_return std::string_view(state.buffer.get(), count);
}

asio::awaitable<Result<>> Stream::write(std::string_view bytes, milliseconds limit) {
  State& state = *state_;
  const Watchdog::Guard guard(state.write_watchdog, limit);
  const auto source = asio::buffer(bytes.data(), bytes.size());
  boost::system::error_code ec;
  std::size_t count = 0;
  if (state.tls) {
    std::tie(ec, count) = co_await asio::async_write(*state.tls, source, kAwait);
  } else {
    std::tie(ec, count) = co_await asio::async_write(state.socket, source, kAwait);
  }
  if (ec) co_return fail(state.lost(ec));
  co_return Result<>{};
}

namespace {

asio::awaitable<boost::system::error_code> handshake(TlsStream& tls,
                                                     asio::ssl::stream_base::handshake_type side) {
  const auto [ec] = co_await tls.async_handshake(side, kAwait);
  co_return ec;
}

/// A handshake that ended by itself, as opposed to one that was cut off with its connection.
Error handshake_failure(const boost::system::error_code& ec) {
  if (ec == asio::ssl::error::stream_truncated || ec == asio::error::eof) {
    return make_error(Errc::connection_lost,
                      "the other side closed the connection during the TLS handshake");
  }
  // OpenSSL's words, without Asio's category in brackets behind them.
  const std::string message = ec.message();
  const bool by_openssl = ec.category() == asio::error::get_ssl_category();
  return make_error(by_openssl ? Errc::tls_handshake : Errc::connection_lost,
                    message.substr(0, message.find(" (")));
}

}  // namespace

asio::awaitable<Result<>> Stream::handshake_client(tls::SslPtr session, milliseconds limit) {
  State& state = *state_;
  FULMAR_CHECK(!state.tls);
  state.tls.emplace(state.socket, session.release());
  const Watchdog::Guard guard(state.read_watchdog, limit);
  const auto ec = co_await handshake(*state.tls, asio::ssl::stream_base::client);
  if (!ec) co_return Result<>{};
  if (state.expired() || !state.socket.is_open()) co_return fail(state.lost(ec));
  co_return fail(handshake_failure(ec));
}

asio::awaitable<Result<>> Stream::handshake_server(tls::SslPtr session, milliseconds limit) {
  State& state = *state_;
  FULMAR_CHECK(!state.tls);
  state.tls.emplace(state.socket, session.release());
  const Watchdog::Guard guard(state.read_watchdog, limit);
  const auto ec = co_await handshake(*state.tls, asio::ssl::stream_base::server);
  if (!ec) co_return Result<>{};
  if (state.expired() || !state.socket.is_open()) co_return fail(state.lost(ec));
  co_return fail(handshake_failure(ec));
}

SSL* Stream::ssl() const {
  return state_->tls ? state_->tls->native_handle() : nullptr;
}

asio::awaitable<void> Stream::shut_down(milliseconds limit) {
  State& state = *state_;
  if (state.tls && state.socket.is_open()) {
    const Watchdog::Guard guard(state.write_watchdog, limit);
    // The peer's close_notify is not needed: SMTP says by itself where it ends.
    const auto [ec] = co_await state.tls->async_shutdown(kAwait);
    static_cast<void>(ec);
  }
  close();
}

void Stream::close() {
  boost::system::error_code ignored;  // nothing can be done about a socket that does not close
  state_->socket.close(ignored);
}

bool Stream::is_quiet() const {
  if (!state_->socket.is_open()) return false;
  if (state_->tls) {
    // Asio reads more than one record at a time; the rest waits where only the BIO knows of it.
    SSL* const session = state_->tls->native_handle();
    if (SSL_has_pending(session) == 1 || BIO_ctrl_pending(SSL_get_rbio(session)) > 0) return false;
  }
  char octet = 0;
  const ssize_t count = ::recv(state_->socket.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

asio::any_io_executor Stream::executor() const {
  return state_->socket.get_executor();
}

Endpoint Stream::local() const {
  return state_->local;
}
Endpoint Stream::remote() const {
  return state_->remote;
}

}  // namespace fulmar::net
