#include "tls/https_get.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <utility>

#include "tls/policy_http.h"

namespace fulmar::tls {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
// One dead address must not use up the time of the others.
constexpr std::chrono::seconds kConnectTimeout{10};

using HttpsStream = asio::ssl::stream<beast::tcp_stream>;

asio::ip::address to_asio(const IpAddress& address) {
  const auto& bytes = address.bytes();
  if (address.family() == AddressFamily::v4) {
    return asio::ip::address_v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  return asio::ip::address_v6(bytes);
}

std::unexpected<Error> io_error(std::string_view doing, const error_code& error) {
  if (error == beast::error::timeout) {
    return fail(Errc::timeout, "timed out " + std::string(doing));
  }
  const bool too_big = error == http::error::body_limit || error == http::error::header_limit ||
                       error == http::error::buffer_overflow;
  return fail(too_big ? Errc::limit : Errc::io, std::string(doing) + " failed: " + error.message());
}

/// Connected to the first address that answers.
asio::awaitable<Result<beast::tcp_stream>> connect(HttpsRequest request) {
  const auto executor = co_await asio::this_coro::executor;
  Result<beast::tcp_stream> last = fail(Errc::io, "no address to connect to");
  for (const IpAddress& address : request.addresses) {
    beast::tcp_stream stream(executor);
    const asio::steady_timer one_address(executor, kConnectTimeout);
    stream.expires_at(std::min(one_address.expiry(), request.deadline));
    const auto [error] = co_await stream.async_connect(
        asio::ip::tcp::endpoint(to_asio(address), request.port), kAsTuple);
    if (!error) co_return stream;
    last = io_error("connecting to " + address.str(), error);
  }
  co_return last;
}

std::unexpected<Error> handshake_error(SSL* ssl, const error_code& error) {
  const long result = SSL_get_verify_result(ssl);
  if (result == X509_V_OK || error == beast::error::timeout) {
    return io_error("TLS handshake", error);
  }
  return fail(Errc::sts_certificate,
              std::string("certificate does not verify: ") + X509_verify_cert_error_string(result));
}

http::request<http::empty_body> make_request(const HttpsRequest& request) {
  http::request<http::empty_body> message(http::verb::get, request.path, 11);
  message.set(http::field::host, request.host.str());
  message.set(http::field::user_agent, "fulmar");
  message.set(http::field::accept, "text/plain");
  message.set(http::field::connection, "close");
  return message;
}

asio::awaitable<Result<std::string>> exchange(HttpsStream& stream, const HttpsRequest& request) {
  const http::request<http::empty_body> message = make_request(request);
  if (const auto [error, size] = co_await http::async_write(stream, message, kAsTuple); error) {
    co_return io_error("sending the request", error);
  }
  beast::flat_buffer buffer(kPolicyReadBuffer);
  PolicyParser parser;
  if (const auto [error, size] = co_await http::async_read_header(stream, buffer, parser, kAsTuple);
      error) {
    co_return io_error("reading the response", error);
  }
  FULMAR_CO_TRY_VOID(check_policy_response(parser.head()));
  if (const auto [error, size] = co_await http::async_read(stream, buffer, parser, kAsTuple);
      error) {
    co_return io_error("reading the policy", error);
  }
  co_return std::move(parser.get().body());
}

}  // namespace

asio::awaitable<Result<std::string>> https_get_policy(HttpsRequest request,
                                                      const ClientContext& context) {
  FULMAR_CO_TRY(SslPtr session, context.new_https_session(request.host));
  FULMAR_CO_TRY(beast::tcp_stream connection, co_await connect(request));
  HttpsStream stream(std::move(connection), session.release());
  stream.next_layer().expires_at(request.deadline);
  const auto [error] = co_await stream.async_handshake(HttpsStream::client, kAsTuple);
  if (error) co_return handshake_error(stream.native_handle(), error);
  // The response ends the exchange; nothing is owed to a connection that is thrown away (pitfall
  // 62).
  co_return co_await exchange(stream, request);
}

}  // namespace fulmar::tls
