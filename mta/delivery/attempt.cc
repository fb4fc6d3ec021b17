#include "mta/delivery/attempt.h"

#include <algorithm>

#include "base/ascii.h"
#include "mta/delivery/driver.h"
#include "mta/delivery/record.h"
#include "mta/net/connect.h"
#include "mta/smtp/client_session.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

/// Sessions begun in one attempt at most; what is left gets its turn in the next one, equal hosts
/// in another order.
constexpr std::size_t kMaxConnections = 20;

std::string host_label(const HostPlan& plan, const IpAddress& address) {
  const std::string name = plan.host.is_root() ? std::string() : plan.host.str();
  return name + '[' + address.str() + "]:" + std::to_string(plan.port);
}

std::optional<IpAddress> source_for(const conf::Outbound& outbound, AddressFamily family) {
  const auto found = std::ranges::find(outbound.source_addresses, family, &IpAddress::family);
  if (found == outbound.source_addresses.end()) return std::nullopt;
  return *found;
}

DriverTimeouts driver_timeouts(const conf::Outbound& outbound) {
  return {.command = outbound.command_timeout, .final_dot = outbound.final_dot_timeout};
}

bool is_sts_failure(Errc code) {
  return code == Errc::sts_mx_mismatch || code == Errc::sts_certificate || code == Errc::sts_no_tls;
}

/// Whether the failure is the host's word. Our own findings never carry it as theirs (DSN-14).
bool is_remote_word(Errc code) {
  return code == Errc::remote_temporary || code == Errc::remote_permanent ||
         code == Errc::remote_protocol;
}

std::string session_label(const SessionReport& report) {
  if (!report.result.tls) return "none";
  return std::string(
      achieved_label(report.verified ? report.verified->achieved : tls::TlsLevel::encrypt));
}

/// What protected the session, or which protection was owed and not had.
std::string failure_label(const HostFailure& failure) {
  if (!is_security_failure(failure.error.code)) return failure.tls;
  return "none:failed=" + std::string(to_string(failure.error.code));
}

class Attempt {
 public:
  Attempt(AttemptParts parts, AttemptSettings settings, queue::Message message,
          queue::Delivery delivery)
      : parts_(parts),
        settings_(std::move(settings)),
        message_(std::move(message)),
        delivery_(std::move(delivery)),
        recipients_(delivery_.recipients.size()) {}

