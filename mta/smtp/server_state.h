// The inside of ServerSession, shared by its two halves: server_session.cc has events, actions and
// the data phase, server_commands.cc what each command does. Nobody else includes this.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "mta/smtp/command.h"
#include "mta/smtp/server_data.h"
#include "mta/smtp/server_input.h"
#include "mta/smtp/server_replies.h"
#include "mta/smtp/server_session.h"

namespace fulmar::smtp {

struct ServerSession::State {
  /// What the session waits for, or does next.
  enum class Phase : std::uint8_t {
    greeting,
    command,
    accepting,  ///< MayAccept was asked.
    beginning,  ///< BeginMessage.
    data,
    storing,     ///< StoreData.
    abandoning,  ///< AbandonMessage.
    committing,  ///< CommitMessage.
    tls,         ///< The 220 is to be written, then the handshake.
  };

  /// From MAIL on.
  struct Transaction {
    Mail mail;
    std::vector<Mailbox> recipients;
    std::unordered_set<std::string> known;  ///< ascii_domain_form() of each.
  };

  explicit State(ServerOptions given) : options(std::move(given)), tls(options.tls) {}

  [[nodiscard]] ServerAction next();
  [[nodiscard]] ServerAction write();
  [[nodiscard]] ServerAction idle();
  void ask(ServerAction action, Phase meanwhile);

  void on(const SessionStarted&);
  void on(const ServerBytesReceived& event);
  void on(const ServerBytesWritten&);
  void on(const ServerTlsEstablished&);
  void on(const EnvelopeAccepted&);
  void on(const EnvelopeRefused& event);
  void on(const DataStored&);
  void on(const MessageSafe& event);
  void on(const StoreRefused& event);
  void on(const ServerStopping&);
  void on(const ServerTimedOut&);

  void read_line();
  void read_data();
  void end_of_data();
  void end_transaction();

  void obey(const std::string& line);
  void run(const Ehlo& command);
  void run(const Helo& command);
  void run(const Mail& command);
  void run(const Rcpt& command);
  void run(const Data&);
  void run(const Rset&);
  void run(const Noop&);
  void run(const Quit&);
  void run(const Help&);
  void run(const Vrfy&);
  void run(const StartTlsCommand&);
  void run(const Auth& command);
  void run(const Bdat& command);
  void greet_anew(const std::string& name);

  void agree(std::uint16_t code, EnhancedStatus status, std::string_view text);
  /// A refusal that is the client's fault; too many end the session.
  void complain(std::uint16_t code, EnhancedStatus status, std::string_view text);
  void count_error();
  /// A refusal that is not: our store, a limit it could not know.
  void decline(std::uint16_t code, EnhancedStatus status, std::string_view text);
  void decline(const Error& why);
  /// The last words.
  void goodbye(std::uint16_t code, EnhancedStatus status, const std::string& text);
  /// Something stands behind a command that must be the last one of its group (SMU-04): the session
  /// ends.
  [[nodiscard]] bool is_followed_by_more();
  /// The latest EHLO listed REQUIRETLS.
  [[nodiscard]] bool offers_requiretls() const {
    return options.requiretls && extended && tls == ServerOptions::Tls::active;
  }
  /// REQUIRES: between DATA and its end.
  [[nodiscard]] ServerData& incoming();
  [[nodiscard]] const std::string& own_name() const { return options.hostname.str(); }

  ServerOptions options;
  ServerOptions::Tls tls;
  Phase phase = Phase::greeting;
  bool closing = false;
  bool stopping = false;
  ServerInput input;
  ServerReplies replies;
  std::optional<ServerAction> question;  ///< To be asked before anything else.

  std::string helo;       ///< Empty until EHLO or HELO.
  bool extended = false;  ///< EHLO rather than HELO.
  Mail asked_mail;        ///< While accepting.
  /// RCPT and DATA that were pipelined behind a refused MAIL are not held against the client.
  bool mail_refused = false;
  std::optional<Transaction> transaction;
  std::optional<ServerData> data;
  std::optional<Error> store_refusal;
  bool in_message = false;

  std::uint32_t errors_in_a_row = 0;
  std::uint32_t errors = 0;
  ServerTally tally;
};

}  // namespace fulmar::smtp
