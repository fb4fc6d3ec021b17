#include "mta/smtp/client_session.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "mta/smtp/classify.h"
#include "mta/smtp/client_state.h"

namespace fulmar::smtp {

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::greeting:
      return "greeting";
    case Stage::ehlo:
      return "ehlo";
    case Stage::starttls:
      return "starttls";
    case Stage::tls:
      return "tls";
    case Stage::auth:
      return "auth";
    case Stage::mail:
      return "mail";
    case Stage::rcpt:
      return "rcpt";
    case Stage::data:
      return "data";
    case Stage::body:
      return "body";
    case Stage::final_dot:
      return "final-dot";
    case Stage::quit:
      return "quit";
  }
  std::unreachable();
}

ClientSession::ClientSession(ClientOptions options, OutgoingEnvelope envelope)
    : state_(std::make_unique<State>(std::move(options), std::move(envelope))) {}
ClientSession::ClientSession(ClientOptions options, OutgoingEnvelope envelope, KeptSession kept)
    : ClientSession(std::move(options), std::move(envelope)) {
  FULMAR_CHECK(state_->has_mail());
  state_->reused = true;
  state_->offers = kept.offers;
  state_->result.tls = kept.tls;
  state_->result.starttls_offered = state_->offers.starttls;
}
ClientSession::~ClientSession() = default;
ClientSession::ClientSession(ClientSession&&) noexcept = default;
ClientSession& ClientSession::operator=(ClientSession&&) noexcept = default;

ClientAction ClientSession::resume(const ClientEvent& event) {
  FULMAR_CHECK(state_->step != State::Step::closed);
  ClientAction action =
      std::visit([this](const auto& happened) { return state_->on(happened); }, event);
  state_->writing = std::holds_alternative<DoWrite>(action);
  return action;
}

const SessionResult& ClientSession::result() const {
  FULMAR_CHECK(state_->step == State::Step::closed);
  return state_->result;
}

KeptSession ClientSession::kept() const {
  FULMAR_CHECK(state_->step == State::Step::closed);
  return {.offers = state_->offers, .tls = state_->result.tls};
}

ClientAction ClientSession::State::on(const Connected&) {
  FULMAR_CHECK(step == Step::start);
  if (reused) return begin_transaction();
  step = Step::greeting;
  if (const auto fit = check_credentials(); !fit) return fail_and_close(fit.error());
  const auto& name = options.helo_name;
  if (name.empty() ||
      !std::ranges::all_of(name, [](char c) { return is_printable(c) && c != ' '; })) {
    return fail_and_close(
        make_error(Errc::invalid_argument, "name for EHLO that would break the command line"));
  }
  if (options.starttls == StartTls::implicit) return start_tls();
  return DoRead{};
}

ClientAction ClientSession::State::on(const BytesReceived& event) {
  heard_any = true;
  parser.feed(event.bytes);
  const bool in_flight = step == Step::envelope && handover == Handover::flight;
  const bool of_body = in_flight || step == Step::body || step == Step::final_dot;
  if (!writing || !of_body) return read_replies();
  return handover == Handover::data ? on_answer_amid_body() : on_answer_amid_chunks();
}

ClientAction ClientSession::State::on(const BytesWritten&) {
  if (step == Step::body && handover == Handover::data) return DoNextChunk{};
  return read_replies();
}

ClientAction ClientSession::State::read_replies() {
  for (;;) {
    auto parsed = parser.next();
    if (!parsed) return on_not_smtp(std::move(parsed).error());
    const std::optional<Reply> reply = *std::move(parsed);
    if (!reply) break;
    first_reply_under_tls = false;
    if (auto action = on_reply(*reply)) return *std::move(action);
  }
  if (may_send_chunk()) return DoNextChunk{};
  return DoRead{wait_for_reply()};
}

Wait ClientSession::State::wait_for_reply() const {
  switch (step) {
    case Step::quit:
    case Step::reset:
    case Step::draining:
      return Wait::quit;  // The outcome is known; nobody waits for manners.
    case Step::lone_dot:
      return Wait::final_dot;
    default:
      // Behind a flight the first reply may come with the last one (RFC 2920 §3.2).
      return may_be_taken() ? Wait::final_dot : Wait::command;
  }
}

std::optional<ClientAction> ClientSession::State::on_reply(const Reply& reply) {
  switch (step) {
    case Step::greeting:
      return on_greeting(reply);
    case Step::ehlo:
      return on_ehlo(reply);
    case Step::helo:
      return on_helo(reply);
    case Step::starttls:
      return on_starttls(reply);
    case Step::auth:
      return on_auth(reply);
    case Step::envelope:
      return on_envelope(reply);
    case Step::body:
      return on_chunk(reply);
    case Step::final_dot:
      return handover == Handover::data ? on_final_dot(reply) : on_chunk(reply);
    case Step::draining:
      return on_drained(reply);
    case Step::lone_dot:
      return end_refused();  // Everyone was refused before; this reply cannot change that.
    case Step::reset:
      return reply.positive() ? keep() : reply.code == 421 ? close() : quit();
    case Step::quit:
      return close();
    case Step::start:
    case Step::handshake:
    case Step::loading:
    case Step::closed:
      break;
  }
  FULMAR_CHECK(false && "no reply is awaited here");
  std::unreachable();
}

