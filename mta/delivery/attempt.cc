#include "mta/delivery/attempt.h"

#include <utility>

#include "base/ascii.h"
#include "base/log.h"
#include "mta/delivery/record.h"
#include "mta/smtp/client_session.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

/// Sessions held in one attempt at most; what is left gets its turn in the next one, equal hosts in
/// another order.
constexpr std::size_t kMaxSessions = 20;
/// How long one attempt may take, so that hosts which stall at every step give their slot back; and
/// the rate below which a body counts as stalling, too.
constexpr std::chrono::minutes kAttemptLimit{30};
constexpr std::uint64_t kSlowestOctetsPerSecond = 4096;

std::string host_label(const HostPlan& plan, const IpAddress& address) {
  const std::string name = plan.host.is_root() ? std::string() : plan.host.str();
  return name + '[' + address.str() + "]:" + std::to_string(plan.port);
}

/// What another lookup might take back.
Basis basis_of(const tls::TlsDecision& decision, Errc code) {
  switch (code) {
    case Errc::sts_mx_mismatch:
    case Errc::sts_certificate:
    case Errc::sts_no_tls:
    case Errc::sts_required:
    case Errc::sts_unknown:
      return Basis::policy;
    case Errc::dane_mismatch:
      return Basis::records;
    case Errc::requiretls_unmet:
      if (!decision.tlsa.empty()) return Basis::records;
      return decision.level == tls::TlsLevel::sts ? Basis::policy : Basis::fact;
    default:
      return Basis::fact;
  }
}

/// The session had less than the host was owed, and somebody waived it.
bool fell_short(const Conversation& conversation, const tls::TlsDecision& decision) {
  const SessionReport& report = conversation.session;
  if (decision.enforced || report.result.stage < smtp::Stage::mail) return false;
  const bool unproven = report.verified && report.verified->waived;
  const bool in_clear = !report.result.tls && decision.level > tls::TlsLevel::opportunistic;
  return decision.waived || unproven || in_clear;
}

/// What protected the session, for the mail log.
std::string session_label(const Conversation& conversation, const tls::TlsDecision& decision) {
  const SessionReport& report = conversation.session;
  std::string label = "none";
  if (report.result.tls) {
    label = achieved_label(report.verified ? report.verified->achieved : tls::TlsLevel::encrypt);
  }
  const bool less = conversation.downgraded_after || fell_short(conversation, decision);
  return less ? label + ":downgraded" : label;
}

/// A message that was taken with a demand keeps it, whatever the settings say by now. REQ-02
tls::Demand demand_of(const queue::Message& message) {
  if (message.requiretls) return tls::Demand::requiretls;
  return message.tls_optional ? tls::Demand::tls_optional : tls::Demand::nothing;
}

smtp::OutgoingEnvelope::RequireTls requiretls_of(const queue::Message& message) {
  using RequireTls = smtp::OutgoingEnvelope::RequireTls;
  if (!message.requiretls) return RequireTls::no;
  // A notice under proven protection is better than none. RFC 8689 §5, REQ-11
  return message.sender ? RequireTls::demanded : RequireTls::if_offered;
}

class Attempt {
 public:
  Attempt(AttemptParts parts, AttemptSettings settings, queue::Message message,
          queue::Delivery delivery)
      : parts_(parts),
        settings_(std::move(settings)),
        message_(std::move(message)),
        delivery_(std::move(delivery)),
        ledger_(delivery_.recipients.size()),
        deadline_(parts_.clock.steady_now() + kAttemptLimit +
                  std::chrono::seconds(message_.size / kSlowestOctetsPerSecond)) {}

