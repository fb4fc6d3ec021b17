// The commands that carry the envelope, MAIL to DATA, in groups that a server and the network
// between can take, and the count that tells which command a reply answers. Pure. RFC 2920 §3.1;
// pitfall 70
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mta/smtp/capabilities.h"
#include "mta/smtp/client_session.h"

namespace fulmar::smtp {

class EnvelopeCommands {
 public:
  EnvelopeCommands() = default;  ///< Nothing to send.

  /// What may wait for an answer at one time. Groups this small fit into any socket's buffers
  /// together with their replies, so the two sides cannot end up both waiting to write (RFC 2920
  /// §3.1).
  static constexpr std::size_t kMaxUnanswered = 100;
  static constexpr std::size_t kMaxUnansweredOctets = 8192;

  /// Errors, all of them before a command is sent: requiretls_unsupported, message_too_big,
  /// eight_bit_unsupported, smtputf8_unsupported when the server does not offer what the message
  /// needs; invalid_argument for an address that no command can carry. `offers` names REQUIRETLS
  /// only when the session is under TLS.
  static Result<EnvelopeCommands> create(const OutgoingEnvelope& envelope,
                                         const Capabilities& offers);

  /// The next group, each command with its CRLF; a single command without PIPELINING. Empty when
  /// all were sent. REQUIRES: no command is unanswered.
  [[nodiscard]] std::string next_group();

  struct Answered {
    Stage stage = Stage::mail;  ///< mail, rcpt or data.
    std::size_t recipient = 0;  ///< For rcpt.
  };
  /// Which command the next reply answers. REQUIRES: a command is unanswered.
  [[nodiscard]] Answered count_reply();

  [[nodiscard]] std::size_t unanswered() const { return sent_ - answered_; }

 private:
  enum class Grouping : std::uint8_t { none, pipelined };
  EnvelopeCommands(std::vector<std::string> commands, Grouping grouping)
      : commands_(std::move(commands)), grouping_(grouping) {}

  std::vector<std::string> commands_;
  Grouping grouping_ = Grouping::none;
  std::size_t sent_ = 0;
  std::size_t answered_ = 0;
};

}  // namespace fulmar::smtp
