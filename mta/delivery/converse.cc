#include "mta/delivery/converse.h"

#include <algorithm>
#include <utility>

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
  Conversing(ConverseParts parts, ConverseSettings settings, ConverseRequest request)
      : parts_(parts),
        settings_(std::move(settings)),
        plan_(std::move(request.plan)),
        address_(request.address),
        purpose_(request.purpose),
        envelope_(std::move(request.envelope)) {}

  asio::awaitable<Result<Conversation>> run() {
    const smtp::StartTls starttls = starttls_for(plan_);
    FULMAR_CO_TRY_VOID(co_await talk(starttls, tls::Groups::preferred));
    if (result_.session.hello_unanswered && has_time()) {
      // A large ClientHello is too much for some middleboxes; a small one passes.
      const auto again = co_await talk(starttls, tls::Groups::classical);
      if (again) result_.classical_groups = true;
    }
    if (fails_open()) {
      auto why = *result_.session.result.failure;
      const auto again = co_await talk(smtp::StartTls::never, tls::Groups::preferred);
      if (!again) co_return fail(again.error());
      result_.downgraded_after = std::move(why);
    }
    co_return std::move(result_);
  }

 private:
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

  /// One connection; its report replaces that of the one before.
  asio::awaitable<Result<>> talk(smtp::StartTls starttls, tls::Groups groups) {
    const Endpoint target{.address = address_, .port = plan_.port};
    auto stream = co_await net::connect(target, source_for(settings_.outbound, address_.family()),
                                        settings_.outbound.connect_timeout);
    if (!stream) co_return fail(std::move(stream).error());
    ++result_.sessions;
    const SteadyTime began = parts_.clock.steady_now();
    smtp::ClientOptions options{
        .helo_name = settings_.helo_name, .starttls = starttls, .purpose = purpose_};
    options.credentials = plan_.credentials;
    smtp::ClientSession session(std::move(options), envelope_);
    const DriverParts driver{.context = parts_.context,
                             .clock = parts_.clock,
                             .body = parts_.body,
                             .timeouts = {.command = settings_.outbound.command_timeout,
                                          .final_dot = settings_.outbound.final_dot_timeout},
                             .deadline = parts_.deadline,
                             .groups = groups};
    result_.session =
        co_await run_session(*std::move(stream), std::move(session), plan_.decision, driver);
    result_.talking +=
        std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady_now() - began);
    co_return Result<>{};
  }

  ConverseParts parts_;
  ConverseSettings settings_;
  HostPlan plan_;
  IpAddress address_;
  smtp::ClientOptions::Purpose purpose_;
  smtp::OutgoingEnvelope envelope_;
  Conversation result_;
};

}  // namespace

asio::awaitable<Result<Conversation>> converse(ConverseParts parts, ConverseSettings settings,
                                               ConverseRequest request) {
  Conversing conversing(parts, std::move(settings), std::move(request));
  co_return co_await conversing.run();
}

}  // namespace fulmar::delivery
