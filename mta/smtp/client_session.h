// The sending side of SMTP as a state machine without I/O: events in, actions out. One session
// carries one message to one host. mta/delivery/driver.cc runs it over a socket; tests run it over
// strings.
//
//   greeting ► EHLO (► HELO) ► [STARTTLS ► handshake ► verdict ► EHLO] ► [AUTH] ► MAIL, RCPT…, DATA
//   (pipelined) ► body ► QUIT
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

#include "base/error.h"
#include "mta/smtp/capabilities.h"
#include "mta/smtp/reply.h"

namespace fulmar::smtp {

/// What is to be sent. Strings are free of CR, LF, NUL, and spaces where SMTP has none; the session
/// checks again and refuses the message otherwise (SMU-05).
struct OutgoingEnvelope {
  std::string reverse_path;  ///< Without angle brackets; empty for the null reverse-path.
  std::vector<std::string> recipients;  ///< Without angle brackets.
  std::uint64_t size = 0;               ///< Octets, before dot-stuffing.
  bool eight_bit = false;
  bool smtputf8 = false;  ///< An address needs it.
  /// RFC 8689. Only what the EHLO under TLS lists counts as offered.
  enum class RequireTls : std::uint8_t {
    no,
    if_offered,  ///< The parameter is given where it can be: notices, RFC 8689 §5.
    demanded,    ///< A host without it gets no envelope: requiretls_unsupported for everyone.
  } requiretls = RequireTls::no;
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
/// to the body (after a DoNextChunk), first look for octets that are there to be read: if there are
/// any, answer with BytesReceived instead. A complete refusal in them is then the answer to the
/// message, anything else counts as the lost connection; DoClose follows either way.
struct DoWrite {
  std::string bytes;
};
struct DoStartTls {};   ///< Answer with TlsEstablished or TlsRefused. Implicit TLS begins with it.
struct DoNextChunk {};  ///< Answer with BodyChunk, BodyEnd or BodyFailed.
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
  final_dot,
  quit
};
[[nodiscard]] std::string_view to_string(Stage stage);

struct RecipientOutcome {
  bool delivered = false;
  std::optional<Reply> reply;  ///< The reply that decided; empty when none did.
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
  /// The connection broke after the final dot: the message may arrive twice (RFC 1047, pitfall 73).
  /// No other host must be tried in this attempt.
  bool in_doubt = false;
  /// A kept connection was of no use any more: it broke, or the host wanted no further mail on it,
  /// before the final dot. The outcomes say nothing about the host; a new connection does.
  bool stale = false;
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
