// One client connection: runs a ServerSession over a socket and a message into the spool. It
// decides nothing about SMTP and nothing about storage; it carries between the two, with deadlines.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "mta/intake/admission.h"
#include "mta/intake/authenticator.h"
#include "mta/intake/incoming_message.h"
#include "mta/intake/message_rates.h"
#include "mta/intake/scram_login.h"
#include "mta/intake/user_rules.h"
#include "mta/net/stream.h"
#include "mta/smtp/server_session.h"
#include "mta/task_group.h"
#include "queue/store.h"
#include "tls/server_context.h"

namespace fulmar::intake {

/// What every connection uses; all of it must outlive the connection.
struct ConnectionParts {
  queue::Store& store;
  Budget& memory;  ///< For bodies.
  Clock& clock;
  Random& random;
  Metrics& metrics;
  Admission& admission;
  Authenticator& authenticator;
  MessageRates& rates;
  const UserRules& users;
  mta::TaskGroup& tasks;
  const std::function<void(AcceptedMessage, const boost::asio::any_io_executor&)>& queued;
};

/// What this one's listener and client make of it.
struct ConnectionTerms {
  smtp::ServerOptions options;
  std::shared_ptr<const tls::ServerContext> tls;  ///< Set unless options.tls is none.
  Endpoint client;                                ///< The socket's peer, or whom its proxy names.
  std::optional<conf::Rate> message_rate;         ///< Of a client, and of users without their own.
  bool honor_tls_required_no = false;             ///< The header field TLS-Required: No counts.
  std::chrono::milliseconds command_timeout{};
};

/// Lives on its socket's thread. Shared by its coroutine, its timer, and those who may stop it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ConnectionParts parts, ConnectionTerms terms, boost::asio::ip::tcp::socket socket);

  /// The whole session; returns when the connection is closed.
  boost::asio::awaitable<void> run();

  /// Ends the session with 421 as soon as no message is being received. On the connection's thread.
  void stop();
  /// At once. On the connection's thread.
  void close();

  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  using Event = std::optional<smtp::ServerEvent>;  ///< Empty: the connection is over.
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  awaitable<Event> answer(smtp::ServerRead action);
  awaitable<Event> answer(smtp::ServerWrite action);
  awaitable<Event> answer(smtp::ServerStartTls action);
  awaitable<Event> answer(smtp::CheckCredentials action);
  awaitable<Event> answer(smtp::AnswerScram action);
  awaitable<Event> answer(smtp::MayAccept action);
  awaitable<Event> answer(smtp::BeginMessage action);
  awaitable<Event> answer(smtp::StoreData action);
  awaitable<Event> answer(smtp::CommitMessage action);
  awaitable<Event> answer(smtp::AbandonMessage action);
  awaitable<Event> answer(smtp::ServerClose action);

  /// REQUIRES: between BeginMessage and its end.
  IncomingMessage& incoming();
  awaitable<Event> greet();
  awaitable<bool> handshake();
  [[nodiscard]] smtp::ServerUser certified_user() const;
  [[nodiscard]] smtp::ServerEvent conclude(ScramLogin::Verdict verdict) const;
  void log_wrong_password(const std::string& user) const;
  [[nodiscard]] Result<> may_send(const smtp::MayAccept& question);
  [[nodiscard]] Result<> take_of_rate(const std::string& user);
  [[nodiscard]] Result<> check_originators(const std::vector<Mailbox>& originators) const;
  awaitable<Event> refuse_message(Error why);
  [[nodiscard]] SteadyTime::duration patience(SteadyTime now) const;
  void note_reading();
  void watch_idleness(SteadyTime::duration rest);
  void on_idle_timer();
  void interrupt(const smtp::ServerEvent& event);
  awaitable<void> say_farewell(std::shared_ptr<Connection> self, std::string words);
  awaitable<void> finish();
  awaitable<void> hear_out();
  void log_end() const;

  ConnectionParts parts_;
  ConnectionTerms terms_;
  boost::asio::any_io_executor executor_;
  bool spoke_first_ = false;  ///< Octets were there before the greeting.
  net::Stream stream_;
  boost::asio::steady_timer idle_timer_;
  IpAddress client_;
  std::string client_name_;  ///< "name[address]", for the log.
  smtp::ServerSession session_;
  std::optional<ScramLogin> scram_;  ///< Under way, or cancelled.
  std::optional<IncomingMessage> message_;
  bool stopping_ = false;
  bool told_stopping_ = false;
  bool reading_ = false;   ///< Waiting for the client.
  bool farewell_ = false;  ///< The last words are being written beside the read that waits.
  // While waiting: when the client spoke last, when what is awaited was asked for, be it a command
  // or a message, and how much of the message has come.
  SteadyTime reading_since_{};
  SteadyTime asked_at_{};
  std::uint64_t answered_ = 0;  ///< ServerTally::commands at `asked_at_`.
  bool receiving_ = false;      ///< A message, be it one that will be refused.
  SteadyTime read_at_{};        ///< When the latest read ended.
  std::uint64_t octets_since_ = 0;
  std::string lost_;  ///< Why the connection broke; empty if it did not.
};

}  // namespace fulmar::intake
