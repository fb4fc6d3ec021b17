// A message comes in: DATA, BDAT, its octets, its end. RFC 5321 §4.1.1.4, RFC 3030 §2
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "mta/smtp/server_state.h"

namespace fulmar::smtp {

ServerData& ServerSession::State::incoming() {
  FULMAR_CHECK(data.has_value());
  return *data;
}

void ServerSession::State::run(const Data&) {
  // Refused or not, what follows would be taken for commands or for a message that nobody asked
  // for.
  if (is_followed_by_more()) return;
  if (!transaction) return refuse_out_of_transaction("MAIL comes first");
  if (data) return complain(503, {5, 5, 1}, "BDAT goes on");  // RFC 3030 §2, CHK-02
  if (transaction->recipients.empty()) return complain(554, {5, 5, 1}, "no valid recipients");
  begin_message();
}

void ServerSession::State::run(const Bdat& command) {
  const bool hopeless =
      options.message_size != 0 && command.octets / ServerData::kPatience > options.message_size;
  if (hopeless) return goodbye(552, {5, 3, 4}, "chunk far over the size limit");
  chunk = Chunk{.octets = command.octets, .left = command.octets, .last = command.last};
  if (data) {
    phase = Phase::data;
  } else if (extended && transaction && !transaction->recipients.empty()) {
    begin_message();
  } else {
    phase = Phase::draining;  // CHK-03: it comes whether it is wanted or not
  }
}

void ServerSession::State::drain() {
  const std::size_t taken =
      static_cast<std::size_t>(std::min<std::uint64_t>(chunk->left, input.rest().size()));
  input.consume(taken);
  chunk->left -= taken;
  if (!chunk->is_over()) return;
  chunk.reset();
  phase = Phase::command;
  refuse_out_of_transaction("MAIL and RCPT come first");
}

void ServerSession::State::begin_message() {
  in_message = true;
  transaction->known.clear();
  ask(BeginMessage{IncomingEnvelope{.sender = transaction->mail.sender,
                                    .recipients = std::exchange(transaction->recipients, {}),
                                    .helo = helo,
                                    .extended = extended,
                                    .tls = tls == ServerOptions::Tls::active,
                                    .user = tally.user,
                                    .eight_bit = transaction->mail.eight_bit,
                                    .smtputf8 = transaction->mail.smtputf8,
                                    .requiretls = transaction->mail.requiretls,
                                    .ret = transaction->mail.ret,
                                    .envelope_id = transaction->mail.envelope_id}},
      Phase::beginning);
}

void ServerSession::State::begin_data(std::optional<SubmissionHeader::Additions> additions) {
  data.emplace(ServerData::Limits{.size = options.message_size,
                                  .received_headers = options.received_headers},
               options.bare_newline,
               chunk ? DataReader::Framing::counted : DataReader::Framing::dot,
               std::move(additions));
  phase = Phase::data;
}

void ServerSession::State::on(const MessageBegun& event) {
  FULMAR_CHECK(phase == Phase::beginning);
  std::optional<SubmissionHeader::Additions> additions;
  if (is_submission()) additions.emplace(event.date, event.message_id);
  begin_data(std::move(additions));
  if (!chunk) replies.add_plain(354, "end data with <CR><LF>.<CR><LF>");
}

void ServerSession::State::read_data() {
  ServerData& message = incoming();
  std::string_view available = input.rest();
  if (chunk) available = available.substr(0, chunk->left);
  std::string decoded;
  decoded.reserve(available.size());
  const std::size_t taken = message.read(available, decoded);
  input.consume(taken);
  if (chunk) {
    chunk->left -= taken;
    if (chunk->is_over() && chunk->last) message.finish(decoded);
  }
  if (in_message) {
    if (auto refusal = message.refusal()) {
      in_message = false;
      return ask(AbandonMessage{std::move(refusal->why)}, Phase::abandoning);
    }
    if (!decoded.empty()) return ask(StoreData{std::move(decoded)}, Phase::storing);
  }
  go_on_with_data();
}

void ServerSession::State::on(const DataStored&) {
  FULMAR_CHECK(phase == Phase::storing || phase == Phase::abandoning);
  if (!transaction) {
    phase = Phase::command;  // it was taken back, and answered
    return;
  }
  phase = Phase::data;
  go_on_with_data();
}

void ServerSession::State::on(const MessageSafe& event) {
  FULMAR_CHECK(phase == Phase::committing);
  ++tally.messages;
  ++tally.commands;
  idle_commands = 0;
  end_transaction();
  agree(250, {2, 0, 0}, "queued as " + event.id);
}

void ServerSession::State::on(const StoreRefused& event) {
  in_message = false;
  if (phase == Phase::storing || (phase == Phase::beginning && chunk)) {
    // The client listens again only after its final dot, or the end of the chunk.
    if (!data) begin_data(std::nullopt);
    store_refusal = event.why;
    phase = Phase::data;
    return go_on_with_data();
  }
  FULMAR_CHECK(phase == Phase::beginning || phase == Phase::committing);
  end_transaction();
  decline(event.why);
}

/// Whatever was read is stored, or not wanted.
void ServerSession::State::go_on_with_data() {
  const bool end_of_chunk = chunk && chunk->is_over();
  if (incoming().complete()) return end_of_data();
  if (!end_of_chunk) {
    if (incoming().is_hopeless()) goodbye(552, {5, 3, 4}, "message far over the size limit");
    return;
  }
  ++tally.commands;
  if (refuse_data()) return;
  phase = Phase::command;
  agree(250, {2, 0, 0}, std::to_string(chunk->octets) + " octets received");
}

/// The message will not be taken: says so. What was pipelined behind a chunk finds no transaction,
/// and is not held against the client.
bool ServerSession::State::refuse_data() {
  const auto refusal = incoming().refusal();
  const std::optional<Error> why = store_refusal;
  if (!refusal && !why) return false;
  const bool more_may_follow = chunk && !chunk->last;
  end_transaction();
  mail_refused = more_may_follow;
  forgiven = 0;
  if (refusal) {
    complain(refusal->code, refusal->why.status, refusal->why.detail);
  } else {
    decline(*why);
  }
  return true;
}

void ServerSession::State::end_of_data() {
  if (refuse_data()) return;
  const ServerData& message = incoming();
  const bool declared = transaction.has_value() && transaction->mail.eight_bit;
  const bool eight_bit = declared || message.saw_eight_bit();
  ask(CommitMessage{.facts = {.size = message.size(),
                              .eight_bit = eight_bit,
                              .eight_bit_header = message.saw_eight_bit_header(),
                              .tls_required_no = message.says_tls_required_no()},
                    .originators = message.originators()},
      Phase::committing);
}

void ServerSession::State::end_transaction() {
  transaction.reset();
  data.reset();
  chunk.reset();
  store_refusal.reset();
  in_message = false;
  mail_refused = false;
  phase = Phase::command;
}

void ServerSession::State::drop_transaction(std::string_view why) {
  const bool is_open = in_message;
  end_transaction();
  if (is_open) {
    ask(AbandonMessage{make_error(Errc::cancelled, std::string(why))}, Phase::abandoning);
  }
}

}  // namespace fulmar::smtp
