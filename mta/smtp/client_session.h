// The sending side of SMTP as a state machine without I/O: events in, actions out. One session
// carries one message to one host. mta/delivery/driver.cc runs it over a socket; tests run it over
// strings.
//
//   greeting ► EHLO (► HELO) ► [STARTTLS ► handshake ► verdict ► EHLO] ► [AUTH] ► MAIL, RCPT…, DATA
//   (pipelined) ► body ► QUIT
//
// Where the host offers CHUNKING, a message of moderate size is a flight: MAIL, RCPT…, BDAT n LAST
// and the body go out together, in one round trip. A larger one follows its envelope in chunks.
// Behind a flight, replies mean this:
//
// The reply to the chunk serves those whose RCPT was accepted. With none of them it means nothing,
// be it 250.
//
// Once the last octet was given away to be written, a connection that breaks leaves doubt, as after
// the final dot, whichever replies are missing: a server may hold them back until it has read
// everything (RFC 2920 §3.2).
//
// Not so a kept connection that ends without one octet of reply: it was closed before it was read,
// as happens when a host loses patience just then. For the message to be taken all the same, the
// host would have to have broken down with its reply to MAIL still unsent. One copy too many, once
// in a very long while, costs less than a wait each time. Silence is doubt: that is what a host
// looks like that is still busy.
//
// Doubt says "later" and never "another host", so one that always breaks off would keep the message
// from the others. Hence Chunking::never for the second attempt: the replies to DATA tell more.
//
// Under implicit TLS the handshake and its verdict come before the greeting. A connection that is
// kept carries further sessions, each of which begins at MAIL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/dsn.h"
#include "base/error.h"
#include "mta/smtp/capabilities.h"
#include "mta/smtp/reply.h"

