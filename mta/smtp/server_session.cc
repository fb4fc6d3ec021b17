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
        if (stopping) {
          goodbye(421, {4, 3, 2}, "shutting down");
        } else if (input.has_line()) {
          read_line();
        } else {
          return idle();
        }
        break;
      case Phase::data:
        if (input.rest().empty()) return idle();
        read_data();
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

ServerData& ServerSession::State::incoming() {
  FULMAR_CHECK(data.has_value());
  return *data;
}

void ServerSession::State::on(const SessionStarted&) {
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

void ServerSession::State::on(const ServerTlsEstablished&) {
  FULMAR_CHECK(phase == Phase::tls);
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
  // RFC 5321 §3.8: a connection costs what is short.
  if (event.why.status == EnhancedStatus{4, 3, 2}) {
    return goodbye(421, {4, 3, 2}, "busy; try again later");
  }
  decline(event.why);
}

void ServerSession::State::on(const DataStored&) {
  if (phase == Phase::beginning) {
    data.emplace(ServerData::Limits{.size = options.message_size,
                                    .received_headers = options.received_headers},
                 options.bare_newline);
    phase = Phase::data;
    replies.add_plain(354, "end data with <CR><LF>.<CR><LF>");
    return;
  }
  FULMAR_CHECK(phase == Phase::storing || phase == Phase::abandoning);
  phase = Phase::data;
  if (incoming().complete()) end_of_data();
}

void ServerSession::State::on(const MessageSafe& event) {
  FULMAR_CHECK(phase == Phase::committing);
  ++tally.messages;
  end_transaction();
  agree(250, {2, 0, 0}, "queued as " + event.id);
}

void ServerSession::State::on(const StoreRefused& event) {
  in_message = false;
  if (phase == Phase::storing) {
    // The client listens again only after its final dot.
    store_refusal = event.why;
    phase = Phase::data;
    if (incoming().complete()) end_of_data();
    return;
  }
  FULMAR_CHECK(phase == Phase::beginning || phase == Phase::committing);
  end_transaction();
  decline(event.why);
}

void ServerSession::State::on(const ServerStopping&) {
  stopping = true;
}

void ServerSession::State::on(const ServerTimedOut&) {
  goodbye(421, {4, 4, 2}, "nothing came in time");
}

void ServerSession::State::read_data() {
  ServerData& message = incoming();
  std::string decoded;
  decoded.reserve(input.rest().size());
  input.consume(message.read(input.rest(), decoded));
  if (in_message) {
    if (auto refusal = message.refusal()) {
      in_message = false;
      ask(AbandonMessage{std::move(refusal->why)}, Phase::abandoning);
      return;
    }
    if (!decoded.empty()) {
      ask(StoreData{std::move(decoded)}, Phase::storing);
      return;
    }
  }
  if (message.complete()) {
    end_of_data();
  } else if (message.is_hopeless()) {
    goodbye(552, {5, 3, 4}, "message far over the size limit");
  }
}

void ServerSession::State::end_of_data() {
  const ServerData& message = incoming();
  if (const auto refusal = message.refusal()) {
    end_transaction();
    complain(refusal->code, refusal->why.status, refusal->why.detail);
    return;
  }
  if (store_refusal) {
    const Error why = *store_refusal;
    end_transaction();
    decline(why);
    return;
  }
  const bool declared = transaction.has_value() && transaction->mail.eight_bit;
  const bool eight_bit = declared || message.saw_eight_bit();
  ask(CommitMessage{DataFacts{.size = message.size(),
                              .eight_bit = eight_bit,
                              .tls_required_no = message.says_tls_required_no()}},
      Phase::committing);
}

void ServerSession::State::end_transaction() {
  transaction.reset();
  data.reset();
  store_refusal.reset();
  in_message = false;
  mail_refused = false;
  phase = Phase::command;
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

bool ServerSession::in_message() const {
  return state_->in_message;
}
const ServerTally& ServerSession::tally() const {
  return state_->tally;
}

}  // namespace fulmar::smtp
