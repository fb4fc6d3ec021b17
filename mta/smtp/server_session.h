// The listener's side of SMTP as a state machine without I/O: events in, actions out. mta/intake
// runs it over a socket.
//
// It knows order, syntax, limits and replies. It does not know passwords, who may send as whom, how
// much disk is free, or whether a message is safe: it asks by an action, and the answer comes back
// as an event.
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
#include "base/dsn.h"
#include "base/error.h"
#include "mta/smtp/dot_stuffing.h"
#include "mta/smtp/sasl.h"

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
  } relaying = Relaying::denied;  ///< For this client, whoever it is.
  enum class Tls : std::uint8_t {
    none,
    offered,
    active
  } tls = Tls::none;        ///< `active`: implicit TLS.
  bool requiretls = false;  ///< Offered to a client under TLS. RFC 8689 §2
  /// Under TLS only, whatever stands here. Whoever has shown who he is may relay.
  enum class Auth : std::uint8_t {
    none,
    optional,
    required  ///< MAIL gets 530 without it, from a client that may relay as well.
  } auth = Auth::none;
  OfferScram scram = OfferScram::no;  ///< Where AUTH is offered.
  /// RFC 6409: MAIL needs a right to relay, addresses need a domain with a dot, lines have 998
  /// octets at most, and the header section is completed (mta/smtp/submission_header.h).
  enum class Kind : std::uint8_t { relay, submission } kind = Kind::relay;
};

/// Somebody who has shown who he is.
struct ServerUser {
  std::string name;                        ///< Empty: nobody.
  std::size_t recipients_per_message = 0;  ///< 0: as everybody.
};

struct IncomingRecipient {
  Mailbox address;
  DsnNotify notify;
  std::string original_recipient;  ///< ORCPT; empty without one.
};

/// The envelope as the client gave it, complete when DATA or the first BDAT is accepted.
struct IncomingEnvelope {
  std::optional<Mailbox> sender;
  std::vector<IncomingRecipient> recipients;  ///< Without duplicates.
  std::string helo;
  bool extended = false;  ///< EHLO rather than HELO.
  bool tls = false;
  std::string user;         ///< Who was authenticated; empty: nobody.
  bool eight_bit = false;   ///< BODY=8BITMIME declared.
  bool smtputf8 = false;    ///< Declared.
  bool requiretls = false;  ///< MAIL demanded it.
  DsnReturn ret = DsnReturn::unstated;
  std::string envelope_id;  ///< ENVID in xtext.
};

/// Facts about the data, known at its end.
struct DataFacts {
  std::uint64_t size = 0;
  bool eight_bit = false;
  bool eight_bit_header = false;  ///< In the header section: RFC 6532.
  bool tls_required_no = false;   ///< The header section says TLS-Required: No. RFC 8689 §3
};

// Events.
/// `user`: whom the client's certificate names, under implicit TLS.
struct SessionStarted {
  ServerUser user;
};
/// Answers ServerRead; also the greeting's ServerWrite, when the client spoke before it could be
/// written (SMU-04).
struct ServerBytesReceived {
  std::string_view bytes;
};
struct ServerBytesWritten {};
/// Answers ServerStartTls. `user` as above.
struct ServerTlsEstablished {
  ServerUser user;
};
struct CredentialsAccepted {  ///< Answers CheckCredentials, and AnswerScram's last message.
  ServerUser user;
};
struct CredentialsRefused {  ///< Answers CheckCredentials and AnswerScram.
  enum class Why : std::uint8_t {
    wrong,      ///< 535 5.7.8
    try_later,  ///< 454 4.7.0: too many wrong ones from there, or too many at once.
    // The next two come of SCRAM only: SaslExchange itself sees them for other mechanisms.
    malformed,  ///< 501 5.5.2
    denied,     ///< 535 5.7.8: somebody who wants to act for somebody else.
  } why = Why::wrong;
};
/// Answers AnswerScram: the server's message, which the client has to answer, the last one ("v=…")
/// with an empty line. RFC 4954 §4
struct ScramChallenge {
  std::string octets;
};
struct EnvelopeAccepted {};  ///< Answers MayAccept.
/// Answers MayAccept: a reply to MAIL by the error's status. 5.7.1: 550, and 4.7.1: 450, both with
/// the error's words; any other 5yz: 554; 4.3.1: 452; 4.3.2: 421, which ends the session; else 451.
struct EnvelopeRefused {
  Error why;
};
struct MessageBegun {      ///< Answers BeginMessage. What a submission listener adds where it is
                           ///< missing.
  std::string date;        ///< RFC 5322 §3.3
  std::string message_id;  ///< With its angle brackets.
};
struct DataStored {};  ///< Answers StoreData and AbandonMessage.
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
                 CredentialsAccepted, CredentialsRefused, ScramChallenge, EnvelopeAccepted,
                 EnvelopeRefused, MessageBegun, DataStored, MessageSafe, StoreRefused,
                 ServerStopping, ServerTimedOut>;

// Actions. Exactly one event answers each but ServerClose.
struct ServerRead {};
struct ServerWrite {
  std::string bytes;
};
struct ServerStartTls {
};  ///< The 220 has been written. Answer with ServerTlsEstablished, or drop the connection.
struct CheckCredentials {
  Credentials credentials;
};
struct AnswerScram {
  ScramMessage message;
};
struct MayAccept {  ///< At MAIL: disk reserve, rates, who may send as whom.
  std::optional<Mailbox> sender;
  std::string user;                 ///< Who was authenticated; empty: nobody.
  std::uint64_t declared_size = 0;  ///< 0 when the client gave no SIZE.
};
struct BeginMessage {  ///< DATA or BDAT was accepted; the driver prepares the Received field and
                       ///< the first chunk.
  IncomingEnvelope envelope;
};
struct StoreData {
  std::string bytes;  ///< Decoded body octets, next in order.
};
struct CommitMessage {
  DataFacts facts;
  std::vector<Mailbox> originators;  ///< Of a submission: From and Sender.
};
struct AbandonMessage {  ///< What was begun will not be committed (too big, loop, bare newline,
                         ///< RSET…).
  Error why;
};
struct ServerClose {};
using ServerAction =
    std::variant<ServerRead, ServerWrite, ServerStartTls, CheckCredentials, AnswerScram, MayAccept,
                 BeginMessage, StoreData, CommitMessage, AbandonMessage, ServerClose>;

/// What the log says about a session.
struct ServerTally {
  std::uint32_t messages = 0;  ///< Said 250 to.
  std::uint32_t refusals = 0;  ///< Commands and messages answered with 4yz or 5yz.
  std::uint64_t commands =
      0;             ///< Lines and chunks answered: what a client that stalls does not add to.
  std::string user;  ///< Who was authenticated; empty: nobody.
  std::string last_refusal;  ///< "550 5.7.1 this client may not relay here"; empty: none.
  std::string ended_by;      ///< Why we ended the session; empty when the client did.
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

  /// Octets of a message are what is awaited, whether it is wanted or not.
  [[nodiscard]] bool is_receiving() const;

  [[nodiscard]] const ServerTally& tally() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fulmar::smtp
