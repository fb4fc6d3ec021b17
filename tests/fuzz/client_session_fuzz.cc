// A hostile server against the sending side: every dialogue ends, every recipient gets one outcome,
// nothing is called delivered before the final dot or the last chunk, no line leaves with a bare CR
// or LF, a chunk has the octets it is said to have, the end of a body that has not is never sent,
// DATA and BDAT are never mixed, and neither a password nor a demand for REQUIRETLS is forgotten
// about. Where the connection is kept,
// other messages follow on it while the server goes on with its words: each is decided by what the
// server says after its own commands, and nobody greets or logs in twice.
//
// Input: one octet of options, one that decides what fails, then what the server says; each 0xFF in
// it ends a segment. An octet below 0x10 before the server's words is for more options.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "mta/smtp/client_session.h"

namespace {

using namespace fulmar::smtp;
using fulmar::Errc;
using fulmar::make_error;
using fulmar::Retry;

constexpr std::string_view kPassword = "pw";
constexpr std::size_t kSessions = 3;  ///< Over one connection at most.

/// One address per message, so that no command of one passes for that of another.
std::string recipient_of(std::size_t session) {
  return "to" + std::to_string(session) + "@server.example";
}

std::string sender_of(std::size_t session) {
  return "from" + std::to_string(session) + "@client.example";
}

class Server {
 public:
  Server(std::uint8_t failures, std::string_view words) : failures_(failures), words_(words) {}

  ClientEvent answer(const ClientAction& action) {
    if (std::holds_alternative<DoRead>(action)) return read();
    if (std::holds_alternative<DoStartTls>(action)) return handshake();
    if (std::holds_alternative<DoNextChunk>(action)) return body();
    return write(std::get<DoWrite>(action).bytes);
  }

  /// RFC 8689: what MAIL must look like.
  void expect_requiretls(OutgoingEnvelope::RequireTls wish) { requiretls_ = wish; }
  /// From now on another message is sent over the same connection.
  void begin_session(std::size_t number, std::uint64_t size) {
    session_ = number;
    message_ = {};
    message_.right_size = size == body_size();
  }

  [[nodiscard]] bool tls() const { return tls_; }
  /// Octets of the body.
  [[nodiscard]] std::uint64_t body_size() const { return 2 * chunk().size(); }

  [[nodiscard]] bool dot_written() const { return message_.dot_written; }
  [[nodiscard]] bool by_bdat() const { return message_.by_bdat; }
  /// What the server said after it, as far as it was read.
  [[nodiscard]] std::string_view words_after_dot() const { return message_.words_after_dot; }
  /// All of it, as far as can be known.
  [[nodiscard]] bool message_written() const { return message_.dot_written && !message_.cut_short; }
  /// The server said something after the dot of this message.
  [[nodiscard]] bool heard_after_dot() const { return message_.heard_after_dot; }
  [[nodiscard]] std::string_view last_command() const { return message_.last_command; }

 private:
  ClientEvent read() {
    if (words_.empty()) {
      const bool timeout = (failures_ & 1) != 0;
      return ConnectionLost{
          "end", timeout ? ConnectionLost::Cause::timeout : ConnectionLost::Cause::closed};
    }
    const std::size_t end = std::min(words_.find('\xff'), words_.size());
    const std::string_view segment = words_.substr(0, end);
    words_.remove_prefix(std::min(end + 1, words_.size()));
    message_.heard_after_dot = message_.dot_written;
    if (message_.dot_written) message_.words_after_dot += segment.empty() ? "\n" : segment;
    return BytesReceived{segment.empty() ? "\n" : segment};
  }

  ClientEvent handshake() {
    FULMAR_CHECK(!tls_ && session_ == 0);
    if ((failures_ & 6) == 2) return TlsRefused{make_error(Errc::tls_handshake, "fuzz")};
    if ((failures_ & 6) == 4) {
      return TlsRefused{make_error(Errc::dane_mismatch, "fuzz"), TlsRefused::Handshake::complete};
    }
    tls_ = true;
    return TlsEstablished{};
  }

  void check_secrecy(std::string_view bytes) const {
    using RequireTls = OutgoingEnvelope::RequireTls;
    FULMAR_CHECK(tls_ || !bytes.starts_with("AUTH"));
    if (!bytes.starts_with("MAIL")) return;
    FULMAR_CHECK(bytes.starts_with("MAIL FROM:<" + sender_of(session_) + '>'));
    const std::string_view line = bytes.substr(0, bytes.find('\r'));
    const bool demands = line.ends_with(" REQUIRETLS");
    FULMAR_CHECK(!demands || (tls_ && requiretls_ != RequireTls::no));
    FULMAR_CHECK(demands || requiretls_ != RequireTls::demanded);
  }

