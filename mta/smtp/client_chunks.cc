// The message by BDAT: in the flight that carries the envelope, or in chunks behind it. RFC 3030 §2
//
// Each count is that of the octets that are written behind it, so the two cannot differ; what can
// is the body and the size it was announced with, and then its end is never sent.
#include <utility>

#include "mta/smtp/classify.h"
#include "mta/smtp/client_state.h"

namespace fulmar::smtp {
namespace {

/// Octets of the body collected for one chunk, but for the last, which may have as many again.
constexpr std::size_t kChunk = 65536;
/// Replies that may be owed while chunks go on: a window of a megabyte, which few round trips are
/// long enough to notice, and replies that fit into any buffer (RFC 2920 §3.1).
constexpr std::size_t kMaxChunksUnanswered = 16;

/// Of the command, not of the message. A status that speaks of something else than the protocol is
/// a verdict (RFC 3463 §3.6).
bool is_unknown_command(const Reply& reply) {
  return reply.code >= 500 && reply.code <= 504 &&
         (!reply.enhanced || reply.enhanced->subject == 5);
}

}  // namespace

ClientAction ClientSession::State::begin_chunks() {
  step = Step::body;
  stage = Stage::body;
  return DoNextChunk{};
}

ClientAction ClientSession::State::add_to_chunk(std::string_view bytes) {
  body_taken += bytes.size();
  if (body_taken > envelope.size) return fail_wrong_size();
  stuffer.transform(bytes, pending_body);
  // The last chunk is never empty. One octet that is left may be the LF of a line end whose CR
  // brought it along.
  const bool nearly_all = envelope.size - body_taken <= 1;
  if (step == Step::loading || nearly_all || pending_body.size() < kChunk) return DoNextChunk{};
  return write_chunk(LastChunk::no);
}

ClientAction ClientSession::State::end_chunks() {
  if (body_taken != envelope.size) return fail_wrong_size();
  if (step == Step::loading) {
    commands.add_message(std::exchange(pending_body, {}));
    step = Step::envelope;
    return next_commands();
  }
  // From here on the last chunk may have arrived, even if writing it fails.
  end_sent = true;
  step = Step::final_dot;
  stage = Stage::final_dot;
  return write_chunk(LastChunk::yes);
}

ClientAction ClientSession::State::write_chunk(LastChunk last) {
  note_shown(Shown::content);
  ++chunks_unanswered;
  const std::string octets = std::exchange(pending_body, {});
  return DoWrite{write_bdat(octets.size(), last) + "\r\n" + octets};
}

/// More or less than was announced is not the message that was accepted from its sender.
ClientAction ClientSession::State::fail_wrong_size() {
  return fail_and_close(make_error(
      Errc::corrupt,
      "the body does not have the " + std::to_string(envelope.size) + " octets it should have"));
}

bool ClientSession::State::may_send_chunk() const {
  return step == Step::body && chunks_unanswered < kMaxChunksUnanswered;
}

/// One to each BDAT, in their order.
std::optional<ClientAction> ClientSession::State::on_chunk(const Reply& reply) {
  if (chunks_unanswered == 0) return fail_miscounted();
  --chunks_unanswered;
  if (!outcomes.any_undecided()) return on_chunk_for_nobody(reply);
  if (is_unknown_command(reply)) return fail_without_bdat(reply);
  if (end_sent && chunks_unanswered == 0) {
    stage = Stage::final_dot;
    return on_final_dot(reply);
  }
  if (reply.positive()) return std::nullopt;
  if (end_sent && reply.intermediate()) return fail_in_doubt(classify(stage, reply));
  return refused(reply);  // CHK-02: no more chunks, and RSET
}

/// The message went along with recipients who were all refused. Taken or not, it is for nobody, and
/// each of them has a reply already.
ClientAction ClientSession::State::on_chunk_for_nobody(const Reply& reply) {
  // 503 is what BDAT without a recipient deserves. A host that does not know the command has taken
  // the message for commands, and one that waits for more may go on doing so.
  const bool misread = is_unknown_command(reply) && reply.code != 503;
  return misread || reply.intermediate() || reply.code == 421 ? close() : end_refused();
}

/// Writing failed, and this is what the host said before: of recipients, of chunks. That the whole
/// message was taken it cannot be.
ClientAction ClientSession::State::on_answer_amid_chunks() {
  for (;;) {
    const auto parsed = parser.next();
    const std::optional<Reply> reply = parsed ? *parsed : std::nullopt;
    if (!reply) return fail_unwritten();
    if (step == Step::envelope) {
      if (commands.unanswered() == 0) return fail_unwritten();
      const EnvelopeCommands::Answered answered = commands.count_reply();
      auto closing = note_answer(answered, *reply);
      if (closing) return *std::move(closing);
      if (answered.stage != Stage::final_dot) continue;
    }
    if (reply->positive()) continue;
    if (reply->intermediate()) return fail_unwritten();
    if (is_unknown_command(*reply)) return fail_without_bdat(*reply);
    return fail_and_close(classify(stage, *reply), reply);
  }
}

/// CHUNKING is listed, by the host or by something before it, and BDAT refused as a command. The
/// message may be read as commands now, each with a reply, so nothing more is said here.
ClientAction ClientSession::State::fail_without_bdat(const Reply& reply) {
  result.bdat_unknown = true;
  result.stale = reused;
  return fail_and_close(make_error(Errc::remote_protocol,
                                   "CHUNKING is offered, and BDAT answered: " + reply.one_line()),
                        reply);
}

std::optional<ClientAction> ClientSession::State::on_drained(const Reply& reply) {
  if (reply.code == 421) return close();
  if (--chunks_unanswered > 0) return std::nullopt;
  return end_refused();
}

}  // namespace fulmar::smtp
