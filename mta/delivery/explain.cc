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

namespace {

using Source = resolver::TlsaSettings::Source;

struct LookedAt {
  json::object record;  ///< One element of "hosts".
  std::optional<Error> failure;
};

asio::awaitable<LookedAt> look_at(AttemptParts parts, AttemptSettings settings, HostPlan plan,
                                  control::Connect connect) {
  LookedAt result{.record = to_json(plan), .failure = plan.failure};
  result.record["connect"] = nullptr;
  if (plan.failure || connect == control::Connect::no) co_return result;
  Probe probe = co_await probe_host(parts, std::move(settings), std::move(plan));
  result.failure = std::move(probe.failure);
  result.record["connect"] = std::move(probe.record);
  co_return result;
}

}  // namespace

asio::awaitable<json::object> explain(AttemptParts parts, AttemptSettings settings,
                                      MailHost destination, control::Connect connect) {
  const Route route = co_await parts.planner.find_route(std::move(destination));
  json::object answer = to_json(route);
  json::array hosts;
  std::vector<HostFailure> failures;
  bool deliverable = false;
  for (std::size_t position = 0; position < host_count(route); ++position) {
    HostPlan plan = co_await parts.planner.plan_host(route, position, Source::cache);
    const auto published = plan.tlsa.published;
    LookedAt host = co_await look_at(parts, settings, std::move(plan), connect);
    if (host.failure && host.failure->code == Errc::dane_mismatch) {
      // As delivery does: a mismatch counts after a look past the cache.
      HostPlan fresh = co_await parts.planner.plan_host(route, position, Source::fresh);
      if (has_other_records(fresh, published))
        host = co_await look_at(parts, settings, std::move(fresh), connect);
    }
    deliverable = deliverable || !host.failure;
    if (host.failure) failures.push_back({.error = *host.failure});
    hosts.emplace_back(std::move(host.record));
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
