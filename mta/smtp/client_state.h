// The memory of a ClientSession and its steps. Included by client_*.cc only: client_session.cc
// takes the events apart, client_opening.cc holds the steps from the greeting to the last EHLO,
// client_auth.cc the login, client_transaction.cc those from MAIL on.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mta/smtp/client_envelope.h"
#include "mta/smtp/client_outcomes.h"
#include "mta/smtp/client_session.h"
#include "mta/smtp/dot_stuffing.h"

namespace fulmar::smtp {

struct ClientSession::State {
  State(ClientOptions client_options, OutgoingEnvelope outgoing)
      : options(std::move(client_options)),
        envelope(std::move(outgoing)),
        outcomes(envelope.recipients.size()) {}

  /// What the next event is about. Finer than Stage, which is what the outside sees.
  enum class Step : std::uint8_t {
    start,
    greeting,
    ehlo,
    helo,
    starttls,
    handshake,
    auth,
    envelope,
    body,
    final_dot,
    lone_dot,  ///< Ends a DATA that no recipient was accepted for.
    reset,
    quit,
    closed,
  };

  // Events.
  ClientAction on(const Connected&);
  ClientAction on(const BytesReceived& event);
  ClientAction on(const BytesWritten&);
  ClientAction on(const TlsEstablished&);
  ClientAction on(const TlsRefused& event);
  ClientAction on(const BodyChunk& event);
  ClientAction on(const BodyEnd&);
  ClientAction on(const BodyFailed& event);
  ClientAction on(const ConnectionLost& event);

  /// Handles the replies that are there, then reads more. Every step that waits for a reply comes
  /// through here.
  ClientAction read_replies();
  ClientAction on_answer_amid_body();
  /// Empty: read on.
  std::optional<ClientAction> on_reply(const Reply& reply);
  ClientAction on_not_smtp(Error why);

  // Opening.
  ClientAction say_ehlo();
  ClientAction on_greeting(const Reply& reply);
  ClientAction on_ehlo(const Reply& reply);
  ClientAction on_helo(const Reply& reply);
  ClientAction after_hello();
  ClientAction on_starttls(const Reply& reply);
  ClientAction start_tls();
  ClientAction fail_starttls(std::string detail);

  // Login.
  [[nodiscard]] Result<> check_credentials() const;
  ClientAction authenticate();  ///< REQUIRES: there are credentials.
  ClientAction say_auth();
  ClientAction on_auth(const Reply& heard);

  // Transaction.
  [[nodiscard]] bool has_mail() const;
  ClientAction begin_transaction();
  ClientAction send_envelope();
  ClientAction next_commands();
  ClientAction write_body();
  void note_shown(Shown what);
  std::optional<ClientAction> on_envelope(const Reply& reply);
  ClientAction on_data(const Reply& reply);
  ClientAction on_final_dot(const Reply& reply);
  ClientAction fail_in_doubt(Error why);

  // Endings.
  void fail(const Error& why, const std::optional<Reply>& reply = {});
  ClientAction fail_and_quit(const Error& why, const std::optional<Reply>& reply = {});
  ClientAction fail_and_close(const Error& why, const std::optional<Reply>& reply = {});
  ClientAction refused(
      const Reply& reply);  ///< `reply` is not what the stage needs: fails, and QUIT.
  ClientAction end_refused();
  ClientAction keep();
  ClientAction quit();
  ClientAction close();

  ClientOptions options;
  OutgoingEnvelope envelope;
  Step step = Step::start;
  Stage stage = Stage::greeting;
  ReplyParser parser;
  Capabilities offers;  ///< Of the latest EHLO.
  EnvelopeCommands commands;
  Outcomes outcomes;
  DotStuffer stuffer;
  std::string pending_body;  ///< Stuffed, not yet written.
  std::vector<std::string>
      auth_lines;          ///< Of the login, those still to be said, the next one last.
  bool reused = false;     ///< The connection was kept by another session.
  bool got_reply = false;  ///< There was a reply to this message's commands.
  bool first_reply_under_tls = false;
  bool writing = false;  ///< The last action was a DoWrite.
  SessionResult result;
};

}  // namespace fulmar::smtp
