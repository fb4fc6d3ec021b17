// The listener's side of SMTP as a state machine without I/O: events in, actions out. mta/intake
// runs it over a socket.
//
// It knows order, syntax, limits and replies. It does not know who may relay, how much disk is
// free, or whether a message is safe: it asks by an action, and the answer comes back as an event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/domain.h"
#include "base/error.h"
#include "mta/smtp/dot_stuffing.h"

namespace fulmar::smtp {

struct ServerOptions {
  Domain hostname;
  std::uint64_t message_size = 0;  ///< Octets; announced as SIZE.
  std::size_t recipients_per_message = 0;
  std::size_t received_headers = 0;  ///< More Received fields than this: 554 5.4.6.
  DataReader::OnBareNewline bare_newline = DataReader::OnBareNewline::reject;
  enum class Relaying : std::uint8_t {
    allowed,
    denied
  } relaying = Relaying::denied;  ///< For this client.
  enum class Tls : std::uint8_t {
    none,
    offered,
    active
  } tls = Tls::none;        ///< `active`: implicit TLS.
  bool requiretls = false;  ///< Offered to a client under TLS. RFC 8689 §2
};

/// The envelope as the client gave it, complete when DATA is accepted.
struct IncomingEnvelope {
  std::optional<Mailbox> sender;
  std::vector<Mailbox> recipients;  ///< Without duplicates.
  bool eight_bit = false;           ///< BODY=8BITMIME declared.
  std::string helo;
  enum class Protocol : std::uint8_t {
    smtp,
    esmtp,
    esmtps
  } protocol = Protocol::smtp;  ///< For Received (RFC 3848).
  bool requiretls = false;      ///< MAIL demanded it.
};

/// Facts about the data, known at its end.
struct DataFacts {
  std::uint64_t size = 0;
  bool eight_bit = false;
  bool tls_required_no = false;  ///< The header section says TLS-Required: No. RFC 8689 §3
};

// Events.
struct SessionStarted {};
/// Answers ServerRead; also the greeting's ServerWrite, when the client spoke before it could be
/// written (SMU-04).
struct ServerBytesReceived {
  std::string_view bytes;
};
struct ServerBytesWritten {};
struct ServerTlsEstablished {};
struct EnvelopeAccepted {};  ///< Answers MayAccept.
struct EnvelopeRefused {     ///< Answers MayAccept: 4xx or 5xx to MAIL by the error's status; 4.3.2
                             ///< ends the session with 421.
  Error why;
};
struct DataStored {};  ///< Answers StoreData and BeginMessage.
struct MessageSafe {   ///< Answers CommitMessage: the store promised durability.
  std::string id;
};
struct StoreRefused {  ///< Answers StoreData, BeginMessage and CommitMessage. What was begun is
  Error why;           ///< over; the driver has discarded it.
};
struct ServerStopping {
};  ///< Answers ServerRead: the program stops; 421 at the next command border.
struct ServerTimedOut {};  ///< Answers ServerRead: nothing came in time; 421 4.4.2 and close.
using ServerEvent =
    std::variant<SessionStarted, ServerBytesReceived, ServerBytesWritten, ServerTlsEstablished,
                 EnvelopeAccepted, EnvelopeRefused, DataStored, MessageSafe, StoreRefused,
                 ServerStopping, ServerTimedOut>;

// Actions. Exactly one event answers each but ServerClose.
struct ServerRead {};
struct ServerWrite {
  std::string bytes;
};
struct ServerStartTls {
};  ///< The 220 has been written. Answer with ServerTlsEstablished, or drop the connection.
struct MayAccept {  ///< At MAIL: disk reserve, and whatever else the program guards.
  std::uint64_t declared_size = 0;  ///< 0 when the client gave no SIZE.
};
struct BeginMessage {  ///< DATA was accepted; the driver prepares the Received field and the first
                       ///< chunk.
  IncomingEnvelope envelope;
};
struct StoreData {
  std::string bytes;  ///< Decoded body octets, next in order.
};
struct CommitMessage {
  DataFacts facts;
};
struct AbandonMessage {  ///< What was begun will not be committed (too big, loop, bare newline…).
                         ///< Answered by
  Error why;             ///< DataStored.
};
struct ServerClose {};
using ServerAction = std::variant<ServerRead, ServerWrite, ServerStartTls, MayAccept, BeginMessage,
                                  StoreData, CommitMessage, AbandonMessage, ServerClose>;

/// What the log says about a session.
struct ServerTally {
  std::uint32_t messages = 0;  ///< Said 250 to.
  std::uint32_t refusals = 0;  ///< Commands and messages answered with 4yz or 5yz.
  std::string ended_by;        ///< Why we ended the session; empty when the client did.
};

class ServerSession {
 public:
  explicit ServerSession(ServerOptions options);
  ~ServerSession();
  ServerSession(ServerSession&&) noexcept;
  ServerSession& operator=(ServerSession&&) noexcept;

  /// What to do after `event`. The first event is SessionStarted. Never throws.
  [[nodiscard]] ServerAction resume(const ServerEvent& event);

  /// True between BeginMessage and its end: on a lost connection the driver discards the body.
  [[nodiscard]] bool in_message() const;

  [[nodiscard]] const ServerTally& tally() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fulmar::smtp
