#include "mta/delivery/explain.h"

#include <string>
#include <vector>

#include "mta/delivery/probe.h"
#include "mta/delivery/record.h"
#include "mta/delivery/verdict.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
namespace json = boost::json;

Result<MailHost> parse_target(std::string_view target) {
  const bool address = target.find('@') != std::string_view::npos;
  // A domain is read as the right-hand side of an address, so that literals in brackets work in
  // both forms.
  const std::string mailbox = (address ? "" : "postmaster@") + std::string(target);
  auto parsed = Mailbox::parse(mailbox);
  if (!parsed) {
    return fail(Errc::invalid_argument,
                "neither a domain nor an address: " + parsed.error().detail);
  }
  return parsed->host;
}

asio::awaitable<json::object> explain(AttemptParts parts, AttemptSettings settings,
                                      MailHost destination, control::Connect connect) {
  const Route route = co_await parts.planner.find_route(std::move(destination));
  json::object answer = to_json(route);
  json::array hosts;
  std::vector<HostFailure> failures;
  bool deliverable = false;
  for (std::size_t position = 0; position < host_count(route); ++position) {
    const HostPlan plan = co_await parts.planner.plan_host(route, position);
    json::object host = to_json(plan);
    host["connect"] = nullptr;
    bool usable = !plan.failure.has_value();
    if (plan.failure) failures.push_back({.error = *plan.failure});
    if (usable && connect == control::Connect::yes) {
      json::object probe = co_await probe_host(parts, settings, plan);
      usable = probe["ok"].as_bool();
      if (!usable) answer["failure"] = probe["failure"];
      host["connect"] = std::move(probe);
    }
    deliverable = deliverable || usable;
    hosts.emplace_back(std::move(host));
  }
  if (deliverable) {
    answer["failure"] = nullptr;
  } else if (answer["failure"].is_null() && !failures.empty()) {
    answer["failure"] = to_json(most_telling(failures, settings.failure).error);
  }
  answer["deliverable"] = deliverable;
  answer["hosts"] = std::move(hosts);
  co_return answer;
}

}  // namespace fulmar::delivery
