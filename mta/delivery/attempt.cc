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

/// Sessions held in one attempt at most; what is left gets its turn in the next one, equal hosts in
/// another order.
constexpr std::size_t kMaxSessions = 20;
/// Addresses of one host tried in one attempt (RFC 5321 §5.1: at least two).
constexpr std::size_t kAddressesPerHost = 4;
/// How long one attempt may take, so that hosts which stall at every step give their slot back; and
/// the rate below which a body counts as stalling, too.
constexpr std::chrono::minutes kAttemptLimit{30};
constexpr std::uint64_t kSlowestOctetsPerSecond = 4096;

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

/// An opportunistic handshake failed, so nobody is served yet, and clear text is allowed.
/// RFC 7672 §2.2
bool fails_open(const HostPlan& plan, const SessionReport& report,
                conf::OpportunisticFallback fallback) {
  return !plan.decision.tls_required() && report.result.tls_failed && report.result.failure &&
         report.result.failure->code == Errc::tls_handshake &&
         fallback == conf::OpportunisticFallback::clear;
}

/// The addresses to try in this attempt: a few, so that the dead ones of one host never keep the
/// others from their turn; the next attempt begins where this one ended.
std::vector<IpAddress> addresses_of_turn(const HostPlan& plan, std::uint32_t attempts) {
  std::vector<IpAddress> turn = plan.addresses;
  const std::size_t before = attempts == 0 ? 0 : attempts - 1U;
  std::ranges::rotate(
      turn, turn.begin() + static_cast<std::ptrdiff_t>(before * kAddressesPerHost % turn.size()));
  if (turn.size() > kAddressesPerHost) turn.resize(kAddressesPerHost);
  return turn;
}

queue::Exposure as_exposure(smtp::Shown shown) {
  switch (shown) {
    case smtp::Shown::nothing:
      return queue::Exposure::nothing;
    case smtp::Shown::envelope:
      return queue::Exposure::envelope;
    case smtp::Shown::content:
      return queue::Exposure::content;
  }
  return queue::Exposure::content;
}