  asio::awaitable<AttemptResult> run() {
    const SteadyTime started = parts_.clock.steady_now();
    route_ = co_await parts_.planner.find_route(delivery_.destination, demand_of(message_));
    tell_of_rule();
    if (route_.failure) {
      ledger_.note_failure(0, Basis::fact, {.error = *route_.failure});
    } else {
      co_await walk_hosts();
    }
    const auto total =
        std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady_now() - started);
    co_return finish(total);
  }

 private:
  using Purpose = smtp::ClientOptions::Purpose;
  using Source = resolver::TlsaSettings::Source;

  /// What held a host back, and may rest on answers of yesterday.
  struct Held {
    bool by_policy = false;
    bool by_records = false;
    std::vector<resolver::TlsaRecord> published;  ///< Its TLSA records, as looked up.
  };

  /// An exception in force is told wherever it has effect.
  void tell_of_rule() const {
    if (route_.rule == nullptr || route_.rule->entry.tls == conf::TlsRule::automatic) return;
    const conf::Destination& entry = route_.rule->entry;
    log_info("rule for the destination applied",
             {{"id", message_.id.str()},
              {"destination", to_string(delivery_.destination)},
              {"where", entry.where},
              {"tls", std::string(conf::to_string(entry.tls))}});
  }

  asio::awaitable<void> walk_hosts() {
    for (std::size_t position = 0; position < host_count(route_) && may_go_on(); ++position) {
      HostPlan plan = co_await parts_.planner.plan_host(route_, position, Source::cache);
      Held held = co_await try_host(position, std::move(plan));
      // Before it counts, it is looked up again. RFC 8461 §5, RFC 7671 §8.1
      if (held.by_policy && may_go_on()) held = co_await try_fresh_policy(position, held);
      if (held.by_records && may_go_on()) co_await try_fresh_records(position, held);
    }
  }

  /// The host again, if the policy is another one by now; asked for once an attempt. What it was
  /// held back by at last.
  asio::awaitable<Held> try_fresh_policy(std::size_t position, Held held) {
    if (std::exchange(rechecked_, true)) co_return held;
    Route fresh = co_await parts_.planner.recheck_policy(route_);
    // Only a policy that was fetched, for this message or since for another, replaces the one in
    // force: trouble on the way never lowers what is owed. STS-26
    const bool fetched_since = fresh.sts.source == tls::StsLookup::Source::cached &&
                               fresh.sts.entry.fetched_at > route_.sts.entry.fetched_at;
    const bool newer = fresh.sts.source == tls::StsLookup::Source::fetched || fetched_since;
    if (!newer) co_return held;
    const bool changed = fresh.sts.policy != route_.sts.policy;
    route_ = std::move(fresh);
    if (!changed) co_return held;
    ledger_.forget_policy_failures();
    HostPlan plan = co_await parts_.planner.plan_host(route_, position, Source::cache);
    co_return co_await try_host(position, std::move(plan));
  }

  /// The host again, if its TLSA records are others by now.
  asio::awaitable<void> try_fresh_records(std::size_t position, Held held) {
    HostPlan plan = co_await parts_.planner.plan_host(route_, position, Source::fresh);
    if (plan.tlsa.status == resolver::TlsaStatus::lookup_failed) {
      // What nobody could look at again holds the mail back, but never ends it.
      ledger_.leave_open(position);
      co_return;
    }
    if (!has_other_records(plan, held.published)) co_return;
    ledger_.forget_host(position);
    co_await try_host(position, std::move(plan));
  }

  [[nodiscard]] bool may_go_on() const {
    return !ledger_.all_decided() && sessions_ < kMaxSessions &&
           parts_.clock.steady_now() < deadline_;
  }

  asio::awaitable<Held> try_host(std::size_t position, HostPlan plan) {
    json::object& record = hosts_.emplace_back(to_json(plan)).as_object();
    Held held{.published = plan.tlsa.published};
    if (plan.failure) {
      const Basis basis = basis_of(plan.decision, plan.failure->code);
      ledger_.note_failure(position, basis, {.error = *plan.failure});
      held.by_policy = basis == Basis::policy;
      co_return held;
    }
    json::array tried;
    for (const IpAddress& address : addresses_of_turn(plan, delivery_.attempts)) {
      if (!may_go_on()) break;
      json::object connection;
      const Basis basis = co_await try_address(position, plan, address, connection);
      held.by_policy = held.by_policy || basis == Basis::policy;
      held.by_records = held.by_records || basis == Basis::records;
      tried.push_back(std::move(connection));
    }
    record["connections"] = std::move(tried);
    co_return held;
  }

  /// What the failure rests on, if there was one.
  asio::awaitable<Basis> try_address(std::size_t position, const HostPlan& plan,
                                     const IpAddress& address, json::object& record) {
    record["address"] = address.str();
    for (;;) {
      const ConverseParts parts{
          .context = parts_.context,
          .clock = parts_.clock,
          .body = {.store = parts_.store, .message = message_.id, .chunks = message_.chunks},
          .deadline = deadline_};
      ConverseRequest request{
          .plan = plan, .address = address, .purpose = Purpose::deliver, .envelope = envelope()};
      const auto conversation = co_await converse(parts, settings_.converse, std::move(request));
      if (!conversation) {
        record["failure"] = to_json(conversation.error());
        ledger_.note_failure(position, Basis::fact, {.error = conversation.error()});
        co_return Basis::fact;
      }
      sessions_ += conversation->sessions;
      sending_ += conversation->talking;
      describe_conversation(*conversation, record);
      const smtp::SessionResult& result = conversation->session.result;
      const Basis basis =
          result.failure ? basis_of(plan.decision, result.failure->code) : Basis::fact;
      const Ledger::Session session{.host = position,
                                    .basis = basis,
                                    .shown_unproven = fell_short(*conversation, plan.decision),
                                    .label = host_label(plan, address),
                                    .tls = session_label(*conversation, plan.decision)};
      const Ledger::Again again = ledger_.merge(session, result);
      if (again == Ledger::Again::no || !may_go_on()) co_return basis;
    }
  }

  /// Those undecided, in order.
  [[nodiscard]] smtp::OutgoingEnvelope envelope() {
    smtp::OutgoingEnvelope envelope{.size = message_.size, .eight_bit = message_.eight_bit};
    envelope.requiretls = requiretls_of(message_);
    if (message_.sender) envelope.reverse_path = message_.sender->ascii_domain_form();
    envelope.smtputf8 = !is_ascii(envelope.reverse_path);
    for (std::size_t i = 0; i < delivery_.recipients.size(); ++i) {
      if (ledger_.is_decided(i)) continue;
      envelope.recipients.push_back(delivery_.recipients[i].address.ascii_domain_form());
      envelope.smtputf8 = envelope.smtputf8 || !is_ascii(envelope.recipients.back());
    }
    return envelope;
  }

  [[nodiscard]] AttemptResult finish(std::chrono::milliseconds total) {
    AttemptResult result;
    result.decision = to_json(route_);
    result.decision["hosts"] = std::move(hosts_);
    result.sending = sending_;
    result.connecting = total - sending_;
    result.recipients = std::move(ledger_).conclude(settings_.failure);
    return result;
  }

  AttemptParts parts_;
  AttemptSettings settings_;
  queue::Message message_;
  queue::Delivery delivery_;
  Ledger ledger_;
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

}  // namespace fulmar::delivery
