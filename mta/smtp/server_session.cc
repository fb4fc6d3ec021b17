#include "mta/smtp/server_session.h"

#include <utility>

#include "base/check.h"
#include "mta/smtp/server_state.h"

namespace fulmar::smtp {
namespace {

constexpr std::size_t kFlushAt = 8192;  // octets of replies that are written although input remains

}  // namespace

ServerAction ServerSession::State::next() {
  while (true) {
    if (question) {
      ServerAction asked = *std::move(question);
      question.reset();
      return asked;
    }
    if (replies.size() >= kFlushAt) return write();
    if (closing) return replies.size() > 0 ? write() : ServerClose{};
    switch (phase) {
      case Phase::command:
      case Phase::sasl:
        // Between two chunks a message is still being received.
        if (stopping && !in_message) {
          goodbye(421, {4, 3, 2}, "shutting down");
        } else if (!input.has_line()) {
          return idle();
        } else if (phase == Phase::command) {
          read_line();
        } else {
          read_response();
        }
        break;
      case Phase::data:
      case Phase::draining:
        if (input.rest().empty() && !(chunk && chunk->is_over())) return idle();
        phase == Phase::data ? read_data() : drain();
        break;
      case Phase::tls:
        return replies.size() > 0 ? write() : ServerStartTls{};
      default:
        FULMAR_CHECK(phase == Phase::greeting);  // else an action was not answered by its event
        return write();
    }
  }
}

ServerAction ServerSession::State::write() {
  return ServerWrite{replies.take()};
}

ServerAction ServerSession::State::idle() {
  if (replies.size() > 0)
    return write();  // PIP-03: what is pending goes out when the input is used up
  return ServerRead{};
}

void ServerSession::State::ask(ServerAction action, Phase meanwhile) {
  question = std::move(action);
  phase = meanwhile;
}

void ServerSession::State::on(const SessionStarted& event) {
  take_user(event.user);
  replies.add_plain(220, own_name() + " ESMTP Fulmar");
}

void ServerSession::State::on(const ServerBytesReceived& event) {
  if (phase == Phase::greeting) {
    goodbye(554, {5, 5, 0}, "you spoke before the greeting");
    return;
  }
  input.feed(event.bytes);
}

void ServerSession::State::on(const ServerBytesWritten&) {
  if (phase == Phase::greeting) phase = Phase::command;
}

void ServerSession::State::on(const ServerTlsEstablished& event) {
  FULMAR_CHECK(phase == Phase::tls);
  take_user(event.user);
  // RFC 3207 §4.2: nothing that was said in clear counts any more.
  input.clear();
  helo.clear();
  extended = false;
  end_transaction();
  tls = ServerOptions::Tls::active;
}

void ServerSession::State::on(const EnvelopeAccepted&) {
  FULMAR_CHECK(phase == Phase::accepting);
  phase = Phase::command;
  mail_refused = false;
  transaction = Transaction{.mail = std::exchange(asked_mail, {}), .recipients = {}, .known = {}};
  agree(250, {2, 1, 0}, "sender ok");
}

void ServerSession::State::on(const EnvelopeRefused& event) {
  FULMAR_CHECK(phase == Phase::accepting);
  phase = Phase::command;
  mail_refused = true;
  forgiven = 0;
  // RFC 5321 §3.8: a connection costs what is short.
  if (event.why.status == EnhancedStatus{4, 3, 2}) {
    return goodbye(421, {4, 3, 2}, "busy; try again later");
  }
  decline(event.why);
}

void ServerSession::State::on(const ServerStopping&) {
  stopping = true;
}

void ServerSession::State::on(const ServerTimedOut&) {
  goodbye(421, {4, 4, 2}, "nothing came in time");
}

ServerSession::ServerSession(ServerOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
ServerSession::~ServerSession() = default;
ServerSession::ServerSession(ServerSession&&) noexcept = default;
ServerSession& ServerSession::operator=(ServerSession&&) noexcept = default;

ServerAction ServerSession::resume(const ServerEvent& event) {
  std::visit([this](const auto& happened) { state_->on(happened); }, event);
  return state_->next();
}

bool ServerSession::is_receiving() const {
  using Phase = State::Phase;
  const Phase phase = state_->phase;
  return phase == Phase::data || phase == Phase::draining || phase == Phase::storing ||
         phase == Phase::abandoning;
}

bool ServerSession::in_message() const {
  return state_->in_message;
}
const ServerTally& ServerSession::tally() const {
  return state_->tally;
}

}  // namespace fulmar::smtp
