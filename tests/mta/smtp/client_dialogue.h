// Plays a written dialogue against a ClientSession and checks both sides of it.
//
// A script is a list of lines, each one of
//   "S: 250 ok"    the server says this; neighbouring S lines come in one segment
//   "C: DATA"      the client must write this; neighbouring C lines must come in one write
//   "C+ octets"    the same, without a line end behind it
//   "W"            the write ends here, and the next line belongs to another
//   "TLS"          the client must start TLS, and it works; "TLS failed", "TLS refused": it does
//   not "LOST", "TIMEOUT"   the connection breaks while the client reads or writes
//   "LAST WORDS 552 no"   the write before it failed, and this line was there to be read, with
//   neighbouring ones
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mta/smtp/client_session.h"

namespace fulmar::smtp {

struct Script {
  ClientOptions options{.helo_name = "mail.client.example"};
  OutgoingEnvelope envelope{.reverse_path = "from@client.example", .recipients = {{"a@x.example"}}};
  std::vector<std::string> body = {"Subject: hi\r\n\r\nhello\r\n"};
  bool body_fails = false;          ///< After the chunks, instead of their end.
  std::optional<KeptSession> kept;  ///< The connection was kept by a session before.
  std::vector<std::string> lines;
};

struct Play {
  std::size_t segment = std::string::npos;  ///< Octets the server's words come in.
  std::size_t fail_at =
      std::string::npos;  ///< The action that fails instead of what the script says.
  ConnectionLost::Cause cause = ConnectionLost::Cause::closed;
};

struct Outcome {
  SessionResult result;
  std::vector<std::string> writes;
  std::size_t actions = 0;  ///< Actions that an event answered.
  bool dot_sent = false;    ///< Or the last chunk: what ends a body, even if writing it broke.
  bool answered_after_dot = false;  ///< By a complete reply.
  bool accepted_after_dot = false;  ///< By a complete 2yz, the last one that came at a time.
  std::string heard_after_dot;
  bool kept = false;  ///< It ended with DoKeep.
};

/// Any difference from the script is a test failure.
Outcome play(const Script& script, const Play& how = {});

/// play() in one piece; the same result octet by octet; then once per action with a connection that
/// breaks there, checking what must hold whatever happens: one outcome for each recipient, nobody
/// delivered without the last 2yz, doubt exactly between the final dot and its reply, or that of
/// everyone to RCPT.
SessionResult play_everything(const Script& script);

/// What play_everything() does; whether the connection was kept besides.
Outcome play_all_ways(const Script& script);

}  // namespace fulmar::smtp