ClientAction ClientSession::State::on_not_smtp(Error why) {
  why.detail = "at " + std::string(to_string(stage)) + ": " + why.detail;
  if (may_be_taken()) return fail_in_doubt(std::move(why));
  if (step == Step::starttls) return fail_starttls(std::move(why.detail));
  // Something that only echoes would have its words quoted, which are ours, and secret.
  if (step == Step::auth) why.detail = "at auth: not an SMTP reply";
  return fail_and_close(why);
}

ClientAction ClientSession::State::on(const ConnectionLost& event) {
  const bool timeout = event.cause == ConnectionLost::Cause::timeout;
  const std::string what = timeout ? "no answer in time at " : "connection lost at ";
  const std::string detail = what + std::string(to_string(stage)) + ": " + event.reason;
  // Who took a message has answered MAIL before: a kept connection that ends without a word was
  // closed before the host read it.
  const bool unread = reused && !heard_any && !timeout;
  if (may_be_taken() && !unread) return fail_in_doubt(make_error(Errc::connection_lost, detail));
  // A host, or something on the way, that breaks off at STARTTLS is one without TLS (RFC 7672
  // §2.2).
  if (step == Step::starttls) return fail_starttls(detail);
  // Under TLS 1.3 the peer's verdict on the handshake comes with its first octets after it (pitfall
  // 63).
  if (step == Step::handshake || (first_reply_under_tls && !timeout)) {
    result.tls_failed = true;
    result.tls = false;
    return fail_and_close(
        make_error(Errc::tls_handshake, detail + " (before any reply under TLS)"));
  }
  const bool of_no_use = reused && outcomes.any_undecided() && (!got_reply || !timeout);
  result.stale = result.stale || of_no_use;
  return fail_and_close(make_error(Errc::connection_lost, detail));
}

/// Gives `why` to everyone without a decision of their own. A refusal that came earlier stands
/// (pitfall 70), and what happens from QUIT on changes nothing (RFC 5321 §4.1.1.10).
void ClientSession::State::fail(const Error& why, const std::optional<Reply>& reply) {
  if (step == Step::quit || step == Step::lone_dot || step == Step::reset) return;
  if (step == Step::draining) return;
  const bool probe = options.purpose == ClientOptions::Purpose::probe;
  if (!result.failure && (probe || outcomes.any_undecided())) {
    result.failure = why;
    result.stage = stage;
  }
  outcomes.fail_undecided(stage, why, reply);
}

ClientAction ClientSession::State::fail_and_quit(const Error& why,
                                                 const std::optional<Reply>& reply) {
  fail(why, reply);
  return quit();
}

ClientAction ClientSession::State::fail_and_close(const Error& why,
                                                  const std::optional<Reply>& reply) {
  fail(why, reply);
  return close();
}

ClientAction ClientSession::State::refused(const Reply& reply) {
  const Error why = classify(stage, reply);
  // After 421 the server closes without being asked (RFC 5321 §3.8); one that answers something
  // else than was asked would not take QUIT for QUIT.
  const bool hang_up = reply.code == 421 || why.code == Errc::remote_protocol;
  if (hang_up) return fail_and_close(why, reply);
  fail(why, reply);
  return stage >= Stage::mail ? end_refused() : quit();
}

/// The host said no to this message, and may be asked about another.
ClientAction ClientSession::State::end_refused() {
  if (options.ending == ClientOptions::Ending::quit || result.stale) return quit();
  if (chunks_unanswered > 0) {
    step = Step::draining;
    return read_replies();
  }
  step = Step::reset;  // What it remembers of this one must not become part of the next.
  return DoWrite{"RSET\r\n"};
}

/// Ready for the next message, unless the host says more than it was asked for.
ClientAction ClientSession::State::keep() {
  if (options.ending == ClientOptions::Ending::quit || parser.has_leftover()) return quit();
  close();
  return DoKeep{};
}

ClientAction ClientSession::State::quit() {
  step = Step::quit;
  return DoWrite{"QUIT\r\n"};
}

ClientAction ClientSession::State::close() {
  if (!result.failure) result.stage = Stage::quit;
  const bool probe = options.purpose == ClientOptions::Purpose::probe;
  if (!probe) result.recipients = outcomes.take();
  step = Step::closed;
  return DoClose{};
}

}  // namespace fulmar::smtp
