#include "mta/delivery/driver.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace fulmar::delivery {

namespace asio = boost::asio;
using namespace smtp;

namespace {

constexpr std::chrono::seconds kQuitTimeout{
    5};  // the outcome is known; nobody waits for manners (pitfall 62)
constexpr std::chrono::milliseconds kLastWords{1000};

class Driver {
 public:
  Driver(net::Stream stream, const tls::TlsDecision& decision, DriverParts parts,
         std::optional<tls::VerifyOutcome> proven)
      : stream_(std::move(stream)),
        decision_(decision),
        parts_(parts),
        asked_at_(parts.clock.steady_now()),
        verified_(std::move(proven)) {}

  asio::awaitable<SessionReport> run(ClientSession session) {
    ClientAction action = session.resume(Connected{});
    while (!std::holds_alternative<DoClose>(action) && !std::holds_alternative<DoKeep>(action)) {
      const ClientEvent event = co_await perform(std::move(action));
      action = session.resume(event);
    }
    const bool keep = std::holds_alternative<DoKeep>(action);
    if (!keep) co_await stream_.shut_down(kQuitTimeout);
    SessionReport report{.result = session.result(),
                         .verified = std::move(verified_),
                         .hello_unanswered = hello_unanswered_};
    if (keep) report.kept = Kept{.stream = std::move(stream_), .session = session.kept()};
    report.tls_may_pass = may_pass(report.result);
    name_missing_tls(report.result);
    co_return report;
  }

 private:
  asio::awaitable<ClientEvent> perform(ClientAction action) {
    if (const auto* read = std::get_if<DoRead>(&action)) co_return co_await do_read(read->wait);
    if (auto* write = std::get_if<DoWrite>(&action))
      co_return co_await do_write(std::move(write->bytes));
    if (std::holds_alternative<DoStartTls>(action)) co_return co_await do_start_tls();
    co_return co_await do_next_chunk();
  }

  [[nodiscard]] std::chrono::milliseconds limit(Wait wait) const {
    switch (wait) {
      case Wait::command:
        return parts_.timeouts.command;
      case Wait::final_dot:
        return parts_.timeouts.final_dot;
      case Wait::quit:
        return kQuitTimeout;
    }
    return parts_.timeouts.command;
  }

  static ClientEvent lost(const Error& error) {
    const bool timed_out = error.code == Errc::timeout;
    return ConnectionLost{
        .reason = error.detail,
        .cause = timed_out ? ConnectionLost::Cause::timeout : ConnectionLost::Cause::closed};
  }

  /// What one read may take, so that all replies to the last write keep within their bound.
  [[nodiscard]] std::chrono::milliseconds patience(Wait wait) const {
    const auto since_asked = std::chrono::duration_cast<std::chrono::milliseconds>(
        parts_.clock.steady_now() - asked_at_);
    const auto left = limit(wait) * kPatience - since_asked;
    const auto bounded = std::clamp(left, std::chrono::milliseconds(0), limit(wait));
    // A message whose end was sent may be taken: giving up on that answer early makes a duplicate.
    return wait == Wait::final_dot ? bounded : until_deadline(bounded);
  }

