#include "mta/delivery/attempt.h"

#include <utility>

#include "base/log.h"
#include "mta/delivery/record.h"
#include "mta/smtp/client_session.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
namespace {

/// Sessions held and connections tried in one attempt at most; the next one begins with the hosts
/// that are left.
constexpr std::size_t kMaxSessions = 20;
constexpr std::size_t kMaxConnects = 100;
/// How long one attempt may take, so that hosts which stall at every step give their slot back; and
/// the rate below which a body counts as stalling, too.
constexpr std::chrono::minutes kAttemptLimit{30};
constexpr std::uint64_t kSlowestOctetsPerSecond = 4096;
/// Of enhanced status codes: network and routing (RFC 3463 §3.5).
constexpr std::uint16_t kNetworkStatus = 4;

std::string host_label(const HostPlan& plan, const IpAddress& address) {
  const std::string name = plan.host.is_root() ? std::string() : plan.host.str();
  return name + '[' + address.str() + "]:" + std::to_string(plan.port);
}

/// What protected the session, for the mail log.
std::string session_label(const Conversation& conversation, const tls::TlsDecision& decision) {
  const SessionReport& report = conversation.session;
  std::string label = "none";
  if (report.result.tls) {
    label = achieved_label(report.verified ? report.verified->achieved : tls::TlsLevel::encrypt);
  }
  const bool less = conversation.downgraded_after || fell_short(report, decision);
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
  Attempt(AttemptParts parts, const AttemptSettings& settings, const queue::Message& message,
          const queue::Delivery& delivery, const queue::BodyChunks* body)
      : parts_(std::move(parts)),
        settings_(settings),
        message_(message),
        delivery_(delivery),
        body_(body),
        ledger_(delivery_.recipients.size()),
        began_(parts_.clock.utc_now()),
        started_(parts_.clock.steady_now()),
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
    if (put_off_) co_return AttemptResult{.put_off = true};
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
    Source source = Source::cache;                ///< Where they were looked up.
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

  /// From where the last attempt had to stop, once around.
  asio::awaitable<void> walk_hosts() {
    const std::size_t count = host_count(route_);
    for (std::size_t i = 0; i < count && !ledger_.all_decided(); ++i) {
      const std::size_t position = (delivery_.first_host + i) % count;
      if (!may_go_on()) {
        ledger_.cut_short();
        next_host_ = static_cast<std::uint32_t>(position);
        break;
      }
      HostPlan plan = co_await parts_.planner.plan_host(route_, position, Source::cache);
      Held held = co_await try_host(position, std::move(plan), Source::cache);
      co_await look_again(position, std::move(held));
    }
    if (!policy_confirmed_) ledger_.leave_policy_open();
  }

  /// Before a failure counts, what it rests on is looked up again. RFC 8461 §5, RFC 7671 §8.1
  asio::awaitable<void> look_again(std::size_t position, Held held) {
    if (held.by_policy) held = co_await try_fresh_policy(position, std::move(held));
    if (held.by_records) held = co_await try_fresh_records(position, std::move(held));
    // Other records may have left the host to the policy.
    if (held.by_policy) held = co_await try_fresh_policy(position, std::move(held));
  }

  /// The host again, if the policy is another one by now; asked for once an attempt. What it was
  /// held back by at last.
  asio::awaitable<Held> try_fresh_policy(std::size_t position, Held held) {
    if (!may_go_on() || std::exchange(rechecked_, true)) co_return held;
    if (route_.sts.fetch_tried) {
      policy_confirmed_ = route_.sts.source == tls::StsLookup::Source::fetched;
      co_return held;
    }
    Route fresh = co_await parts_.planner.recheck_policy(route_);
    policy_confirmed_ = is_confirmed(fresh.sts);
    if (!has_newer_policy(fresh.sts, route_.sts)) co_return held;
    const bool changed = fresh.sts.policy != route_.sts.policy;
    route_ = std::move(fresh);
    if (!changed) co_return held;
    ledger_.forget_policy_failures();
    HostPlan plan = co_await parts_.planner.plan_host(route_, position, held.source);
    co_return co_await try_host(position, std::move(plan), held.source);
  }

  /// Somebody fetched the policy since this attempt began, or nothing is published.
  [[nodiscard]] bool is_confirmed(const tls::StsLookup& fresh) const {
    const bool fetched = fresh.source == tls::StsLookup::Source::fetched ||
                         (fresh.policy && fresh.entry.fetched_at >= began_);
    const bool absent = !fresh.policy && !fresh.live_id && !fresh.trouble;
    return fetched || absent;
  }

  /// The host again, if its TLSA records are others by now.
  asio::awaitable<Held> try_fresh_records(std::size_t position, Held held) {
    if (held.source == Source::fresh) co_return held;
    if (!may_go_on()) {
      ledger_.leave_records_open(position);
      co_return held;
    }
    HostPlan plan = co_await parts_.planner.plan_host(route_, position, Source::fresh);
    if (plan.tlsa.status == resolver::TlsaStatus::lookup_failed) {
      // What nobody could look at again holds the mail back, but never ends it.
      ledger_.leave_records_open(position);
      co_return held;
    }
    if (!has_other_records(plan, held.published)) co_return held;
    ledger_.forget_host(position);
    co_return co_await try_host(position, std::move(plan), Source::fresh);
  }

  [[nodiscard]] bool may_go_on() const {
    return !put_off_ && !ledger_.all_decided() && sessions_ < kMaxSessions &&
           connects_ < kMaxConnects && parts_.clock.steady_now() < deadline_;
  }

  asio::awaitable<Held> try_host(std::size_t position, HostPlan made, Source source) {
    const auto kept = std::make_shared<const HostPlan>(std::move(made));
    const HostPlan& plan = *kept;
    hosts_.push_back({.plan = kept, .tried = {}});
    Held held{.published = plan.tlsa.published, .source = source};
    if (plan.failure) {
      const Basis basis = basis_of(plan.decision, plan.failure->code);
      ledger_.note_failure(position, basis, {.error = *plan.failure});
      held.by_policy = basis == Basis::policy;
      held.by_records = basis == Basis::records;
      co_return held;
    }
    for (const IpAddress& address : addresses_of_turn(plan, delivery_.attempts)) {
      if (!may_go_on()) break;
      if (is_left_alone(position, plan, address)) continue;
      if (!gets_place()) break;
      const Basis basis = co_await try_address(position, plan, address);
      held.by_policy = held.by_policy || basis == Basis::policy;
      held.by_records = held.by_records || basis == Basis::records;
    }
    co_return held;
  }

  /// Asked for when a host's plan has just been made, so that nobody waits for a place with a plan
  /// that grows old: whoever gets none begins anew, from the caches. Lookups for later hosts keep
  /// the place, until the attempt's deadline at most.
  bool gets_place() {
    if (!begun_) begun_ = !parts_.begin || parts_.begin();
    put_off_ = !begun_;
    return begun_;
  }

  /// It could not be reached for another message a moment ago. That tells nothing final about this
  /// one.
  bool is_left_alone(std::size_t position, const HostPlan& plan, const IpAddress& address) {
    if (parts_.unreachable == nullptr) return false;
    const auto trouble = parts_.unreachable->trouble_with({address, plan.port}, started_);
    if (!trouble) return false;
    const Error failure =
        make_error(Errc::connect_failed,
                   "not tried: " + host_label(plan, address) + " could not be reached " +
                       std::to_string(trouble->ago.count()) + " s ago (" + trouble->what + ")");
    trace_of(address).outcomes.emplace_back(failure);
    ledger_.note_failure(position, Basis::fact, {.error = failure});
    ledger_.spare_host();
    return true;
  }

  void note_reached(const Endpoint& endpoint, const SessionReport& report) {
    ending_ = std::min(ending_, queue::Ending::unreachable);
    if (report.result.stage > smtp::Stage::greeting) ending_ = queue::Ending::answered;
    if (parts_.unreachable != nullptr) parts_.unreachable->note_answer(endpoint);
  }

  void note_not_reached(const Endpoint& endpoint, const Error& why) {
    // Trouble of our own tells nothing of the host.
    if (why.status.subject != kNetworkStatus) return;
    ending_ = std::min(ending_, queue::Ending::unreachable);
    if (parts_.unreachable != nullptr) parts_.unreachable->note_failure(endpoint, why.detail);
  }

  /// What the failure rests on, if there was one.
  asio::awaitable<Basis> try_address(std::size_t position, const HostPlan& plan,
                                     const IpAddress& address) {
    AddressTrace& trace = trace_of(address);
    for (;;) {
      const ConverseParts parts{.context = parts_.context,
                                .clock = parts_.clock,
                                .body = {.store = parts_.store,
                                         .message = message_.id,
                                         .chunks = message_.chunks,
                                         .in_memory = body_},
                                .deadline = deadline_,
                                .pool = parts_.pool};
      ConverseRequest request{.policy_domain = domain_of_policy(),
                              .plan = plan,
                              .address = address,
                              .purpose = Purpose::deliver,
                              .envelope = envelope()};
      if (route_.rule != nullptr) {
        request.deliveries_per_connection = route_.rule->entry.max_deliveries_per_connection;
      }
      // What was tried before may have come to grief over it: smtp/client_session.h.
      if (delivery_.attempts > 1) request.chunking = smtp::ClientOptions::Chunking::never;
      ++connects_;
      auto conversation = co_await converse(parts, settings_.converse, std::move(request));
      if (!conversation) {
        trace.outcomes.emplace_back(conversation.error());
        note_not_reached({address, plan.port}, conversation.error());
        ledger_.note_failure(position, Basis::fact, {.error = conversation.error()});
        co_return Basis::fact;
      }
      sessions_ += conversation->sessions;
      sending_ += conversation->talking;
      const smtp::SessionResult& result = conversation->session.result;
      note_reached({address, plan.port}, conversation->session);
      const Basis basis =
          result.failure ? basis_of(plan.decision, result.failure->code) : Basis::fact;
      const Ledger::Session session{
          .host = position,
          .basis = basis,
          .shown_unproven = fell_short(conversation->session, plan.decision),
          .may_pass = conversation->session.tls_may_pass,
          .shown = conversation->shown,
          .label = host_label(plan, address),
          .tls = session_label(*conversation, plan.decision)};
      const Ledger::Again again = ledger_.merge(session, result);
      trace.outcomes.emplace_back(*std::move(conversation));
      if (again == Ledger::Again::no || !may_go_on()) co_return basis;
    }
  }

  [[nodiscard]] Domain domain_of_policy() const {
    return route_.kind == tls::NextHopKind::address_literal ? Domain{} : policy_domain(route_);
  }

  /// Those undecided, in order.
  [[nodiscard]] smtp::OutgoingEnvelope envelope() {
    smtp::OutgoingEnvelope envelope{.size = message_.size,
                                    .eight_bit = message_.eight_bit,
                                    .smtputf8 = message_.smtputf8,
                                    .requiretls = requiretls_of(message_),
                                    .ret = message_.ret,
                                    .envelope_id = message_.envelope_id};
    if (message_.sender) envelope.reverse_path = message_.sender->ascii_domain_form();
    for (std::size_t i = 0; i < delivery_.recipients.size(); ++i) {
      if (ledger_.is_decided(i)) continue;
      const queue::Recipient& recipient = delivery_.recipients[i];
      envelope.recipients.push_back({.address = recipient.address.ascii_domain_form(),
                                     .notify = recipient.notify,
                                     .original_recipient = recipient.original_recipient});
    }
    return envelope;
  }

  /// A new entry of the host that is being tried; good until the next one.
  AddressTrace& trace_of(const IpAddress& address) {
    return hosts_.back().tried.emplace_back(address);
  }

  [[nodiscard]] AttemptResult finish(std::chrono::milliseconds total) {
    AttemptResult result;
    result.trace = {.route = std::move(route_), .hosts = std::move(hosts_)};
    result.sending = sending_;
    result.connecting = total - sending_;
    result.next_host = next_host_;
    result.ending = ending_;
    result.recipients = std::move(ledger_).conclude(settings_.failure);
    return result;
  }

  AttemptParts parts_;
  const AttemptSettings& settings_;
  const queue::Message& message_;
  const queue::Delivery& delivery_;
  const queue::BodyChunks* body_;
  Ledger ledger_;
  Route route_;
  std::vector<HostTrace> hosts_;
  std::size_t sessions_ = 0;
  std::size_t connects_ = 0;
  UtcTime began_;
  SteadyTime started_;
  SteadyTime deadline_;
  std::uint32_t next_host_ = 0;
  queue::Ending ending_ = queue::Ending::untried;
  bool rechecked_ = false;
  bool policy_confirmed_ = false;
  bool begun_ = false;
  bool put_off_ = false;
  std::chrono::milliseconds sending_{0};
};

}  // namespace

asio::awaitable<AttemptResult> attempt_delivery(AttemptParts parts, const AttemptSettings& settings,
                                                const queue::Message& message,
                                                const queue::Delivery& delivery,
                                                const queue::BodyChunks* body) {
  Attempt attempt(std::move(parts), settings, message, delivery, body);
  co_return co_await attempt.run();
}

}  // namespace fulmar::delivery
