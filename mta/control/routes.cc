#include "mta/control/routes.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <vector>

#include "base/ascii.h"
#include "conf/units.h"
#include "mta/control/queue_filter.h"

namespace fulmar::control {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::chrono::days kLongestSuspension{365};

struct Target {
  std::vector<std::string> path;  // below /v1
  std::vector<Condition> query;
};

std::unexpected<Error> nowhere() {
  return fail(Errc::not_found, "there is nothing at this path");
}
std::unexpected<Error> refuse(std::string why) {
  return fail(Errc::invalid_argument, std::move(why));
}

Result<Target> parse_target(const std::string& text) {
  const auto parsed = boost::urls::parse_origin_form(text);
  if (!parsed) return refuse("the target of the request is not a path");
  Target target;
  for (const std::string& segment : parsed->segments())
    target.path.push_back(segment);
  if (target.path.size() < 2 || target.path.front() != "v1") return nowhere();
  target.path.erase(target.path.begin());
  for (const auto& param : parsed->params())
    target.query.emplace_back(param.key, param.value);
  return target;
}

Result<json::object> parse_body(const std::string& body) {
  if (body.empty()) return json::object{};
  boost::system::error_code ec;
  const json::value value = json::parse(body, ec);
  if (ec) return refuse("the body is not JSON: " + ec.message());
  if (!value.is_object()) return refuse("the body must be a JSON object");
  return value.get_object();
}

Result<bool> flag(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  if (value == nullptr) return false;
  if (!value->is_bool()) return refuse(std::string(name) + " must be true or false");
  return value->get_bool();
}

Result<std::string> text(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return refuse(std::string(name) + " must be a string");
  return std::string(value->get_string());
}

/// Only known members: a misspelt condition must never widen what is deleted.
Result<> check_members(const json::object& body, std::initializer_list<std::string_view> known) {
  for (const auto& member : body) {
    if (std::ranges::find(known, std::string_view(member.key())) == known.end()) {
      return refuse("unknown member \"" + std::string(member.key()) + "\"");
    }
  }
  return {};
}

/// The filter of a change, which must have a condition unless "all" says that every message is
/// meant.
Result<QueueFilter> changing_filter(const json::object& body) {
  const json::value* given = body.if_contains("filter");
  FULMAR_TRY(QueueFilter filter, given == nullptr ? QueueFilter{} : filter_from_json(*given));
  FULMAR_TRY(const bool all, flag(body, "all"));
  if (means_everything(filter) && !all)
    return refuse("no condition given; \"all\": true means every message");
  return filter;
}

Result<Domain> policy_domain(const std::string& name) {
  auto domain = Domain::parse(name);
  if (!domain || domain->is_root()) return refuse("\"" + name + "\" is not a domain");
  return domain;
}

/// What an operator writes for others to read, as one line.
Result<std::string> reason_text(const json::object& body) {
  FULMAR_TRY(const std::string written, text(body, "reason"));
  return sanitize_line(trim(written), kMaxReason);
}
Result<std::string> needed_reason(const json::object& body) {
  FULMAR_TRY(std::string reason, reason_text(body));
  if (reason.empty()) return refuse("reason: it must be given");
  return reason;
}

Result<Call> parse_queue_ending(const std::string& verb, const json::object& body) {
  FULMAR_TRY_VOID(check_members(body, {"filter", "all", "reason"}));
  FULMAR_TRY(QueueFilter filter, changing_filter(body));
  if (verb == "delete") {
    FULMAR_TRY(std::string reason, reason_text(body));
    return QueueDelete{std::move(filter), std::move(reason)};
  }
  FULMAR_TRY(std::string reason, needed_reason(body));
  return QueueBounce{std::move(filter), std::move(reason)};
}

Result<Call> parse_queue_change(const std::string& verb, const std::string& body_text) {
  FULMAR_TRY(const json::object body, parse_body(body_text));
  if (verb == "delete" || verb == "bounce") return parse_queue_ending(verb, body);
  if (verb != "retry" && verb != "hold" && verb != "release") return nowhere();
  FULMAR_TRY_VOID(check_members(body, {"filter", "all"}));
  FULMAR_TRY(QueueFilter filter, changing_filter(body));
  if (verb == "retry") return QueueRetry{std::move(filter)};
  if (verb == "hold") return QueueHold{std::move(filter)};
  return QueueRelease{std::move(filter)};
}

Result<Call> parse_queue(const Request& request, const Target& target) {
  if (target.path.size() > 2) return nowhere();
  if (request.method == "POST" && target.path.size() == 2) {
    return parse_queue_change(target.path[1], request.body);
  }
  if (request.method != "GET") return refuse("this method is not possible here");
  if (target.path.size() == 1) {
    FULMAR_TRY(QueueFilter filter, filter_from_conditions(target.query));
    return QueueList{std::move(filter)};
  }
  const auto id = MessageId::parse(target.path[1]);
  if (!id) return refuse("\"" + target.path[1] + "\" is not a queue id");
  return QueueShow{*id};
}

Result<Call> parse_policies(const Request& request, const Target& target) {
  const bool reads = request.method == "GET";
  if (target.path.size() == 1 && reads) return PolicyList{};
  if (target.path.size() == 1) return refuse("this method is not possible here");
  FULMAR_TRY(Domain domain, policy_domain(target.path[1]));
  if (target.path.size() == 2 && reads) return PolicyShow{std::move(domain)};
  if (target.path.size() == 2 && request.method == "DELETE") return PolicyForget{std::move(domain)};
  if (target.path.size() == 2) return refuse("this method is not possible here");
  if (target.path.size() != 3 || target.path[2] != "refresh") return nowhere();
  if (request.method != "POST") return refuse("this method is not possible here");
  return PolicyRefresh{std::move(domain)};
}

Result<conf::DomainPattern> suspended_domain(const std::string& name) {
  auto pattern = conf::DomainPattern::parse(name);
  if (!pattern) return refuse("\"" + name + "\" is neither a domain nor \".domain\" nor \"*\"");
  return pattern;
}

Result<Call> parse_suspend(const std::string& body_text) {
  FULMAR_TRY(const json::object body, parse_body(body_text));
  FULMAR_TRY_VOID(check_members(body, {"domain", "for", "reason"}));
  FULMAR_TRY(const std::string name, text(body, "domain"));
  FULMAR_TRY(conf::DomainPattern domain, suspended_domain(name));
  FULMAR_TRY(const std::string span, text(body, "for"));
  const auto time = conf::parse_duration(span);
  if (!time || *time < std::chrono::seconds(1) || *time > kLongestSuspension)
    return refuse("for: a duration from \"1s\" to \"365d\" is needed");
  FULMAR_TRY(std::string reason, needed_reason(body));
  return Suspend{std::move(domain), std::chrono::duration_cast<std::chrono::seconds>(*time),
                 std::move(reason)};
}

Result<Call> parse_suspensions(const Request& request, const Target& target) {
  if (target.path.size() > 2) return nowhere();
  if (target.path.size() == 1 && request.method == "GET") return SuspendedList{};
  if (target.path.size() == 1 && request.method == "POST") return parse_suspend(request.body);
  if (target.path.size() != 2 || request.method != "DELETE")
    return refuse("this method is not possible here");
  FULMAR_TRY(conf::DomainPattern domain, suspended_domain(target.path[1]));
  return Resume{std::move(domain)};
}

Result<Call> parse_explain(const Request& request) {
  if (request.method != "POST") return refuse("this method is not possible here");
  FULMAR_TRY(const json::object body, parse_body(request.body));
  FULMAR_TRY_VOID(check_members(body, {"target", "connect"}));
  FULMAR_TRY(std::string target, text(body, "target"));
  if (target.empty()) return refuse("target: a domain or an address is needed");
  FULMAR_TRY(const bool connect, flag(body, "connect"));
  return Explain{std::move(target), connect ? Connect::yes : Connect::no};
}

/// The operation that each call means.
struct Runner {
  using Answer = asio::awaitable<Result<json::value>>;
  Operations& operations;