class Attempt {
 public:
  Attempt(AttemptParts parts, AttemptSettings settings, queue::Message message,
          queue::Delivery delivery)
      : parts_(parts),
        settings_(std::move(settings)),
        message_(std::move(message)),
        delivery_(std::move(delivery)),
        recipients_(delivery_.recipients.size()),
        deadline_(parts_.clock.steady_now() + kAttemptLimit +
                  std::chrono::seconds(message_.size / kSlowestOctetsPerSecond)) {}

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
    queue::Exposure exposure = queue::Exposure::nothing;
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
      const bool sts_failed = co_await try_host(position);
      if (!sts_failed || all_decided()) continue;
      // The policy may have changed since it was cached: look again before the failure counts.
      // RFC 8461 §5
      const bool changed = co_await policy_changed();
      if (changed) co_await try_host(position);
    }
  }

  [[nodiscard]] bool may_go_on() const {
    return !all_decided() && sessions_ < kMaxSessions && parts_.clock.steady_now() < deadline_;
  }

  asio::awaitable<bool> policy_changed() {
    if (rechecked_) co_return false;
    rechecked_ = true;
    Route fresh = co_await parts_.planner.recheck_policy(route_);
    // Only a policy that was fetched replaces the one in force: trouble on the way never lowers
    // what is owed. STS-26
    if (fresh.sts.source != tls::StsLookup::Source::fetched) co_return false;
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

  /// Whether an MTA-STS failure was met.
  asio::awaitable<bool> try_host(std::size_t position) {
    const HostPlan plan = co_await parts_.planner.plan_host(route_, position);
    json::object& record = hosts_.emplace_back(to_json(plan)).as_object();
    if (plan.failure) {
      note_failure({.error = *plan.failure});
      co_return is_sts_failure(plan.failure->code);
    }
    bool sts_failed = false;
    json::array tried;
    for (const IpAddress& address : addresses_of_turn(plan, delivery_.attempts)) {
      if (!may_go_on()) break;
      json::object connection;
      const std::optional<Errc> failed = co_await try_address(plan, address, connection);
      sts_failed = sts_failed || (failed && is_sts_failure(*failed));
      tried.push_back(std::move(connection));
    }
    record["connections"] = std::move(tried);
    co_return sts_failed;
  }

  asio::awaitable<std::optional<Errc>> try_address(const HostPlan& plan, const IpAddress& address,
                                                   json::object& record) {
    const auto starttls =
        plan.decision.tls_required() ? smtp::StartTls::required : smtp::StartTls::offered;
    record["address"] = address.str();
    auto report = co_await converse(plan, address, starttls);
    std::string downgraded;
    if (report && fails_open(plan, *report, settings_.fallback)) {
      record["downgraded_after"] = to_json(*report->result.failure);
      downgraded = ":downgraded";
      report = co_await converse(plan, address, smtp::StartTls::never);
    }
    bool more = true;
    while (report && more) {
      more = merge(*report, host_label(plan, address), session_label(*report) + downgraded) &&
             may_go_on();
      // Some were refused for their number alone: the same host takes them next. SMTP-19
      if (more) {
        report =
            co_await converse(plan, address, downgraded.empty() ? starttls : smtp::StartTls::never);
      }
    }
    if (!report) {
      record["failure"] = to_json(report.error());
      note_failure({.error = report.error()});
      co_return report.error().code;
    }
    describe_session(*report, record);
    co_return report->result.failure ? std::optional(report->result.failure->code) : std::nullopt;
  }

  asio::awaitable<Result<SessionReport>> converse(const HostPlan& plan, const IpAddress& address,
                                                  smtp::StartTls starttls) {
    const Endpoint target{.address = address, .port = plan.port};
    auto stream = co_await net::connect(target, source_for(settings_.outbound, address.family()),
                                        settings_.outbound.connect_timeout);
    if (!stream) co_return fail(std::move(stream).error());
    ++sessions_;
    const SteadyTime began = parts_.clock.steady_now();
    smtp::ClientSession session({.helo_name = settings_.helo_name, .starttls = starttls},
                                envelope());
    const DriverParts driver{
        .context = parts_.context,
        .clock = parts_.clock,
        .body = {.store = parts_.store, .message = message_.id, .chunks = message_.chunks},
        .timeouts = driver_timeouts(settings_.outbound),
        .deadline = deadline_};
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

  /// Whether some are to be offered to the same host again.
  bool merge(const SessionReport& report, const std::string& label, const std::string& tls_label) {
    const queue::Exposure shown = as_exposure(report.result.shown_in_clear);
    bool again = false;
    auto outcome = report.result.recipients.begin();
    for (Progress& recipient : recipients_) {
      if (recipient.result) continue;
      recipient.exposure = std::max(recipient.exposure, shown);
      again = again || outcome->try_again_here;
      settle(recipient, *outcome++, label, tls_label);
    }
    return again;
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
    for (Progress& recipient : recipients_) {
      result.recipients.push_back(conclude(recipient));
      result.recipients.back().exposure = recipient.exposure;
    }
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
  std::size_t sessions_ = 0;
  SteadyTime deadline_;
  bool rechecked_ = false;
  std::chrono::milliseconds sending_{0};
};

}  // namespace

asio::awaitable<AttemptResult> attempt_delivery(AttemptParts parts, AttemptSettings settings,
                                                queue::Message message, queue::Delivery delivery) {
  Attempt attempt(parts, std::move(settings), std::move(message), std::move(delivery));
  co_return co_await attempt.run();
}

namespace {

asio::awaitable<Result<SessionReport>> probe_address(AttemptParts parts, AttemptSettings settings,
                                                     HostPlan plan, IpAddress address,
                                                     smtp::StartTls starttls) {
  const Endpoint target{.address = address, .port = plan.port};
  auto stream = co_await net::connect(target, source_for(settings.outbound, address.family()),
                                      settings.outbound.connect_timeout);
  if (!stream) co_return fail(std::move(stream).error());
  smtp::ClientSession session({.helo_name = settings.helo_name,
                               .starttls = starttls,
                               .purpose = smtp::ClientOptions::Purpose::probe},
                              {});
  const DriverParts driver{.context = parts.context,
                           .clock = parts.clock,
                           .body = {},
                           .timeouts = driver_timeouts(settings.outbound),
                           .deadline = parts.clock.steady_now() + kAttemptLimit};
  co_return co_await run_session(*std::move(stream), std::move(session), plan.decision, driver);
}

}  // namespace

asio::awaitable<json::object> probe_host(AttemptParts parts, AttemptSettings settings,
                                         HostPlan plan) {
  json::object record{{"address", nullptr}, {"ok", false}, {"tls", "none"}, {"failure", nullptr}};
  const auto starttls =
      plan.decision.tls_required() ? smtp::StartTls::required : smtp::StartTls::offered;
  for (const IpAddress& address : addresses_of_turn(plan, 0)) {
    record = {{"address", address.str()}, {"ok", false}, {"tls", "none"}, {"failure", nullptr}};
    auto report = co_await probe_address(parts, settings, plan, address, starttls);
    if (report && fails_open(plan, *report, settings.fallback)) {
      record["downgraded_after"] = to_json(*report->result.failure);
      report = co_await probe_address(parts, settings, plan, address, smtp::StartTls::never);
    }
    if (!report) {
      record["failure"] = to_json(report.error());
      continue;
    }
    describe_session(*report, record);
    record["ok"] = !report->result.failure;
    if (record["ok"].as_bool()) co_return record;
  }
  co_return record;
}

}  // namespace fulmar::delivery
