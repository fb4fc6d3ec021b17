// From a request to the operation it means, and from the operation's answer to a response. Knows no
// socket; the table of routes stands in docs/control.md.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <string>
#include <variant>

#include "base/result.h"
#include "mta/control/operations.h"

namespace fulmar::control {

struct Request {
  std::string method;  ///< "GET"
  std::string target;  ///< Path and query, percent-encoded: "/v1/queue?domain=b.example"
  std::string body;    ///< JSON or empty.
};

struct Response {
  unsigned status = 200;
  boost::json::value body;
};

struct Status {};
struct QueueList {
  QueueFilter filter;
};
struct QueueShow {
  MessageId id;
};
struct QueueRetry {
  QueueFilter filter;
};
struct QueueHold {
  QueueFilter filter;
};
struct QueueRelease {
  QueueFilter filter;
};
struct QueueBounce {
  QueueFilter filter;
  std::string reason;
};
struct QueueDelete {
  QueueFilter filter;
  std::string reason;
};
struct QuarantineList {};
struct Suspend {
  conf::DomainPattern domain;
  std::chrono::seconds time{};
  std::string reason;
};
struct Resume {
  conf::DomainPattern domain;
};
struct SuspendedList {};
struct PolicyList {};
struct PolicyShow {
  Domain domain;
};
struct PolicyRefresh {
  Domain domain;
};
struct PolicyForget {
  Domain domain;
};
struct Explain {
  std::string target;
  Connect connect = Connect::no;
};
using Call = std::variant<Status, QueueList, QueueShow, QueueRetry, QueueHold, QueueRelease,
                          QueueBounce, QueueDelete, QuarantineList, Suspend, Resume, SuspendedList,
                          PolicyList, PolicyShow, PolicyRefresh, PolicyForget, Explain>;

/// Pure. Errc::not_found for a path that leads nowhere, invalid_argument for everything else that
/// is wrong.
[[nodiscard]] Result<Call> parse_call(const Request& request);

/// How long the operation may take: 5 minutes where it dials or may write for each of many
/// deliveries, else 30 seconds.
[[nodiscard]] std::chrono::seconds patience(const Call& call);

/// `operations` must outlive the coroutine.
boost::asio::awaitable<Response> carry_out(Operations& operations, Call call);

/// {"error": {"class": "not-found", "detail": "…"}} with 400, 404 or 503.
[[nodiscard]] Response error_response(const Error& error);

}  // namespace fulmar::control
