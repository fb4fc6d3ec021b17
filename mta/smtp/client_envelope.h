// The commands that carry the envelope, MAIL to DATA or BDAT, in groups that a server and the
// network between can take, and the count that tells which command a reply answers. Pure. RFC 2920
// §3.1; pitfall 70
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

/// How the message itself follows its envelope. DATA and BDAT are never mixed (CHK-02).
enum class Handover : std::uint8_t {
  data,    ///< DATA, a reply, the message.
  flight,  ///< One chunk, with the last of the commands that carry the envelope.
  chunks,  ///< Chunk by chunk, once those commands are answered.
};

/// So large a message goes along before anybody was accepted: it saves a round trip, and when they
/// are all refused, no more than this is wasted.
inline constexpr std::uint64_t kMaxFlight = 128UL * 1024;

/// What saves a round trip, or else costs none. `offers` is what the session may use.
[[nodiscard]] Handover choose_handover(const OutgoingEnvelope& envelope,
                                       const Capabilities& offers);

class EnvelopeCommands {
 public:
  EnvelopeCommands() = default;  ///< Nothing to send.

  /// What may wait for an answer at one time. Groups this small fit into any socket's buffers
  /// together with their replies, so the two sides cannot end up both waiting to write (RFC 2920
  /// §3.1). The message in a flight does not count: it is the replies that could fill them.
  static constexpr std::size_t kMaxUnanswered = 100;
  static constexpr std::size_t kMaxUnansweredOctets = 8192;

  /// Errors, all of them before a command is sent: requiretls_unsupported, message_too_big,
  /// eight_bit_unsupported, smtputf8_unsupported when the server does not offer what the message
  /// needs; invalid_argument for an address that no command can carry. `offers` names REQUIRETLS
  /// only when the session is under TLS.
  static Result<EnvelopeCommands> create(const OutgoingEnvelope& envelope,
                                         const Capabilities& offers, Handover handover);

  /// For a flight, once and before the first group: `octets` are the whole message.
  void add_message(std::string octets);

  /// The next group, each command with its CRLF; a single command without PIPELINING. The message
  /// of a flight comes with the last one. Empty when all were sent. REQUIRES: no command is
  /// unanswered.
  [[nodiscard]] std::string next_group();

  struct Answered {
    Stage stage = Stage::mail;  ///< mail, rcpt, data, or final_dot for the message of a flight.
    std::size_t recipient = 0;  ///< For rcpt.
  };
  /// Which command the next reply answers. REQUIRES: a command is unanswered.
  [[nodiscard]] Answered count_reply();

  [[nodiscard]] std::size_t unanswered() const { return sent_ - answered_; }
  [[nodiscard]] bool all_sent() const { return sent_ == commands_.size(); }

 private:
  enum class Grouping : std::uint8_t { none, pipelined };
  EnvelopeCommands(std::vector<std::string> commands, Grouping grouping, Handover handover)
      : commands_(std::move(commands)), grouping_(grouping), handover_(handover) {}

  std::vector<std::string> commands_;
  std::string message_;  ///< Of a flight, not yet sent.
  Grouping grouping_ = Grouping::none;
  Handover handover_ = Handover::data;
  std::size_t sent_ = 0;
  std::size_t answered_ = 0;
};

}  // namespace fulmar::smtp
