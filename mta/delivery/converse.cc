#include "mta/delivery/converse.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "mta/delivery/reuse_key.h"
#include "mta/net/connect.h"

namespace fulmar::delivery {

namespace asio = boost::asio;

namespace {

std::optional<IpAddress> source_for(const conf::Outbound& outbound, AddressFamily family) {
  const auto found = std::ranges::find(outbound.source_addresses, family, &IpAddress::family);
  if (found == outbound.source_addresses.end()) return std::nullopt;
  return *found;
}

smtp::StartTls starttls_for(const HostPlan& plan) {
  if (plan.decision.level == tls::TlsLevel::none) return smtp::StartTls::never;
  if (plan.implicit_tls) return smtp::StartTls::implicit;
  return plan.decision.tls_required() ? smtp::StartTls::required : smtp::StartTls::offered;
}

class Conversing {
 public:
  Conversing(ConverseParts parts, const ConverseSettings& settings, ConverseRequest request)
      : parts_(parts),
        settings_(settings),
        policy_domain_(std::move(request.policy_domain)),
        plan_(request.plan),
        address_(request.address),
        purpose_(request.purpose),
        envelope_(std::move(request.envelope)),
        deliveries_per_connection_(request.deliveries_per_connection),
        chunking_(request.chunking) {}

  asio::awaitable<Result<Conversation>> run() {
    const bool done = co_await reuse();
    if (done) co_return std::move(result_);
    const smtp::StartTls starttls = starttls_for(plan_);
    auto talked = co_await talk(starttls, tls::Groups::preferred);
    if (may_keep() && was_turned_away(talked) && has_time()) {
      // It may be our own idle connections that took the room.
      const bool gave_way = co_await parts_.pool->give_way(address_part(address_));
      if (gave_way) talked = co_await talk(starttls, tls::Groups::preferred);
    }
    if (!talked) {
      // What a kept connection that broke was shown stays true, and so does its failure.
      if (result_.sessions > 0) co_return std::move(result_);
      co_return fail(talked.error());
    }
    if (result_.session.hello_unanswered && has_time()) {
      // A large ClientHello is too much for some middleboxes; a small one passes.
      const auto again = co_await talk(starttls, tls::Groups::classical);
      if (again) result_.classical_groups = true;
    }
    if (fails_open()) {
      auto why = *result_.session.result.failure;
      const auto again = co_await talk(smtp::StartTls::never, tls::Groups::preferred);
      if (!again && result_.shown == smtp::Shown::nothing) co_return fail(again.error());
      if (!again) {
        end_with(again.error());
        co_return std::move(result_);
      }
      result_.downgraded_after = std::move(why);
    }
    if (result_.session.result.bdat_unknown && has_time()) {
      shown_before_ = shown_so_far();
      chunking_ = smtp::ClientOptions::Chunking::never;
      static_cast<void>(co_await talk(
          result_.downgraded_after ? smtp::StartTls::never : starttls,
          result_.classical_groups ? tls::Groups::classical : tls::Groups::preferred));
    }
    keep();
    co_return std::move(result_);
  }

 private:
  /// No connection, or one that ended with "not now" in place of a greeting.
  [[nodiscard]] bool was_turned_away(const Result<>& talked) const {
    if (!talked) return true;
    const smtp::SessionResult& result = result_.session.result;
    return result.stage == smtp::Stage::greeting && result.failure &&
           result.failure->code == Errc::remote_temporary;
  }

  [[nodiscard]] bool has_time() const { return parts_.clock.steady_now() < parts_.deadline; }

  /// An opportunistic handshake failed, so nobody is served yet, and clear text is allowed. Where
  /// somebody waived what is owed, no setting stands in the way of delivery. RFC 7672 §2.2, RFC
  /// 8689 §4.2.2
  [[nodiscard]] bool fails_open() const {
    const smtp::SessionResult& result = result_.session.result;
    const bool allowed =
        settings_.fallback == conf::OpportunisticFallback::clear || !plan_.decision.enforced;
    return allowed && !plan_.decision.tls_required() && !plan_.implicit_tls && result.tls_failed &&
           result.failure && result.failure->code == Errc::tls_handshake;
  }

  /// Over a connection that was kept, if there is one. False: a new one is needed; what was said on
  /// the kept one decided nothing.
  asio::awaitable<bool> reuse() {
    if (!may_keep()) co_return false;
    const asio::any_io_executor home = co_await asio::this_coro::executor;
    auto idle = parts_.pool->take(key(), home, deliveries_per_connection_);
    if (!idle) co_return false;
    opened_ = idle->opened;
    carried_ = idle->messages;
    result_.classical_groups = idle->classical_groups;
    smtp::ClientSession session(options(starttls_for(plan_)), envelope_, idle->session);
    const asio::any_io_executor its_home = idle->stream.executor();
    auto holding = hold(std::move(idle->stream), std::move(session), tls::Groups::preferred,
                        std::move(idle->verified));
    if (its_home == home) {
      co_await std::move(holding);
    } else {
      // On the connection's thread, which is cheaper than another connection on this one.
      co_await asio::co_spawn(its_home, std::move(holding), asio::use_awaitable);
    }
    if (result_.session.result.stale) {
      shown_before_ = shown_so_far();
      result_.classical_groups = false;
      carried_ = 0;
      co_return false;
    }
    result_.reused = true;
    keep();
    co_return true;
  }