  /// What was said once on this connection is not said again, and each message is for its own
  /// recipients.
  void check_continuation(std::string_view bytes) const {
    if (session_ == 0) return;
    for (const std::string_view opening : {"EHLO", "HELO", "STARTTLS", "AUTH"}) {
      FULMAR_CHECK(!bytes.starts_with(opening));
    }
    const std::string path = "RCPT TO:<" + recipient_of(session_) + ">\r";
    for (auto at = bytes.find("RCPT"); at != bytes.npos; at = bytes.find("RCPT", at + 1)) {
      FULMAR_CHECK(bytes.substr(at).starts_with(path));
    }
  }

  /// Of the body. Enough for a write of its own, where writes fail.
  [[nodiscard]] std::string_view chunk() const {
    static const std::string long_chunk(65537, 'x');
    return (failures_ & 16) != 0 ? std::string_view(long_chunk) : "a\n.\r\n..\rb";
  }

  ClientEvent body() {
    if ((failures_ & 8) != 0) return BodyFailed{make_error(Errc::io, "fuzz")};
    if (message_.chunks > 0) {
      --message_.chunks;
      message_.in_body = true;
      return BodyChunk{chunk()};
    }
    message_.body_ended = true;
    return BodyEnd{};
  }

  ClientEvent write(const std::string& bytes) {
    for (auto i = bytes.find('\r'); i != bytes.npos; i = bytes.find('\r', i + 1)) {
      FULMAR_CHECK(i + 1 < bytes.size() && bytes[i + 1] == '\n');
    }
    for (auto i = bytes.find('\n'); i != bytes.npos; i = bytes.find('\n', i + 1)) {
      FULMAR_CHECK(i > 0 && bytes[i - 1] == '\r');
    }
    const std::size_t bdat = bytes.starts_with("BDAT ") ? 0 : bytes.find("\r\nBDAT ");
    const bool of_bdat = bdat != std::string::npos && !message_.dot_written;
    if (of_bdat) check_chunk(std::string_view(bytes).substr(bdat == 0 ? 0 : bdat + 2));
    const bool of_data = message_.data_said && message_.in_body && !message_.dot_written;
    FULMAR_CHECK(bytes.ends_with("\r\n") || of_bdat || (of_data && !message_.body_ended));
    if (!of_data && bdat != 0) {
      check_secrecy(bytes);
      check_continuation(bytes);
      message_.last_command = bytes;
    }
    if (bytes.ends_with("DATA\r\n") && !of_bdat) message_.data_said = true;
    FULMAR_CHECK(!message_.data_said || !message_.by_bdat);
    message_.dot_written = message_.dot_written || (of_data && message_.body_ended) ||
                           (of_bdat && message_.last_chunk_said);
    const bool of_body = of_data || of_bdat;
    if ((failures_ & 16) == 0 || ++writes_ <= failures_ >> 5) return BytesWritten{};
    message_.cut_short = message_.cut_short || of_body;
    return message_.in_body ? read() : ConnectionLost{"write"};
  }

  /// `bytes`: from BDAT on.
  void check_chunk(std::string_view bytes) {
    FULMAR_CHECK(!message_.last_chunk_said);
    const std::size_t end = bytes.find("\r\n");
    FULMAR_CHECK(end != bytes.npos);
    const std::string_view line = bytes.substr(0, end);
    const bool last = line.ends_with(" LAST");
    const std::size_t octets = bytes.size() - end - 2;
    FULMAR_CHECK(line == "BDAT " + std::to_string(octets) + (last ? " LAST" : ""));
    FULMAR_CHECK(last ? message_.body_ended && message_.right_size : octets > 0);
    message_.by_bdat = true;
    message_.last_chunk_said = last;
  }

  struct Message {
    int chunks = 2;
    bool in_body = false;
    bool cut_short = false;  ///< Writing it failed.
    bool body_ended = false;
    bool data_said = false;
    bool by_bdat = false;
    bool last_chunk_said = false;
    bool right_size = true;    ///< The one the envelope has.
    bool dot_written = false;  ///< Or the last chunk.
    bool heard_after_dot = false;
    std::string words_after_dot;
    std::string last_command;
  };

