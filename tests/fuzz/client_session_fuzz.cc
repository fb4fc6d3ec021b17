// A hostile server against the sending side: every dialogue ends, every recipient gets one outcome,
// nothing is called delivered before the final dot, no line leaves with a bare CR or LF, and
// neither a password nor a demand for REQUIRETLS is forgotten about.
//
// Input: one octet of options, one that decides what fails, then what the server says; each 0xFF in
// it ends a segment. An octet below 0x10 before the server's words is for more options.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "mta/smtp/client_session.h"

namespace {

using namespace fulmar::smtp;
using fulmar::Errc;
using fulmar::make_error;
using fulmar::Retry;

constexpr std::string_view kPassword = "pw";

class Server {
 public:
  Server(std::uint8_t failures, std::string_view words) : failures_(failures), words_(words) {}

  ClientEvent answer(const ClientAction& action) {
    if (std::holds_alternative<DoRead>(action)) return read();
    if (std::holds_alternative<DoStartTls>(action)) return tls();
    if (std::holds_alternative<DoNextChunk>(action)) return body();
    return write(std::get<DoWrite>(action).bytes);
  }

  /// RFC 8689: what MAIL must look like.
  void expect_requiretls(OutgoingEnvelope::RequireTls wish) { requiretls_ = wish; }

  [[nodiscard]] bool dot_written() const { return dot_written_; }
  /// All of it, as far as can be known.
  [[nodiscard]] bool message_written() const { return dot_written_ && !cut_short_; }

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
    return BytesReceived{segment.empty() ? "\n" : segment};
  }

  ClientEvent tls() {
    FULMAR_CHECK(!tls_);
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
    const std::string_view line = bytes.substr(0, bytes.find('\r'));
    const bool demands = line.ends_with(" REQUIRETLS");
    FULMAR_CHECK(!demands || (tls_ && requiretls_ != RequireTls::no));
    FULMAR_CHECK(demands || requiretls_ != RequireTls::demanded);
  }

  ClientEvent body() {
    if ((failures_ & 8) != 0) return BodyFailed{make_error(Errc::io, "fuzz")};
    if (chunks_ > 0) {
      --chunks_;
      // Enough for a write of its own, where writes fail.
      if ((failures_ & 16) != 0 && long_chunk_.empty()) long_chunk_.assign(65536, 'x');
      in_body_ = true;
      const std::string_view chunk = "a\n.\r\n..\rb";
      return BodyChunk{long_chunk_.empty() ? chunk : std::string_view(long_chunk_)};
    }
    body_ended_ = true;
    return BodyEnd{};
  }

  ClientEvent write(const std::string& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] == '\r') FULMAR_CHECK(i + 1 < bytes.size() && bytes[i + 1] == '\n');
      if (bytes[i] == '\n') FULMAR_CHECK(i > 0 && bytes[i - 1] == '\r');
    }
    FULMAR_CHECK(bytes.ends_with("\r\n") || (in_body_ && !body_ended_));
    check_secrecy(bytes);
    const bool of_body = in_body_ && !dot_written_;
    dot_written_ = dot_written_ || body_ended_;
    if ((failures_ & 16) == 0 || ++writes_ <= failures_ >> 5) return BytesWritten{};
    cut_short_ = cut_short_ || of_body;
    return of_body ? read() : ConnectionLost{"write"};
  }

  std::uint8_t failures_;
  std::string_view words_;
  int chunks_ = 2;
  int writes_ = 0;
  std::string long_chunk_;
  OutgoingEnvelope::RequireTls requiretls_ = OutgoingEnvelope::RequireTls::no;
  bool tls_ = false;
  bool in_body_ = false;
  bool cut_short_ = false;  ///< Writing the message failed.
  bool body_ended_ = false;
  bool dot_written_ = false;
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
    FULMAR_CHECK(!one.delivered || !result.in_doubt);
    FULMAR_CHECK(!one.try_again_here || (one.failure && server.message_written()));
    if (result.in_doubt && one.stage == Stage::final_dot) {
      FULMAR_CHECK(one.failure->retry == Retry::later);
    }
  }
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
  OutgoingEnvelope envelope{.reverse_path = "from@client.example",
                            .recipients = {},
                            .size = 100,
                            .eight_bit = (choice & 8) != 0,
                            .smtputf8 = (choice & 16) != 0};
  envelope.recipients.assign((choice & 32) != 0 ? 120 : 3, "to@server.example");

  std::string_view words(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::uint8_t more = !words.empty() && data[2] < 0x10 ? data[2] : 0;
  if (more != 0) words.remove_prefix(1);
  if ((more & 1) != 0) options.starttls = StartTls::implicit;
  if ((more & 2) != 0) options.credentials = {.user = "me", .password = std::string(kPassword)};
  envelope.requiretls = static_cast<OutgoingEnvelope::RequireTls>((more >> 2) % 3);

  Server server(data[1], words);
  server.expect_requiretls(envelope.requiretls);
  ClientSession session(options, envelope);
  ClientAction action = session.resume(Connected{});
  std::size_t actions = 0;
  while (!std::holds_alternative<DoClose>(action)) {
    FULMAR_CHECK(++actions < size + 200);
    action = session.resume(server.answer(action));
  }
  check_result(session.result(), probe ? 0 : envelope.recipients.size(), server);
  return 0;
}