  [[nodiscard]] std::chrono::milliseconds until_deadline(std::chrono::milliseconds wanted) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        parts_.deadline - parts_.clock.steady_now());
    return std::clamp(left, std::chrono::milliseconds(0), wanted);
  }

  asio::awaitable<ClientEvent> do_read(Wait wait) {
    const auto bytes = co_await stream_.read(patience(wait));
    if (!bytes) co_return lost(bytes.error());
    co_return BytesReceived{*bytes};
  }

  asio::awaitable<ClientEvent> do_write(std::string bytes) {
    const auto written = co_await stream_.write(bytes, until_deadline(parts_.timeouts.command));
    asked_at_ = parts_.clock.steady_now();
    if (written) co_return BytesWritten{};
    if (!in_body_) co_return lost(written.error());
    // A host that refuses a message while it is being sent says so before it closes.
    const auto last_words = co_await stream_.read(kLastWords);
    if (last_words) co_return BytesReceived{*last_words};
    co_return lost(written.error());
  }

  /// The class of failure when the handshake itself does not come about. The session names it after
  /// what is owed: name_missing_tls().
  [[nodiscard]] ClientEvent handshake_failed(Error error) {
    refused_by_protocol_ = error.code == Errc::tls_handshake;
    return TlsRefused{.why = make_error(Errc::tls_handshake, std::move(error.detail))};
  }

  asio::awaitable<ClientEvent> do_start_tls() {
    auto session = parts_.context.new_smtp_session(decision_, parts_.groups);
    if (!session) co_return handshake_failed(std::move(session).error());
    const auto shaken =
        co_await stream_.handshake_client(*std::move(session), parts_.timeouts.command);
    if (!shaken) {
      hello_unanswered_ = tls::is_unanswered(stream_.ssl());
      co_return handshake_failed(shaken.error());
    }
    verified_ = tls::verify_session(stream_.ssl(), decision_, parts_.context);
    if (verified_->failure) {
      co_return TlsRefused{.why = *verified_->failure,
                           .handshake = TlsRefused::Handshake::complete};
    }
    co_return TlsEstablished{};
  }

  asio::awaitable<ClientEvent> do_next_chunk() {
    in_body_ = true;
    if (next_chunk_ == parts_.body.chunks) co_return BodyEnd{};
    if (parts_.body.in_memory != nullptr) {
      co_return BodyChunk{.bytes = parts_.body.in_memory->at(next_chunk_++)};
    }
    auto chunk = co_await parts_.body.store->read_chunk(parts_.body.message, next_chunk_);
    if (!chunk) co_return BodyFailed{.why = std::move(chunk).error()};
    ++next_chunk_;
    chunk_ = *std::move(chunk);
    co_return BodyChunk{.bytes = chunk_};
  }

  /// A host that has no TLS is an answer; "not now" and a connection that breaks are none.
  [[nodiscard]] bool may_pass(const SessionResult& result) const {
    if (!result.tls_failed || refused_by_protocol_) return false;
    return std::ranges::none_of(result.recipients, [](const RecipientOutcome& recipient) {
      return recipient.reply && recipient.reply->permanent();
    });
  }

  /// The session knows that TLS was required, not by whom: here the failure gets the class of the
  /// decision.
  void name_missing_tls(SessionResult& result) const {
    if (!decision_.tls_required()) return;
    // Under REQUIRETLS mail comes back for want of TLS, but not for this. RFC 8689 §4.2.1
    if (decision_.requiretls && may_pass(result)) return;
    const auto rename = [&](std::optional<Error>& failure) {
      if (!failure || failure->code != Errc::tls_handshake) return;
      failure = make_error(tls::no_tls_failure(decision_), std::move(failure->detail));
    };
    rename(result.failure);
    for (RecipientOutcome& recipient : result.recipients)
      rename(recipient.failure);
  }

  net::Stream stream_;
  const tls::TlsDecision& decision_;
  DriverParts parts_;
  SteadyTime asked_at_;  // end of the last write
  std::optional<tls::VerifyOutcome> verified_;
  std::uint32_t next_chunk_ = 0;
  bool in_body_ = false;
  bool hello_unanswered_ = false;
  bool refused_by_protocol_ = false;  // the handshake, by one of the two sides
  std::string chunk_;                 // holds what the last BodyChunk event points at
};

}  // namespace

asio::awaitable<SessionReport> run_session(net::Stream stream, ClientSession session,
                                           const tls::TlsDecision& decision, DriverParts parts,
                                           std::optional<tls::VerifyOutcome> proven) {
  Driver driver(std::move(stream), decision, parts, std::move(proven));
  co_return co_await driver.run(std::move(session));
}

}  // namespace fulmar::delivery
