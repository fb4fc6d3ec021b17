#include "mta/delivery/explain.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mta/delivery/basis.h"
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
  Basis basis = Basis::fact;  ///< Of the failure.
};

/// Looks at the hosts as delivery does: what a failure rests on is looked at afresh before it
/// counts.
class Explaining {
 public:
  Explaining(AttemptParts parts, AttemptSettings settings, control::Connect connect)
      : parts_(parts), settings_(std::move(settings)), connect_(connect) {}

  asio::awaitable<json::object> run(MailHost destination) {
    route_ = co_await parts_.planner.find_route(std::move(destination));
    json::array hosts;
    std::vector<HostFailure> failures;
    bool deliverable = false;
    for (std::size_t position = 0; position < host_count(route_); ++position) {
      LookedAt host = co_await look_at_host(position);
      deliverable = deliverable || !host.failure;
      if (host.failure) failures.push_back({.error = *host.failure});
      hosts.emplace_back(std::move(host.record));
    }
    json::object answer = to_json(route_);
    if (deliverable) {
      answer["failure"] = nullptr;
    } else if (answer["failure"].is_null() && !failures.empty()) {
      answer["failure"] = to_json(most_telling(failures, settings_.failure).error);
    }
    answer["deliverable"] = deliverable;
    answer["hosts"] = std::move(hosts);
    co_return answer;
  }

 private:
  asio::awaitable<LookedAt> look_at_host(std::size_t position) {
    LookedAt host = co_await plan_and_look(position, Source::cache, nullptr);
    if (host.basis == Basis::policy) {
      const bool changed = co_await has_other_policy();
      if (changed) host = co_await plan_and_look(position, Source::cache, nullptr);
    }
    if (host.basis == Basis::records) {
      host = co_await plan_and_look(position, Source::fresh, &host);
      if (host.basis == Basis::policy) {
        const bool changed = co_await has_other_policy();
        if (changed) host = co_await plan_and_look(position, Source::fresh, nullptr);
      }
    }
    co_return host;
  }

  /// `before`: what is known, and stays unless the records are others by now.
  asio::awaitable<LookedAt> plan_and_look(std::size_t position, Source source,
                                          const LookedAt* before) {
    HostPlan plan = co_await parts_.planner.plan_host(route_, position, source);
    if (before != nullptr && !has_other_records(plan, published_)) co_return *before;
    published_ = plan.tlsa.published;
    LookedAt result{.record = to_json(plan), .failure = plan.failure};
    const tls::TlsDecision decision = plan.decision;
    result.record["connect"] = nullptr;
    if (!plan.failure && connect_ == control::Connect::yes) {
      Probe probe = co_await probe_host(parts_, settings_, std::move(plan));
      result.failure = std::move(probe.failure);
      result.record["connect"] = std::move(probe.record);
    }
    if (result.failure) result.basis = basis_of(decision, result.failure->code);
    co_return result;
  }

  asio::awaitable<bool> has_other_policy() {
    if (rechecked_ || route_.sts.fetch_tried) co_return false;
    rechecked_ = true;
    Route fresh = co_await parts_.planner.recheck_policy(route_);
    const bool changed =
        has_newer_policy(fresh.sts, route_.sts) && fresh.sts.policy != route_.sts.policy;
    if (changed) route_ = std::move(fresh);
    co_return changed;
  }

  AttemptParts parts_;
  AttemptSettings settings_;
  control::Connect connect_;
  Route route_;
  std::vector<resolver::TlsaRecord> published_;  // of the host looked at last
  bool rechecked_ = false;
};

}  // namespace

asio::awaitable<json::object> explain(AttemptParts parts, AttemptSettings settings,
                                      MailHost destination, control::Connect connect) {
  Explaining explaining(parts, std::move(settings), connect);
  co_return co_await explaining.run(std::move(destination));
}

}  // namespace fulmar::delivery
