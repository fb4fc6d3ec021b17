// The memory of a ClientSession and its steps. Included by client_*.cc only: client_session.cc
// takes the events apart, client_opening.cc holds the steps from the greeting to the last EHLO,
// client_auth.cc the login, client_transaction.cc those from MAIL on, client_chunks.cc the message
// by BDAT.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mta/smtp/client_envelope.h"
#include "mta/smtp/client_outcomes.h"
#include "mta/smtp/client_session.h"
#include "mta/smtp/command.h"
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
    loading,  ///< The message of a flight is read, before anything is said.
    envelope,
    body,
    final_dot,  ///< Or the last chunk.
    lone_dot,   ///< Ends a DATA that no recipient was accepted for.
    draining,   ///< A chunk was refused; the replies to those sent behind it say nothing.
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
  [[nodiscard]] Wait wait_for_reply() const;
  ClientAction on_answer_amid_body();
  ClientAction fail_unwritten();
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
  std::optional<ClientAction> note_answer(const EnvelopeCommands::Answered& answered,
                                          const Reply& reply);
  ClientAction on_data(const Reply& reply);
  ClientAction on_final_dot(const Reply& reply);
  ClientAction fail_miscounted();
  [[nodiscard]] bool may_be_taken() const;
  ClientAction fail_in_doubt(Error why);

  // Chunks.
  ClientAction begin_chunks();
  ClientAction add_to_chunk(std::string_view bytes);
  ClientAction end_chunks();
  ClientAction write_chunk(LastChunk last);
  ClientAction fail_wrong_size();
  [[nodiscard]] bool may_send_chunk() const;
  std::optional<ClientAction> on_chunk(const Reply& reply);
  ClientAction on_chunk_for_nobody(const Reply& reply);
  ClientAction on_answer_amid_chunks();
  ClientAction fail_without_bdat(const Reply& reply);
  std::optional<ClientAction> on_drained(const Reply& reply);

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
  Handover handover = Handover::data;
  EnvelopeCommands commands;
  Outcomes outcomes;
  DotStuffer stuffer;
  std::string pending_body;      ///< As it goes out, not yet written.
  std::uint64_t body_taken = 0;  ///< Octets of the body that came, of a message by BDAT.
  std::size_t chunks_unanswered = 0;
  bool end_sent = false;  ///< The final dot or the last chunk was given away to be written.
  std::vector<std::string>
      auth_lines;          ///< Of the login, those still to be said, the next one last.
  bool reused = false;     ///< The connection was kept by another session.
  bool heard_any = false;  ///< The host said something, a part of a reply at least.
  bool got_reply = false;  ///< There was a reply to this message's commands.
  bool first_reply_under_tls = false;
  bool writing = false;  ///< The last action was a DoWrite.
  SessionResult result;
};

}  // namespace fulmar::smtp
