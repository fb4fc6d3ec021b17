// The inside of ServerSession, shared by its parts: server_session.cc has events and actions,
// server_commands.cc lines and what most commands do, server_auth.cc AUTH, server_envelope.cc MAIL
// and RCPT, server_transfer.cc DATA, BDAT and the message itself. Nobody else includes this.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
    sasl,        ///< The next line answers a challenge.
    checking,    ///< CheckCredentials or AnswerScram was asked.
    accepting,   ///< MayAccept.
    beginning,   ///< BeginMessage.
    data,        ///< Of DATA, or of a chunk.
    draining,    ///< A chunk that nobody wants.
    storing,     ///< StoreData.
    abandoning,  ///< AbandonMessage.
    committing,  ///< CommitMessage.
    tls,         ///< The 220 is to be written, then the handshake.
  };

  /// From MAIL on.
  struct Transaction {
    Mail mail;
    std::vector<IncomingRecipient> recipients;
    std::unordered_map<std::string, std::size_t> known;  ///< Their places, by ascii_domain_form().
  };

  /// A BDAT command while its octets come.
  struct Chunk {
    std::uint64_t octets = 0;
    std::uint64_t left = 0;
    bool last = false;
    [[nodiscard]] bool is_over() const { return left == 0; }
  };

  explicit State(ServerOptions given)
      : options(std::move(given)),
        tls(options.tls),
        input(options.auth == ServerOptions::Auth::none ? kMaxCommandLine : kMaxAuthLine) {}

  [[nodiscard]] ServerAction next();
  [[nodiscard]] ServerAction write();
  [[nodiscard]] ServerAction idle();
  void ask(ServerAction action, Phase meanwhile);

  void on(const SessionStarted& event);
  void on(const ServerBytesReceived& event);
  void on(const ServerBytesWritten&);
  void on(const ServerTlsEstablished& event);
  void on(const CredentialsAccepted& event);
  void on(const CredentialsRefused& event);
  void on(const ScramChallenge& event);
  void on(const EnvelopeAccepted&);
  void on(const EnvelopeRefused& event);
  void on(const MessageBegun& event);
  void on(const DataStored&);
  void on(const MessageSafe& event);
  void on(const StoreRefused& event);
  void on(const ServerStopping&);
  void on(const ServerTimedOut&);

  [[nodiscard]] std::optional<std::string> take_line(EnhancedStatus too_long);
  void read_line();
  void read_response();
  void go_on(SaslExchange::Step step);
  void challenge(const std::string& text);
  void refuse_login(SaslExchange::Refusal why);
  /// One try less.
  void count_failed_login();
  void read_data();
  void drain();
  void end_of_data();
  void go_on_with_data();
  [[nodiscard]] bool refuse_data();
  /// REQUIRES: no message is being received.
  void end_transaction();
  /// The same, whatever is being received.
  void drop_transaction(std::string_view why);
  void begin_message();
  void begin_data(std::optional<SubmissionHeader::Additions> additions);

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
  // Why not, if so.
  [[nodiscard]] std::optional<CommandError> check_right_to_send() const;
  [[nodiscard]] std::optional<CommandError> check(const Mail& command) const;
  [[nodiscard]] std::optional<CommandError> check(const Rcpt& command) const;
  [[nodiscard]] std::optional<CommandError> check(const Auth& command) const;
  void complain(const CommandError& error);

  void agree(std::uint16_t code, EnhancedStatus status, std::string_view text);
  /// A refusal that is the client's fault; too many end the session.
  void complain(std::uint16_t code, EnhancedStatus status, std::string_view text);
  /// RCPT, DATA or BDAT outside a transaction.
  void refuse_out_of_transaction(std::string_view text);
  /// A command that brings no message nearer. False: it was one too many, and the session ends.
  [[nodiscard]] bool may_idle();
  void note_refusal(std::uint16_t code, EnhancedStatus status, std::string_view text);
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
  /// The latest EHLO listed AUTH.
  [[nodiscard]] bool offers_auth() const {
    return options.auth != ServerOptions::Auth::none && extended &&
           tls == ServerOptions::Tls::active;
  }
  [[nodiscard]] bool may_relay() const {
    return options.relaying == ServerOptions::Relaying::allowed || !tally.user.empty();
  }
  void take_user(const ServerUser& user) {
    tally.user = user.name;
    user_recipients = user.recipients_per_message;
  }
  [[nodiscard]] std::size_t recipient_limit() const {
    return user_recipients != 0 ? user_recipients : options.recipients_per_message;
  }
  [[nodiscard]] bool is_submission() const {
    return options.kind == ServerOptions::Kind::submission;
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
  std::optional<SaslExchange> sasl;
  std::size_t user_recipients = 0;  ///< Of one message, for this user; 0: as for everybody.
  std::uint32_t failed_logins = 0;
  std::uint32_t unfinished_logins = 0;
  std::uint32_t idle_commands = 0;  ///< Since the last message that was taken.
  Mail asked_mail;                  ///< While accepting.
  /// What was pipelined behind a refused MAIL or chunk is not held against the client, as long as
  /// it could have been.
  bool mail_refused = false;
  std::size_t forgiven = 0;  ///< Since then.
  std::optional<Transaction> transaction;
  std::optional<ServerData> data;
  std::optional<Chunk>
      chunk;  ///< The message comes by BDAT, and this is the chunk that is arriving.
  std::optional<Error> store_refusal;
  bool in_message = false;

  std::uint32_t errors_in_a_row = 0;
  std::uint32_t errors = 0;
  ServerTally tally;
};

}  // namespace fulmar::smtp