  /// What a session over a kept connection showed to who was not proven to be the host.
  [[nodiscard]] smtp::Shown shown_so_far() const {
    const SessionReport& report = result_.session;
    const bool unproven = fell_short(report, plan_.decision);
    return unproven ? report.result.shown : report.result.shown_in_clear;
  }

  /// Nobody could be reached in clear either: that is why, and not that there was no TLS. What was
  /// shown before, over a kept connection, stays true.
  void end_with(const Error& why) {
    smtp::SessionResult& result = result_.session.result;
    result.failure = why;
    for (smtp::RecipientOutcome& outcome : result.recipients) {
      outcome.failure = why;
      outcome.reply.reset();
    }
  }

  [[nodiscard]] bool may_keep() const {
    return parts_.pool != nullptr && purpose_ == smtp::ClientOptions::Purpose::deliver;
  }

  [[nodiscard]] std::string key() const {
    return reuse_key(policy_domain_, plan_, address_, source());
  }

  [[nodiscard]] std::optional<IpAddress> source() const {
    return source_for(settings_.outbound, address_.family());
  }

  /// For the next message, unless the host has carried its number.
  void keep() {
    if (!result_.session.kept) return;
    Kept kept = *std::exchange(result_.session.kept, std::nullopt);
    parts_.pool->put(key(), {.stream = std::move(kept.stream),
                             .session = kept.session,
                             .verified = result_.session.verified,
                             .classical_groups = result_.classical_groups,
                             .messages = carried_ + 1,
                             .opened = opened_});
  }

  [[nodiscard]] smtp::ClientOptions options(smtp::StartTls starttls) const {
    smtp::ClientOptions options{
        .helo_name = settings_.helo_name, .starttls = starttls, .purpose = purpose_};
    options.credentials = plan_.credentials;
    options.chunking = chunking_;
    // A session in clear after a failed handshake is for this message alone.
    const bool last = carried_ + 1 >= deliveries_per_connection_ || starttls != starttls_for(plan_);
    if (may_keep() && !last) options.ending = smtp::ClientOptions::Ending::keep;
    return options;
  }

  /// One new connection; its report replaces that of the one before.
  asio::awaitable<Result<>> talk(smtp::StartTls starttls, tls::Groups groups) {
    const Endpoint target{.address = address_, .port = plan_.port};
    if (may_keep()) static_cast<void>(co_await parts_.pool->give_way(key()));
    auto stream = co_await net::connect(target, source(), settings_.outbound.connect_timeout);
    if (!stream) co_return fail(std::move(stream).error());
    opened_ = parts_.clock.steady_now();
    smtp::ClientSession session(options(starttls), envelope_);
    co_await hold(*std::move(stream), std::move(session), groups, std::nullopt);
    co_return Result<>{};
  }

  asio::awaitable<void> hold(net::Stream stream, smtp::ClientSession session, tls::Groups groups,
                             std::optional<tls::VerifyOutcome> proven) {
    ++result_.sessions;
    const SteadyTime began = parts_.clock.steady_now();
    const DriverParts driver{.context = parts_.context,
                             .clock = parts_.clock,
                             .body = parts_.body,
                             .timeouts = {.command = settings_.outbound.command_timeout,
                                          .final_dot = settings_.outbound.final_dot_timeout},
                             .deadline = parts_.deadline,
                             .groups = groups};
    result_.session = co_await run_session(std::move(stream), std::move(session), plan_.decision,
                                           driver, std::move(proven));
    result_.shown = std::max(result_.shown, result_.session.result.shown);
    smtp::Shown& shown = result_.session.result.shown_in_clear;
    shown = std::max(shown, shown_before_);
    result_.talking +=
        std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady_now() - began);
  }

  ConverseParts parts_;
  const ConverseSettings& settings_;
  Domain policy_domain_;
  const HostPlan& plan_;
  IpAddress address_;
  smtp::ClientOptions::Purpose purpose_;
  smtp::OutgoingEnvelope envelope_;
  std::uint32_t deliveries_per_connection_;
  smtp::ClientOptions::Chunking chunking_;
  SteadyTime opened_;                                // the connection in use
  std::uint32_t carried_ = 0;                        // messages over it before this one
  smtp::Shown shown_before_ = smtp::Shown::nothing;  // over a kept one that was of no use
  Conversation result_;
};

}  // namespace

bool fell_short(const SessionReport& report, const tls::TlsDecision& decision) {
  if (decision.enforced || report.result.stage < smtp::Stage::mail) return false;
  const bool unproven = report.verified && report.verified->waived;
  const bool in_clear = !report.result.tls && decision.level > tls::TlsLevel::opportunistic;
  return decision.waived || unproven || in_clear;
}

asio::awaitable<Result<Conversation>> converse(ConverseParts parts,
                                               const ConverseSettings& settings,
                                               ConverseRequest request) {
  Conversing conversing(parts, settings, std::move(request));
  co_return co_await conversing.run();
}

}  // namespace fulmar::delivery
