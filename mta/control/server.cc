#include "mta/control/server.h"

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <unordered_set>

#include "base/ascii.h"
#include "base/log.h"
#include "mta/control/routes.h"
#include "mta/control/unix_socket.h"
#include "mta/task_group.h"

namespace fulmar::control {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Protocol = asio::local::stream_protocol;
using Connection = boost::beast::basic_stream<Protocol>;

constexpr std::chrono::seconds kRequestTime{30};
constexpr std::chrono::seconds kAcceptPause{1};
constexpr std::uint32_t kMaxHead = 1'000'000;  // a filter may name thousands of ids
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

struct ControlServer::State {
  State(std::string socket_path, std::optional<gid_t> members, Operations& carried_out_by,
        Acceptor socket)
      : path(std::move(socket_path)),
        group(members),
        operations(carried_out_by),
        acceptor(std::move(socket)),
        room(acceptor.get_executor()) {}

  static asio::awaitable<void> accept_all(std::shared_ptr<State> self);
  static asio::awaitable<void> serve_one(std::shared_ptr<State> self, Connection connection);

  std::string path;
  std::optional<gid_t> group;
  Operations& operations;
  Acceptor acceptor;
  asio::steady_timer room;  // fires when a connection has ended
  std::size_t open_connections = 0;
  std::unordered_set<Connection*> reading;  // what stop() may cut off
  mta::TaskGroup tasks;
};

namespace {

/// One operation and who waits for it. The waiter may give up; the operation then ends alone.
struct Pending {
  explicit Pending(const asio::any_io_executor& executor)
      : done(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer done;
  std::optional<Response> response;
  bool ended = false;
};

/// Tells the waiter also when the operation throws.
struct Ending {
  std::shared_ptr<Pending> pending;
  ~Ending() {
    pending->ended = true;
    pending->done.cancel();
  }
};

asio::awaitable<void> carry_out_for(Operations& operations, Call call,
                                    std::shared_ptr<Pending> pending) {
  const Ending ending{pending};
  pending->response = co_await carry_out(operations, std::move(call));
}

http::response<http::string_body> to_http(const Response& response) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
  message.set(http::field::content_type, "application/json");
  message.keep_alive(false);
  // JSON is UTF-8; a peer's octets inside a string need not be (pitfall 75). Serialised JSON holds
  // no control characters.
  const std::string text = boost::json::serialize(response.body);
  message.body() = (is_valid_utf8(text) ? text : sanitize_line(text, text.size())) + "\n";
  message.prepare_payload();
  return message;
}

asio::awaitable<Response> answer(Operations& operations, mta::TaskGroup tasks, Request request) {
  auto call = parse_call(request);
  if (!call) co_return error_response(call.error());
  const auto limit = patience(*call);
  const auto executor = co_await asio::this_coro::executor;
  // Shared with the operation, which goes on when its time is over.
  const auto pending = std::make_shared<Pending>(executor);
  pending->done.expires_after(limit);
  tasks.spawn(executor, carry_out_for(operations, *std::move(call), pending), "control request");
  if (!pending->ended) co_await pending->done.async_wait(kAwait);
  if (pending->response) co_return *std::move(pending->response);
  co_return error_response(pending->ended
                               ? make_error(Errc::internal, "the request failed; see the log")
                               : make_error(Errc::timeout, "the request took too long"));
}

Response refusal() {
  Response response = error_response(
      make_error(Errc::administrative,
                 "only the daemon's user, root and members of the control group may ask"));
  response.status = 403;
  response.body.as_object()["error"].as_object()["class"] = "forbidden";
  return response;
}

/// A request, or nothing when the peer went away or was too slow.
asio::awaitable<std::optional<Result<Request>>> read_request(Connection& connection) {
  boost::beast::flat_buffer buffer(kMaxHead + kMaxRequestBody);
  http::request_parser<http::string_body> parser;
  parser.header_limit(kMaxHead);
  parser.body_limit(kMaxRequestBody);
  connection.expires_after(kRequestTime);
  const auto [ec, size] = co_await http::async_read(connection, buffer, parser, kAwait);
  if (ec == http::error::body_limit || ec == http::error::header_limit) {
    co_return fail(Errc::limit, "the request is too long");
  }
  const bool gone = ec.category() != make_error_code(http::error::bad_method).category() ||
                    ec == http::error::end_of_stream || ec == http::error::partial_message;
  if (ec && gone) co_return std::nullopt;
  if (ec) co_return fail(Errc::syntax, "not an HTTP request: " + ec.message());
  auto message = parser.release();
  co_return Request{std::string(message.method_string()), std::string(message.target()),
                    std::move(message.body())};
}

}  // namespace

asio::awaitable<void> ControlServer::State::serve_one(std::shared_ptr<State> self,
                                                      Connection connection) {
  const bool allowed = may_control(connection.socket().native_handle(), self->group);
  self->reading.insert(&connection);
  auto request = co_await read_request(connection);
  self->reading.erase(&connection);
  if (request) {
    connection.expires_never();
    Response response = refusal();
    // An if, not a conditional expression: GCC 12 evaluates both sides of one that awaits.
    if (allowed && *request) {
      response = co_await answer(self->operations, self->tasks, **std::move(request));
    } else if (allowed) {
      response = error_response(request->error());
    }
    auto message = to_http(response);
    connection.expires_after(kRequestTime);
    co_await http::async_write(connection, message, kAwait);
  }
  connection.close();
  --self->open_connections;
  self->room.cancel();
}

asio::awaitable<void> ControlServer::State::accept_all(std::shared_ptr<State> self) {
  while (self->acceptor.is_open()) {
    if (self->open_connections >= kMaxConnections) {
      self->room.expires_at(asio::steady_timer::time_point::max());
      co_await self->room.async_wait(kAwait);
      continue;
    }
    auto [ec, socket] = co_await self->acceptor.async_accept(kAwait);
    if (!self->acceptor.is_open()) break;
    if (ec) {
      log_warn("control socket: a connection was not accepted", {{"why", ec.message()}});
      self->room.expires_after(kAcceptPause);
      co_await self->room.async_wait(kAwait);
      continue;
    }
    ++self->open_connections;
    self->tasks.spawn(self->acceptor.get_executor(), serve_one(self, Connection(std::move(socket))),
                      "control connection");
  }
}

Result<std::unique_ptr<ControlServer>> ControlServer::open(const conf::Control& config,
                                                           Operations& operations,
                                                           asio::any_io_executor executor) {
  const auto group = find_group(config.group);
  if (!group && !config.group.empty()) {
    log_debug("control socket: no such group, so only our own user and root may use it",
              {{"group", config.group}});
  }
  FULMAR_TRY(Acceptor acceptor, listen_on(config.socket, group, executor));
  auto state = std::make_shared<State>(config.socket, group, operations, std::move(acceptor));
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(state)));
}

ControlServer::ControlServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

ControlServer::~ControlServer() {
  stop();
}

void ControlServer::start() {
  state_->tasks.spawn(state_->acceptor.get_executor(), State::accept_all(state_), "control socket");
}

void ControlServer::stop() {
  if (!state_->acceptor.is_open()) return;
  // While we still listen, no other daemon can have taken the path.
  ::unlink(state_->path.c_str());
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->room.cancel();
  for (Connection* connection : state_->reading)
    connection->close();
}

asio::awaitable<bool> ControlServer::join(std::chrono::milliseconds limit) {
  return state_->tasks.join(limit);
}

}  // namespace fulmar::control