  static Answer always(asio::awaitable<json::value> answer) {
    co_return co_await std::move(answer);
  }
  Answer operator()(Status&&) const { return always(operations.status()); }
  Answer operator()(QueueList&& call) const {
    return operations.queue_list(std::move(call.filter));
  }
  Answer operator()(QueueShow&& call) const { return operations.queue_show(call.id); }
  Answer operator()(QueueRetry&& call) const {
    return operations.queue_retry(std::move(call.filter));
  }
  Answer operator()(QueueHold&& call) const {
    return operations.queue_hold(std::move(call.filter));
  }
  Answer operator()(QueueRelease&& call) const {
    return operations.queue_release(std::move(call.filter));
  }
  Answer operator()(QueueBounce&& call) const {
    return operations.queue_bounce(std::move(call.filter), std::move(call.reason));
  }
  Answer operator()(QueueDelete&& call) const {
    return operations.queue_delete(std::move(call.filter), std::move(call.reason));
  }
  Answer operator()(QuarantineList&&) const { return operations.quarantine(); }
  Answer operator()(Suspend&& call) const {
    return operations.suspend(std::move(call.domain), call.time, std::move(call.reason));
  }
  Answer operator()(Resume&& call) const { return operations.resume(std::move(call.domain)); }
  Answer operator()(SuspendedList&&) const { return operations.suspended(); }
  Answer operator()(PolicyList&&) const { return operations.policy_list(); }
  Answer operator()(PolicyShow&& call) const {
    return operations.policy_show(std::move(call.domain));
  }
  Answer operator()(PolicyRefresh&& call) const {
    return operations.policy_refresh(std::move(call.domain));
  }
  Answer operator()(PolicyForget&& call) const {
    return operations.policy_forget(std::move(call.domain));
  }
  Answer operator()(Explain&& call) const {
    return operations.explain(std::move(call.target), call.connect);
  }
};

unsigned status_for(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::syntax:
    case Errc::limit:
      return 400;
    case Errc::not_found:
      return 404;
    default:
      return 503;
  }
}

}  // namespace

