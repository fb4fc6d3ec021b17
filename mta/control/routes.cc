#include "mta/control/routes.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <vector>

#include "base/ascii.h"
#include "mta/control/queue_filter.h"

namespace fulmar::control {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

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

Result<Call> parse_queue_change(const std::string& verb, const std::string& body_text) {
  FULMAR_TRY(const json::object body, parse_body(body_text));
  if (verb == "retry") {
    FULMAR_TRY_VOID(check_members(body, {"filter", "all"}));
    FULMAR_TRY(QueueFilter filter, changing_filter(body));
    return QueueRetry{std::move(filter)};
  }
  if (verb != "delete") return nowhere();
  FULMAR_TRY_VOID(check_members(body, {"filter", "all", "reason"}));
  FULMAR_TRY(QueueFilter filter, changing_filter(body));
  FULMAR_TRY(std::string reason, text(body, "reason"));
  return QueueDelete{std::move(filter), std::move(reason)};
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

Result<Call> parse_explain(const Request& request) {
  if (request.method != "POST") return refuse("this method is not possible here");
  FULMAR_TRY(const json::object body, parse_body(request.body));
  FULMAR_TRY_VOID(check_members(body, {"target", "connect"}));
  FULMAR_TRY(std::string target, text(body, "target"));
  if (target.empty()) return refuse("target: a domain or an address is needed");
  FULMAR_TRY(const bool connect, flag(body, "connect"));
  return Explain{std::move(target), connect ? Connect::yes : Connect::no};
}

asio::awaitable<Result<json::value>> run(Operations& operations, Call call) {
  if (std::holds_alternative<Status>(call)) co_return co_await operations.status();
  if (auto* list = std::get_if<QueueList>(&call))
    co_return co_await operations.queue_list(std::move(list->filter));
  if (auto* show = std::get_if<QueueShow>(&call))
    co_return co_await operations.queue_show(show->id);
  if (auto* retry = std::get_if<QueueRetry>(&call)) {
    co_return co_await operations.queue_retry(std::move(retry->filter));
  }
  if (auto* removal = std::get_if<QueueDelete>(&call)) {
    co_return co_await operations.queue_delete(std::move(removal->filter),
                                               std::move(removal->reason));
  }
  if (std::holds_alternative<PolicyList>(call)) co_return co_await operations.policy_list();
  if (auto* show = std::get_if<PolicyShow>(&call))
    co_return co_await operations.policy_show(std::move(show->domain));
  if (auto* refresh = std::get_if<PolicyRefresh>(&call)) {
    co_return co_await operations.policy_refresh(std::move(refresh->domain));
  }
  if (auto* forget = std::get_if<PolicyForget>(&call)) {
    co_return co_await operations.policy_forget(std::move(forget->domain));
  }
  auto& question = std::get<Explain>(call);
  co_return co_await operations.explain(std::move(question.target), question.connect);
}

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
  if (target.path.size() > 1) return nowhere();
  if (head == "explain") return parse_explain(request);
  if (head != "status") return nowhere();
  if (request.method != "GET") return refuse("this method is not possible here");
  return Status{};
}

std::chrono::seconds patience(const Call& call) {
  // A policy fetch may use all of `mta_sts.fetch_timeout`, and explain dials every host.
  const bool dials =
      std::holds_alternative<Explain>(call) || std::holds_alternative<PolicyRefresh>(call);
  return dials ? std::chrono::minutes(5) : std::chrono::seconds(30);
}

asio::awaitable<Response> carry_out(Operations& operations, Call call) {
  auto answer = co_await run(operations, std::move(call));
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
