// From what MAIL needs to the reply that hands the message over.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "mta/smtp/classify.h"
#include "mta/smtp/client_state.h"

namespace fulmar::smtp {
namespace {

/// Stuffed body octets collected before they are written: a small message goes out in one write,
/// its end included.
constexpr std::size_t kBodyWrite = 65536;

}  // namespace

bool ClientSession::State::has_mail() const {
  return options.purpose == ClientOptions::Purpose::deliver && !envelope.recipients.empty();
}

/// A host that the message does not fit is told neither password nor envelope.
ClientAction ClientSession::State::begin_transaction() {
  if (has_mail()) {
    stage = Stage::mail;
    // Where the host has said more than it was asked, only DATA tells: no other command has a reply
    // of that kind.
    if (options.chunking == ClientOptions::Chunking::never || parser.has_leftover()) {
      offers.chunking = false;
    }
    handover = choose_handover(envelope, offers);
    if (handover != Handover::data) stuffer = DotStuffer(DotStuffer::Dots::plain);
    auto created = EnvelopeCommands::create(envelope, offers, handover);
    if (!created) return fail_and_quit(created.error());
    commands = *std::move(created);
  }
  return options.credentials && !reused ? authenticate() : send_envelope();
}

ClientAction ClientSession::State::send_envelope() {
  if (!has_mail()) return quit();
  stage = Stage::mail;
  if (handover == Handover::flight) {
    step = Step::loading;
    return DoNextChunk{};
  }
  step = Step::envelope;
  return next_commands();
}

ClientAction ClientSession::State::next_commands() {
  std::string group = commands.next_group();
  const bool with_message = handover == Handover::flight && commands.all_sent();
  note_shown(with_message ? Shown::content : Shown::envelope);
  if (with_message) {
    end_sent = true;
    chunks_unanswered = 1;
  }
  return DoWrite{std::move(group)};
}

void ClientSession::State::note_shown(Shown what) {
  result.shown = std::max(result.shown, what);
  if (!result.tls) result.shown_in_clear = std::max(result.shown_in_clear, what);
}

std::optional<ClientAction> ClientSession::State::on_envelope(const Reply& reply) {
  const EnvelopeCommands::Answered answered = commands.count_reply();
  if (answered.stage == Stage::final_dot) return on_chunk(reply);
  if (auto closing = note_answer(answered, reply)) return closing;
  if (answered.stage == Stage::data) return on_data(reply);
  if (commands.unanswered() > 0) return std::nullopt;
  if (!outcomes.any_undecided()) return end_refused();
  if (handover != Handover::data && parser.has_leftover()) return fail_miscounted();
  return commands.all_sent() ? begin_chunks() : next_commands();
}

/// What the reply to MAIL or to a RCPT says of recipients; 421, to whatever, ends everything.
std::optional<ClientAction> ClientSession::State::note_answer(
    const EnvelopeCommands::Answered& answered, const Reply& reply) {
  stage = answered.stage;
  // A kept connection may have had its number of messages: a new one tells.
  const bool first = !std::exchange(got_reply, true);
  if (reused && (reply.code == 421 || (first && !reply.positive()))) result.stale = true;
  if (reply.code == 421) return refused(reply);
  if (answered.stage == Stage::rcpt) {
    outcomes.note_rcpt(answered.recipient, reply);
  } else if (answered.stage == Stage::mail && !reply.positive()) {
    fail(classify(Stage::mail, reply), reply);
  }
  return std::nullopt;
}

ClientAction ClientSession::State::on_data(const Reply& reply) {
  if (outcomes.accepted() == 0) {
    // RFC 2920 §3.1: DATA went along with RCPTs that were all refused; what it opened is closed
    // without a message.
    if (!reply.intermediate()) return end_refused();
    step = Step::lone_dot;
    return DoWrite{".\r\n"};
  }
  if (!reply.intermediate()) return refused(reply);
  if (parser.has_leftover()) return fail_miscounted();
  step = Step::body;
  stage = Stage::body;
  return DoNextChunk{};
}

/// The reply to the message cannot be here before the message: the count is wrong, and would show a
/// delivery that did not happen.
ClientAction ClientSession::State::fail_miscounted() {
  return fail_and_close(make_error(Errc::remote_protocol, "more replies than commands"));
}

ClientAction ClientSession::State::on(const BodyChunk& event) {
  FULMAR_CHECK(step == Step::body || step == Step::loading);
  if (handover != Handover::data) return add_to_chunk(event.bytes);
  stuffer.transform(event.bytes, pending_body);
  if (pending_body.size() < kBodyWrite) return DoNextChunk{};
  return write_body();
}

ClientAction ClientSession::State::write_body() {
  note_shown(Shown::content);
  return DoWrite{std::exchange(pending_body, {})};
}

/// Writing the body failed, and this is what the host said before. A refusal is a certain answer,
/// even where the dot was among what was written; anything else tells no more than the broken
/// connection does (RFC 5321 §4.2.5: only the reply to the dot takes a message over).
ClientAction ClientSession::State::on_answer_amid_body() {
  const auto parsed = parser.next();
  const std::optional<Reply> reply = parsed ? *parsed : std::nullopt;
  if (!reply || !(reply->transient() || reply->permanent())) return fail_unwritten();
  return fail_and_close(classify(stage, *reply), reply);
}

ClientAction ClientSession::State::fail_unwritten() {
  return on(ConnectionLost{.reason = "the message could not be written"});
}

ClientAction ClientSession::State::on(const BodyEnd&) {
  FULMAR_CHECK(step == Step::body || step == Step::loading);
  if (handover != Handover::data) return end_chunks();
  stuffer.finish(pending_body);
  // From here on the dot may have arrived, even if writing it fails.
  end_sent = true;
  step = Step::final_dot;
  stage = Stage::final_dot;
  return write_body();
}

ClientAction ClientSession::State::on(const BodyFailed& event) {
  FULMAR_CHECK(step == Step::body || step == Step::loading);
  return fail_and_close(event.why);
}

ClientAction ClientSession::State::on_final_dot(const Reply& reply) {
  if (reply.positive()) {
    outcomes.deliver_undecided(reply, offers.dsn ? DsnDuty::theirs : DsnDuty::ours);
    return keep();
  }
  if (reply.intermediate()) return fail_in_doubt(classify(stage, reply));
  return refused(reply);
}

bool ClientSession::State::may_be_taken() const {
  return end_sent && outcomes.any_undecided();
}

/// The end of the message is out and no usable answer came: the message may have been taken. Nobody
/// else is offered it before the schedule says so (RFC 1047, RFC 5321 §4.5.3.2.6; pitfall 73).
ClientAction ClientSession::State::fail_in_doubt(Error why) {
  why.retry = Retry::later;
  why.detail += "; the message may be delivered more than once";
  result.in_doubt = true;
  stage = Stage::final_dot;
  return fail_and_close(why);
}

}  // namespace fulmar::smtp
