#include "mta/control/client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>

namespace fulmar::control {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using Protocol = asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::chrono::seconds kSlack{10};  // beyond what the daemon allows itself
constexpr std::uint64_t kMaxAnswer = 512'000'000;

/// Runs what was started on `context` to its end and gives its error code.
template <class Start>
error_code finish(asio::io_context& context, Start start) {
  error_code result;
  start([&result](error_code ec, auto...) { result = ec; });
  context.restart();
  context.run();
  return result;
}

std::chrono::seconds time_for(const Request& request) {
  const auto call = parse_call(request);
  return kSlack + (call ? patience(*call) : std::chrono::seconds(30));
}

Error daemon_error(const json::value& body, unsigned status) {
  const auto* object = body.if_object();
  const json::value* error = object == nullptr ? nullptr : object->if_contains("error");
  const auto* fields = error == nullptr ? nullptr : error->if_object();
  const json::value* name = fields == nullptr ? nullptr : fields->if_contains("class");
  const json::value* detail = fields == nullptr ? nullptr : fields->if_contains("detail");
  if (name == nullptr || !name->is_string() || detail == nullptr || !detail->is_string()) {
    return make_error(Errc::internal, "the daemon answered with status " + std::to_string(status));
  }
  return make_error(parse_errc(name->get_string()).value_or(Errc::internal),
                    std::string(detail->get_string()));
}

Error lost(const error_code& ec) {
  if (ec == boost::beast::error::timeout)
    return make_error(Errc::timeout, "the daemon did not answer in time");
  return make_error(Errc::connection_lost, "the daemon closed the connection: " + ec.message());
}

http::request<http::string_body> to_http(const Request& request) {
  http::request<http::string_body> message;
  message.method_string(request.method);
  message.target(request.target);
  message.version(11);
  message.set(http::field::host, "localhost");
  message.set(http::field::content_type, "application/json");
  message.body() = request.body;
  message.prepare_payload();
  return message;
}

}  // namespace

Result<json::value> ask_daemon(const std::string& socket, const Request& request) {
  asio::io_context context;
  boost::beast::basic_stream<Protocol> stream(context);
  stream.expires_after(time_for(request));
  error_code ec =
      finish(context, [&](auto done) { stream.async_connect(Protocol::endpoint(socket), done); });
  if (ec)
    return fail(Errc::connect_failed, "cannot reach the daemon at " + socket + ": " + ec.message());
  auto message = to_http(request);
  ec = finish(context, [&](auto done) { http::async_write(stream, message, done); });
  // A daemon that refuses a long request early has already answered; the answer says more than the
  // broken pipe.
  if (ec && ec != asio::error::broken_pipe) return std::unexpected(lost(ec));
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxAnswer);
  ec = finish(context, [&](auto done) { http::async_read(stream, buffer, parser, done); });
  if (ec) return std::unexpected(lost(ec));
  const auto& answer = parser.get();
  json::value body = json::parse(answer.body(), ec);
  if (ec) return fail(Errc::internal, "the daemon's answer is not JSON: " + ec.message());
  if (answer.result_int() != 200) return std::unexpected(daemon_error(body, answer.result_int()));
  return body;
}

}  // namespace fulmar::control