Result<Call> parse_call(const Request& request) {
  FULMAR_TRY(const Target target, parse_target(request.target));
  const std::string& head = target.path.front();
  if (head == "queue") return parse_queue(request, target);
  if (head == "policies") return parse_policies(request, target);
  if (head == "suspensions") return parse_suspensions(request, target);
  if (target.path.size() > 1) return nowhere();
  if (head == "explain") return parse_explain(request);
  if (head != "status" && head != "quarantine") return nowhere();
  if (request.method != "GET") return refuse("this method is not possible here");
  if (head == "quarantine") return QuarantineList{};
  return Status{};
}

std::chrono::seconds patience(const Call& call) {
  // A policy fetch may use all of `mta_sts.fetch_timeout`, and explain dials every host.
  const bool dials =
      std::holds_alternative<Explain>(call) || std::holds_alternative<PolicyRefresh>(call);
  const bool writes_much =
      std::holds_alternative<QueueRetry>(call) || std::holds_alternative<QueueHold>(call) ||
      std::holds_alternative<QueueRelease>(call) || std::holds_alternative<QueueBounce>(call) ||
      std::holds_alternative<QueueDelete>(call);
  return dials || writes_much ? std::chrono::minutes(5) : std::chrono::seconds(30);
}

asio::awaitable<Response> carry_out(Operations& operations, Call call) {
  auto answering = std::visit(Runner{operations}, std::move(call));
  auto answer = co_await std::move(answering);
  co_return answer ? Response{200, *std::move(answer)} : error_response(answer.error());
}

Response error_response(const Error& error) {
  json::object body;
  // JSON is UTF-8, and a detail may hold a peer's octets (pitfall 75).
  body["error"] = {{"class", std::string(to_string(error.code))},
                   {"detail", sanitize_line(error.detail, 8192)}};
  return {status_for(error.code), std::move(body)};
}

}  // namespace fulmar::control