namespace fulmar::smtp {

/// Who is to get it, and of what its sender wants to hear.
struct OutgoingRecipient {
  std::string address;             ///< Without angle brackets.
  DsnNotify notify;                ///< RFC 3461 §4.1
  std::string original_recipient;  ///< ORCPT; empty: none.
};

/// What is to be sent. Strings are free of CR, LF, NUL, and spaces where SMTP has none; the session
/// checks again and refuses the message otherwise (SMU-05).
struct OutgoingEnvelope {
  std::string reverse_path;  ///< Without angle brackets; empty for the null reverse-path.
  std::vector<OutgoingRecipient> recipients;
  std::uint64_t size = 0;  ///< Octets, before dot-stuffing. By BDAT no other number is sent: a
                           ///< body that has more or fewer ends the session, Errc::corrupt.
  bool eight_bit = false;
  bool smtputf8 = false;  ///< A header field needs it; addresses speak for themselves.
  /// RFC 8689. Only what the EHLO under TLS lists counts as offered.
  enum class RequireTls : std::uint8_t {
    no,
    if_offered,  ///< The parameter is given where it can be: notices, RFC 8689 §5.
    demanded,    ///< A host without it gets no envelope: requiretls_unsupported for everyone.
  } requiretls = RequireTls::no;
  // These, and NOTIFY and ORCPT of the recipients, are said to a host that lists DSN, octet by
  // octet, and to no other. RFC 3461 §5.2.1, §5.2.2
  DsnReturn ret = DsnReturn::unstated;
  std::string envelope_id;  ///< ENVID in xtext; empty: none.
};

enum class StartTls : std::uint8_t {
  required,  ///< No STARTTLS, no mail.
  offered,   ///< Used when the server lists it.
  never,     ///< The retry in clear after an opportunistic handshake failed.
  implicit,  ///< TLS from the first octet, RFC 8314 §3.3; nothing is ever said in clear.
};

struct ClientOptions {
  std::string helo_name;
  StartTls starttls = StartTls::offered;
  /// Probe only: end with QUIT after the last EHLO, sending no envelope (`explain --connect`).
  enum class Purpose : std::uint8_t { deliver, probe } purpose = Purpose::deliver;
  /// What a configured relay wants to hear before MAIL, also from a probe; RFC 4954. Said under TLS
  /// only; what the certificate must prove before that is the caller's decision (tls/tls_policy.h).
  /// No octet of the password, in clear or encoded, gets into the result. Neither may be empty,
  /// over 4096 octets, or hold NUL, CR or LF: invalid_argument. Errc::relay_auth when the host
  /// takes neither PLAIN nor LOGIN, refuses the user, or has no TLS.
  struct Credentials {
    std::string user;
    std::string password;
  };
  std::optional<Credentials> credentials;
  /// Keep: end with DoKeep instead of QUIT where the host is ready for another message, after RSET
  /// when it refused this one.
  enum class Ending : std::uint8_t { quit, keep } ending = Ending::quit;
  /// BDAT where it is offered; never: DATA. For a message that was tried before, and for a host
  /// that offers what it does not know.
  enum class Chunking : std::uint8_t { offered, never } chunking = Chunking::offered;
};

/// What was agreed on with the host, for the next session over the same connection.
struct KeptSession {
  Capabilities offers;
  bool tls = false;
};

// Events: what happened since the last action.
struct Connected {};
/// Answers DoRead. It may also answer a DoWrite of the body, its end included, that failed: a host
/// that refuses a message before its end and closes has given its reason by then, and this is it.
struct BytesReceived {
  std::string_view bytes;
};
struct BytesWritten {};
struct TlsEstablished {};  ///< The handshake is complete and the certificate proves what is owed.
struct TlsRefused {
  Error why;  ///< Handshake failure, or the certificate does not prove what is owed.
  enum class Handshake : std::uint8_t { failed, complete } handshake = Handshake::failed;
};
struct BodyChunk {
  std::string_view bytes;  ///< Not empty.
};
struct BodyEnd {};
struct BodyFailed {
  Error why;  ///< The spool could not be read: the connection is dropped, so that no half message
              ///< is taken for whole.
};
struct ConnectionLost {
  std::string reason;
  enum class Cause : std::uint8_t { closed, timeout } cause = Cause::closed;
};
using ClientEvent = std::variant<Connected, BytesReceived, BytesWritten, TlsEstablished, TlsRefused,
                                 BodyChunk, BodyEnd, BodyFailed, ConnectionLost>;

// Actions: what to do next. Exactly one event answers each.
enum class Wait : std::uint8_t { command, final_dot, quit };  ///< Which timeout bounds a read.
struct DoRead {
  Wait wait = Wait::command;
};
/// Answer with BytesWritten; with ConnectionLost when not all could be written. When that happens
/// to the body (after any DoNextChunk), first look for octets that are there to be read: if there
/// are any, answer with BytesReceived instead. A complete refusal in them is then the answer to the
/// message, or in a flight to the recipients; anything else counts as the lost connection. DoClose
/// follows either way.
struct DoWrite {
  std::string bytes;
};
struct DoStartTls {};   ///< Answer with TlsEstablished or TlsRefused. Implicit TLS begins with it.
struct DoNextChunk {};  ///< Answer with BodyChunk, BodyEnd or BodyFailed. May come before MAIL.
struct DoClose {};      ///< The session is over; result() is final. No event answers this.
struct DoKeep {};       ///< The same, and the connection may carry another session: kept().
using ClientAction = std::variant<DoRead, DoWrite, DoStartTls, DoNextChunk, DoClose, DoKeep>;

/// Where the dialogue stood; names appear in logs and notices.
enum class Stage : std::uint8_t {
  greeting,
  ehlo,
  starttls,
  tls,
  auth,
  mail,
  rcpt,
  data,
  body,
  final_dot,  ///< The end of the message: the dot, or the last chunk.
  quit
};
[[nodiscard]] std::string_view to_string(Stage stage);

/// Who owes the sender word of a recipient that was delivered. A host that lists DSN takes the duty
/// over with the message. RFC 3461 §5.2.1, §5.2.2
enum class DsnDuty : std::uint8_t { ours, theirs };

struct RecipientOutcome {
  bool delivered = false;
  DsnDuty dsn_duty = DsnDuty::ours;  ///< Means something once delivered.
  std::optional<Reply> reply;        ///< The reply that decided; empty when none did.
  std::optional<Error>
      failure;  ///< Set unless delivered. `retry` says: another host, later, or never.
  Stage stage = Stage::greeting;
  /// Refused only for their number: the same host takes them in another transaction (SMTP-19).
  bool try_again_here = false;
};

/// How much of the message left without TLS.
enum class Shown : std::uint8_t {
  nothing,
  envelope,  ///< MAIL FROM, or RCPT TO too.
  content,   ///< The message itself, or part of it.
};

struct SessionResult {
  std::vector<RecipientOutcome>
      recipients;    ///< As many and in the order of the envelope. Empty for a probe.
  bool tls = false;  ///< The session was encrypted when it ended.
  bool starttls_offered = false;
  /// STARTTLS or implicit TLS was begun and failed (refused, not answered, handshake); `failure` is
  /// tls_handshake then. An opportunistic caller decides: again with StartTls::never, or later.
  bool tls_failed = false;
  /// The most that was written without TLS. Counts what was given away to be written, even if
  /// writing it failed.
  Shown shown_in_clear = Shown::nothing;
  Shown shown = Shown::nothing;  ///< The same, with TLS or without.
  /// The connection broke after the final dot or the last chunk: the message may arrive twice (RFC
  /// 1047, pitfall 73). No other host must be tried in this attempt.
  bool in_doubt = false;
  /// A kept connection was of no use any more: it broke, or the host wanted no further mail on it,
  /// before the final dot, or before one octet of reply to a flight. The outcomes say nothing about
  /// the host; a new connection does.
  bool stale = false;
  /// The host offers CHUNKING and does not know BDAT. That says nothing about the message: a new
  /// connection with Chunking::never does.
  bool bdat_unknown = false;
  std::optional<Error> failure;  ///< Of the session as a whole; also what a probe ends with.
  Stage stage = Stage::greeting;
};

class ClientSession {
 public:
  ClientSession(ClientOptions options, OutgoingEnvelope envelope);
  /// Over a connection that another session kept under the same options. REQUIRES: to deliver.
  ClientSession(ClientOptions options, OutgoingEnvelope envelope, KeptSession kept);
  ~ClientSession();
  ClientSession(ClientSession&&) noexcept;
  ClientSession& operator=(ClientSession&&) noexcept;

  /// What to do after `event`. The first event is Connected. Never throws; a peer that misbehaves
  /// ends in DoClose.
  [[nodiscard]] ClientAction resume(const ClientEvent& event);

  /// REQUIRES: the last action was DoClose or DoKeep.
  [[nodiscard]] const SessionResult& result() const;

  /// REQUIRES: the last action was DoKeep.
  [[nodiscard]] KeptSession kept() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fulmar::smtp