  std::uint8_t failures_;
  std::string_view words_;
  int writes_ = 0;
  OutgoingEnvelope::RequireTls requiretls_ = OutgoingEnvelope::RequireTls::no;
  bool tls_ = false;
  std::size_t session_ = 0;
  Message message_;  ///< Of the session.
};

void check_result(const SessionResult& result, std::size_t recipients, const Server& server) {
  FULMAR_CHECK(result.recipients.size() == recipients);
  FULMAR_CHECK(server.dot_written() || !result.in_doubt);
  FULMAR_CHECK(!result.tls_failed || result.shown_in_clear == Shown::nothing);
  for (const RecipientOutcome& one : result.recipients) {
    FULMAR_CHECK(one.delivered != one.failure.has_value());
    if (one.stage == Stage::auth) {
      FULMAR_CHECK(one.failure->detail.find(kPassword) == std::string::npos);
      FULMAR_CHECK(!one.reply || one.reply->verbatim().find(kPassword) == std::string::npos);
    }
    FULMAR_CHECK(!one.delivered ||
                 (server.message_written() && one.reply && one.reply->positive()));
    FULMAR_CHECK(!one.delivered || server.heard_after_dot());
    FULMAR_CHECK(!one.delivered || !result.in_doubt);
    FULMAR_CHECK(one.delivered || one.dsn_duty == DsnDuty::ours);
    FULMAR_CHECK(!one.try_again_here || (one.failure && server.message_written()));
    if (result.in_doubt && one.stage == Stage::final_dot) {
      FULMAR_CHECK(one.failure->retry == Retry::later);
    }
  }
}

/// What is left to the next message is a connection in order: the last one was taken, or RSET was
/// said and answered.
void check_kept(const SessionResult& result, const KeptSession& kept, const Server& server) {
  const bool taken = std::ranges::any_of(result.recipients, &RecipientOutcome::delivered);
  FULMAR_CHECK(taken != (server.last_command() == "RSET\r\n"));
  FULMAR_CHECK(!result.in_doubt && !result.stale && !result.tls_failed);
  FULMAR_CHECK(kept.tls == server.tls());
}

void check_stale(const SessionResult& result, const Server& server) {
  if (!result.stale) return;
  FULMAR_CHECK(!result.in_doubt);
  // A flight that was not read, or was refused by what was said first.
  const std::string_view words = server.words_after_dot();
  const bool refused = words.find_first_of("45") != words.npos;
  FULMAR_CHECK(!server.dot_written() || (server.by_bdat() && (words.empty() || refused)));
  FULMAR_CHECK(std::ranges::none_of(result.recipients, &RecipientOutcome::delivered));
}

/// Until the session is over.
ClientAction converse(ClientSession& session, Server& server, std::size_t most_actions) {
  ClientAction action = session.resume(Connected{});
  std::size_t actions = 0;
  while (!std::holds_alternative<DoClose>(action) && !std::holds_alternative<DoKeep>(action)) {
    FULMAR_CHECK(++actions < most_actions);
    action = session.resume(server.answer(action));
  }
  return action;
}

ClientSession make_session(const ClientOptions& options, const OutgoingEnvelope& envelope,
                           std::optional<KeptSession> kept) {
  if (!kept) return {options, envelope};
  return {options, envelope, *std::move(kept)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint8_t choice = data[0];
  const bool probe = (choice & 4) != 0;
  ClientOptions options{
      .helo_name = "client.example",
      .starttls = static_cast<StartTls>(choice % 3),
      .purpose = probe ? ClientOptions::Purpose::probe : ClientOptions::Purpose::deliver};
  if ((choice & 128) != 0) options.ending = ClientOptions::Ending::keep;
  OutgoingEnvelope envelope{.reverse_path = {},
                            .recipients = {},
                            .size = 0,
                            .eight_bit = (choice & 8) != 0,
                            .smtputf8 = (choice & 16) != 0};
  std::size_t recipients = (choice & 32) != 0 ? 120 : 3;

  std::string_view words(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::uint8_t more = !words.empty() && data[2] < 0x10 ? data[2] : 0;
  if (more != 0) words.remove_prefix(1);
  if ((more & 1) != 0) options.starttls = StartTls::implicit;
  if ((more & 2) != 0) options.credentials = {.user = "me", .password = std::string(kPassword)};
  envelope.requiretls = static_cast<OutgoingEnvelope::RequireTls>((more >> 2) % 3);

  Server server(data[1], words);
  // A body that is not what was announced, where nothing else is amiss with REQUIRETLS.
  envelope.size = server.body_size() + (more >> 2 == 3 ? 1 : 0);
  server.expect_requiretls(envelope.requiretls);
  std::optional<KeptSession> kept;
  for (std::size_t number = 0; number < kSessions; ++number) {
    envelope.reverse_path = sender_of(number);
    envelope.recipients.assign(recipients, {recipient_of(number)});
    ClientSession session = make_session(options, envelope, std::move(kept));
    server.begin_session(number, envelope.size);
    const ClientAction end = converse(session, server, size + 200);
    const SessionResult& result = session.result();
    check_result(result, probe ? 0 : recipients, server);
    check_stale(result, server);
    FULMAR_CHECK(number > 0 || !result.stale);
    FULMAR_CHECK(number == 0 || !server.tls() || result.shown_in_clear == Shown::nothing);
    if (!std::holds_alternative<DoKeep>(end)) return 0;
    FULMAR_CHECK(!probe && options.ending == ClientOptions::Ending::keep);
    kept = session.kept();
    check_kept(result, *kept, server);
    // The next message is another one: it needs what this one did not, and goes to fewer.
    if ((choice & 64) != 0) envelope.eight_bit = !envelope.eight_bit;
    recipients -= 1;
  }
  return 0;
}