  asio::awaitable<AttemptResult> run() {
    const SteadyTime started = parts_.clock.steady_now();
    route_ = co_await parts_.planner.find_route(delivery_.destination);
    if (route_.failure) {
      note_failure({.error = *route_.failure});
    } else {
      co_await walk_hosts();
    }
    const auto total =
        std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady_now() - started);
    co_return finish(total);
  }

 private:
  struct Progress {
    std::optional<RecipientResult> result;  // once decided
    std::vector<HostFailure> failures;
  };

  [[nodiscard]] bool all_decided() const {
    return std::ranges::all_of(
        recipients_, [](const Progress& recipient) { return recipient.result.has_value(); });
  }

  /// Of a host or a whole route: it concerns everybody who is still undecided.
  void note_failure(const HostFailure& failure) {
    for (Progress& recipient : recipients_) {
      if (!recipient.result) recipient.failures.push_back(failure);
    }
  }

  asio::awaitable<void> walk_hosts() {
    for (std::size_t position = 0; position < host_count(route_) && may_go_on(); ++position) {
      const std::optional<Errc> failed = co_await try_host(position);
      // The policy may have changed since it was cached: look again before the failure counts. RFC
      // 8461 §5
      if (!failed || !is_sts_failure(*failed)) continue;
      const bool changed = co_await policy_changed();
      if (changed) co_await try_host(position);
    }
  }

  [[nodiscard]] bool may_go_on() const { return !all_decided() && connections_ < kMaxConnections; }

  asio::awaitable<bool> policy_changed() {
    if (rechecked_) co_return false;
    rechecked_ = true;
    Route fresh = co_await parts_.planner.recheck_policy(route_);
    const bool changed = fresh.sts.policy != route_.sts.policy;
    route_ = std::move(fresh);
    // What was held against hosts under the old policy no longer stands.
    if (changed) forget_sts_failures();
    co_return changed;
  }

  void forget_sts_failures() {
    for (Progress& recipient : recipients_) {
      std::erase_if(recipient.failures,
                    [](const HostFailure& failure) { return is_sts_failure(failure.error.code); });
    }
  }

  /// The class of the host's last failure, if it ended in one.
  asio::awaitable<std::optional<Errc>> try_host(std::size_t position) {
    const HostPlan plan = co_await parts_.planner.plan_host(route_, position);
    json::object& record = hosts_.emplace_back(to_json(plan)).as_object();
    if (plan.failure) {
      note_failure({.error = *plan.failure});
      co_return plan.failure->code;
    }
    std::optional<Errc> failed;
    json::array tried;
    for (const IpAddress& address : plan.addresses) {
      if (!may_go_on()) break;
      json::object connection;
      failed = co_await try_address(plan, address, connection);
      tried.push_back(std::move(connection));
    }
    record["connections"] = std::move(tried);
    co_return failed;
  }

  asio::awaitable<std::optional<Errc>> try_address(const HostPlan& plan, const IpAddress& address,
                                                   json::object& record) {
    const std::string label = host_label(plan, address);
    const auto starttls =
        plan.decision.tls_required() ? smtp::StartTls::required : smtp::StartTls::offered;
    auto report = co_await converse(plan, address, starttls);
    std::string tls_label = report ? session_label(*report) : "none";
    if (report && broke_over_tls(plan, *report)) {
      record["downgraded_after"] =
          report->result.failure ? to_json(*report->result.failure) : json::value(nullptr);
      report = co_await converse(plan, address, smtp::StartTls::never);
      tls_label = "none:downgraded";
    }
    record["address"] = address.str();
    if (!report) {
      record["failure"] = to_json(report.error());
      note_failure({.error = report.error()});
      co_return report.error().code;
    }
    describe_session(*report, record);
    merge(*report, label, tls_label);
    co_return report->result.failure ? std::optional(report->result.failure->code) : std::nullopt;
  }

  /// An opportunistic handshake failed, so nobody is served yet, and clear text is allowed. RFC
  /// 7672 §2.2
  [[nodiscard]] bool broke_over_tls(const HostPlan& plan, const SessionReport& report) const {
    return !plan.decision.tls_required() && report.result.tls_failed && report.result.failure &&
           report.result.failure->code == Errc::tls_handshake &&
           settings_.fallback == conf::OpportunisticFallback::clear;
  }

  asio::awaitable<Result<SessionReport>> converse(const HostPlan& plan, const IpAddress& address,
                                                  smtp::StartTls starttls) {
    ++connections_;
    auto stream = co_await net::connect({.address = address, .port = plan.port},
                                        source_for(settings_.outbound, address.family()),
                                        settings_.outbound.connect_timeout);
    if (!stream) co_return fail(std::move(stream).error());
    const SteadyTime began = parts_.clock.steady_now();
    smtp::ClientSession session({.helo_name = settings_.helo_name, .starttls = starttls},
                                envelope());
    const DriverParts driver{
        .context = parts_.context,
        .clock = parts_.clock,
        .body = {.store = parts_.store, .message = message_.id, .chunks = message_.chunks},
        .timeouts = driver_timeouts(settings_.outbound)};
    auto report =
        co_await run_session(*std::move(stream), std::move(session), plan.decision, driver);
    sending_ +=
        std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady_now() - began);
    co_return report;
  }

  /// Those undecided, in order.
  [[nodiscard]] smtp::OutgoingEnvelope envelope() {
    smtp::OutgoingEnvelope envelope{.size = message_.size, .eight_bit = message_.eight_bit};
    if (message_.sender) envelope.reverse_path = message_.sender->ascii_domain_form();
    envelope.smtputf8 = !is_ascii(envelope.reverse_path);
    for (std::size_t i = 0; i < recipients_.size(); ++i) {
      if (recipients_[i].result) continue;
      envelope.recipients.push_back(delivery_.recipients[i].address.ascii_domain_form());
      envelope.smtputf8 = envelope.smtputf8 || !is_ascii(envelope.recipients.back());
    }
    return envelope;
  }

  void merge(const SessionReport& report, const std::string& label, const std::string& tls_label) {
    auto outcome = report.result.recipients.begin();
    for (Progress& recipient : recipients_) {
      if (recipient.result) continue;
      settle(recipient, *outcome++, label, tls_label);
    }
  }

  static void settle(Progress& recipient, const smtp::RecipientOutcome& outcome,
                     const std::string& label, const std::string& tls_label) {
    if (outcome.delivered) {
      recipient.result =
          RecipientResult{.state = RecipientState::delivered,
                          .failure = {},
                          .host = label,
                          .reply = outcome.reply ? outcome.reply->one_line() : std::string(),
                          .tls = tls_label};
      return;
    }
    HostFailure failure{.error = *outcome.failure, .host = label, .tls = tls_label};
    if (outcome.reply && is_remote_word(failure.error.code)) {
      failure.reply = outcome.reply->verbatim();
    }
    if (outcome.failure->retry == Retry::next_host) {
      recipient.failures.push_back(std::move(failure));
      return;
    }
    const bool final = failure.error.retry == Retry::never;
    std::string shown_tls = failure_label(failure);
    recipient.result =
        RecipientResult{.state = final ? RecipientState::bounced : RecipientState::deferred,
                        .failure = std::move(failure),
                        .host = {},
                        .reply = {},
                        .tls = std::move(shown_tls)};
  }

  [[nodiscard]] AttemptResult finish(std::chrono::milliseconds total) {
    AttemptResult result;
    result.decision = to_json(route_);
    result.decision["hosts"] = std::move(hosts_);
    result.sending = sending_;
    result.connecting = total - sending_;
    for (Progress& recipient : recipients_)
      result.recipients.push_back(conclude(recipient));
    return result;
  }

  static RecipientResult conclude(Progress& recipient) {
    if (recipient.result) return *std::move(recipient.result);
    // Only a cap that was reached, or a recheck that ended without a retry, leaves no reason at
    // all.
    if (recipient.failures.empty()) {
      recipient.failures.push_back(
          {.error = make_error(Errc::connect_failed, "no host could be tried in this attempt")});
    }
    HostFailure failure = most_telling(recipient.failures);
    const bool final = failure.error.retry == Retry::never;
    std::string label = failure_label(failure);
    return {.state = final ? RecipientState::bounced : RecipientState::deferred,
            .failure = std::move(failure),
            .host = {},
            .reply = {},
            .tls = std::move(label)};
  }

  AttemptParts parts_;
  AttemptSettings settings_;
  queue::Message message_;
  queue::Delivery delivery_;
  std::vector<Progress> recipients_;
  Route route_;
  json::array hosts_;
  std::size_t connections_ = 0;
  bool rechecked_ = false;
  std::chrono::milliseconds sending_{0};
};

}  // namespace

