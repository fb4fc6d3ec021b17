#include "mta/delivery/attempt.h"

#include <algorithm>

#include "base/ascii.h"
#include "mta/delivery/driver.h"
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

bool is_sts_failure(Errc code) {
  return code == Errc::sts_mx_mismatch || code == Errc::sts_certificate ||
         code == Errc::sts_no_tls || code == Errc::sts_required;
}

/// Whether another MTA-STS policy might have let the host pass.
bool rests_on_policy(const tls::TlsDecision& decision, Errc code) {
  const bool by_policy = decision.level == tls::TlsLevel::sts || decision.sts_must_pass;
  return is_sts_failure(code) || (by_policy && code == Errc::requiretls_unmet);
}

/// Whether other TLSA records might have.
bool rests_on_records(const tls::TlsDecision& decision, Errc code) {
  return code == Errc::dane_mismatch || (!decision.tlsa.empty() && code == Errc::requiretls_unmet);
}

/// Whether the failure is the host's word. Our own findings never carry it as theirs (DSN-14).
bool is_remote_word(Errc code) {
  return code == Errc::remote_temporary || code == Errc::remote_permanent ||
         code == Errc::remote_protocol;
}

/// What protected the session, for the mail log. A session that fell short of what somebody waived
/// says so.
std::string session_label(const Conversation& conversation, const tls::TlsDecision& decision) {
  const SessionReport& report = conversation.session;
  std::string label = "none";
  if (report.result.tls) {
    label = achieved_label(report.verified ? report.verified->achieved : tls::TlsLevel::encrypt);
  }
  const bool fell_short = conversation.downgraded_after || decision.waived ||
                          (report.verified && report.verified->waived);
  return fell_short ? label + ":downgraded" : label;
}

tls::Demand demand_of(const queue::Message& message, const AttemptSettings& settings) {
  if (message.requiretls && settings.requiretls) return tls::Demand::requiretls;
  return message.tls_optional ? tls::Demand::tls_optional : tls::Demand::nothing;
}

smtp::OutgoingEnvelope::RequireTls requiretls_of(const queue::Message& message,
                                                 const AttemptSettings& settings) {
  using RequireTls = smtp::OutgoingEnvelope::RequireTls;
  if (!message.requiretls || !settings.requiretls) return RequireTls::no;
  // A notice under proven protection is better than none. RFC 8689 §5, REQ-11
  return message.sender ? RequireTls::demanded : RequireTls::if_offered;
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
    route_ =
        co_await parts_.planner.find_route(delivery_.destination, demand_of(message_, settings_));
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
  using Source = resolver::TlsaSettings::Source;
  /// How many failures each recipient had.
  using Mark = std::vector<std::size_t>;

  /// What a visit to a host ended in that may rest on old answers.
  struct Met {
    bool sts_failure = false;
    bool dane_mismatch = false;
    std::vector<resolver::TlsaRecord> tlsa;  ///< What the host was held to.
  };

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
      const Mark before = mark_failures();
      const Met met = co_await try_host(position, Source::cache);
      if (all_decided()) co_return;
      // What was held against the host may rest on an answer of yesterday: look again before it
      // counts. RFC 8461 §5, RFC 7671 §8.1
      if (met.sts_failure) {
        const bool changed = co_await policy_changed();
        if (changed) co_await try_host(position, Source::cache);
      }
      if (met.dane_mismatch && may_go_on()) co_await try_fresh_records(position, met, before);
    }
  }

  /// The host again, if its TLSA records are others by now.
  asio::awaitable<void> try_fresh_records(std::size_t position, Met met, Mark before) {
    HostPlan plan = co_await parts_.planner.plan_host(route_, position, Source::fresh);
    const bool changed =
        plan.tlsa.status != resolver::TlsaStatus::lookup_failed && plan.tlsa.published != met.tlsa;
    if (!changed) co_return;
    forget_failures_since(before);
    co_await try_planned(std::move(plan));
  }

  [[nodiscard]] Mark mark_failures() const {
    Mark mark;
    for (const Progress& recipient : recipients_)
      mark.push_back(recipient.failures.size());
    return mark;
  }

  void forget_failures_since(const Mark& mark) {
    for (std::size_t i = 0; i < recipients_.size(); ++i)
      recipients_[i].failures.resize(std::min(mark[i], recipients_[i].failures.size()));
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
      std::erase_if(recipient.failures, [](const HostFailure& failure) {
        return is_sts_failure(failure.error.code) || failure.error.code == Errc::requiretls_unmet;
      });
    }
  }

  asio::awaitable<Met> try_host(std::size_t position, Source source) {
    HostPlan plan = co_await parts_.planner.plan_host(route_, position, source);
    co_return co_await try_planned(std::move(plan));
  }

  asio::awaitable<Met> try_planned(HostPlan plan) {
    json::object& record = hosts_.emplace_back(to_json(plan)).as_object();
    Met met{.tlsa = plan.tlsa.published};
    if (plan.failure) {
      note_failure({.error = *plan.failure});
      met.sts_failure = rests_on_policy(plan.decision, plan.failure->code);
      co_return met;
    }
    json::array tried;
    for (const IpAddress& address : addresses_of_turn(plan, delivery_.attempts)) {
      if (!may_go_on()) break;
      json::object connection;
      const std::optional<Errc> failed = co_await try_address(plan, address, connection);
      if (failed) {
        met.sts_failure = met.sts_failure || rests_on_policy(plan.decision, *failed);
        met.dane_mismatch = met.dane_mismatch || rests_on_records(plan.decision, *failed);
      }
      tried.push_back(std::move(connection));
    }
    record["connections"] = std::move(tried);
    co_return met;
  }

  asio::awaitable<std::optional<Errc>> try_address(const HostPlan& plan, const IpAddress& address,
                                                   json::object& record) {
    record["address"] = address.str();
    bool more = true;
    std::optional<Errc> failed;
    while (more) {
      const ConverseParts parts{
          .context = parts_.context,
          .clock = parts_.clock,
          .body = {.store = parts_.store, .message = message_.id, .chunks = message_.chunks},
          .deadline = deadline_};
      auto conversation = co_await converse(parts, settings_.converse, plan, address,
                                            smtp::ClientOptions::Purpose::deliver, envelope());
      if (!conversation) {
        record["failure"] = to_json(conversation.error());
        note_failure({.error = conversation.error()});
        co_return conversation.error().code;
      }
      sessions_ += conversation->sessions;
      sending_ += conversation->talking;
      describe_conversation(*conversation, record);
      const SessionReport& report = conversation->session;
      failed = report.result.failure ? std::optional(report.result.failure->code) : std::nullopt;
      // Some were refused for their number alone: the same host takes them next. SMTP-19
      more =
          merge(report, host_label(plan, address), session_label(*conversation, plan.decision)) &&
          may_go_on();
    }
    co_return failed;
  }

  /// Those undecided, in order.
  [[nodiscard]] smtp::OutgoingEnvelope envelope() {
    smtp::OutgoingEnvelope envelope{.size = message_.size, .eight_bit = message_.eight_bit};
    envelope.requiretls = requiretls_of(message_, settings_);
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

  [[nodiscard]] RecipientResult conclude(Progress& recipient) const {
    if (recipient.result) return *std::move(recipient.result);
    // Only a cap that was reached, or a recheck that ended without a retry, leaves no reason at
    // all.
    if (recipient.failures.empty()) {
      recipient.failures.push_back(
          {.error = make_error(Errc::connect_failed, "no host could be tried in this attempt")});
    }
    HostFailure failure = most_telling(recipient.failures, settings_.failure);
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

}  // namespace fulmar::delivery