asio::awaitable<AttemptResult> attempt_delivery(AttemptParts parts, AttemptSettings settings,
                                                queue::Message message, queue::Delivery delivery) {
  Attempt attempt(parts, std::move(settings), std::move(message), std::move(delivery));
  co_return co_await attempt.run();
}

asio::awaitable<json::object> probe_host(AttemptParts parts, AttemptSettings settings,
                                         HostPlan plan) {
  json::object record{{"address", nullptr}, {"ok", false}, {"tls", "none"}, {"failure", nullptr}};
  for (const IpAddress& address : plan.addresses) {
    record["address"] = address.str();
    auto stream = co_await net::connect({.address = address, .port = plan.port},
                                        source_for(settings.outbound, address.family()),
                                        settings.outbound.connect_timeout);
    if (!stream) {
      record["failure"] = to_json(stream.error());
      continue;
    }
    const auto starttls =
        plan.decision.tls_required() ? smtp::StartTls::required : smtp::StartTls::offered;
    smtp::ClientSession session({.helo_name = settings.helo_name,
                                 .starttls = starttls,
                                 .purpose = smtp::ClientOptions::Purpose::probe},
                                {});
    const DriverParts driver{.context = parts.context,
                             .clock = parts.clock,
                             .body = {},
                             .timeouts = driver_timeouts(settings.outbound)};
    const SessionReport report =
        co_await run_session(*std::move(stream), std::move(session), plan.decision, driver);
    describe_session(report, record);
    const bool fails_open = !plan.decision.tls_required() && report.result.tls_failed &&
                            settings.fallback == conf::OpportunisticFallback::clear;
    record["ok"] = !report.result.failure || fails_open;
    if (record["ok"].as_bool()) co_return record;
  }
  co_return record;
}

}  // namespace fulmar::delivery
