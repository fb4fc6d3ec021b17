#include "mta/intake/connection.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "base/log.h"
#include "base/maillog.h"
#include "mta/intake/received.h"

namespace fulmar::intake {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kWriteLimit = 5min;
constexpr auto kHandshakeLimit = 60s;
constexpr auto kFarewellLimit = 5s;
constexpr auto kHearOutLimit = 500ms;  // each read
constexpr int kHearOutReads = 16;
// What a client that is sending a message must reach on average, after the time it has for a
// command: slower than any line in use, and an end for those who only want to hold a place.
constexpr std::uint64_t kSlowestOctets = 500;  // a second
// The idle timer ends a silent session with words; this is for the case that it should fail to.
constexpr auto kReadMargin = 30s;

/// No name is looked up: whatever DNS says about a client changes nothing for it.
std::string name_of(const IpAddress& client) {
  static const Network loopback4 = *Network::parse("127.0.0.0/8");
  static const Network loopback6 = *Network::parse("::1/128");
  const bool local = loopback4.contains(client) || loopback6.contains(client);
  return (local ? "localhost[" : "unknown[") + client.str() + ']';
}

bool has_octets(asio::ip::tcp::socket& socket) {
  boost::system::error_code ec;
  const std::size_t available = socket.available(ec);
  return !ec && available > 0;
}

}  // namespace

Connection::Connection(ConnectionParts parts, ConnectionTerms terms, asio::ip::tcp::socket socket)
    : parts_(parts),
      terms_(std::move(terms)),
      executor_(socket.get_executor()),
      spoke_first_(has_octets(socket)),
      stream_(std::move(socket)),
      idle_timer_(executor_),
      client_(terms_.client.address.unmapped()),
      client_name_(name_of(client_)),
      session_(terms_.options) {}

asio::awaitable<void> Connection::run() {
  using Tls = smtp::ServerOptions::Tls;
  bool ready = true;
  if (terms_.options.tls == Tls::active) ready = co_await handshake();
  if (ready) {
    watch_idleness(terms_.command_timeout);
    Event event = co_await greet();
    while (event) {
      smtp::ServerAction action = session_.resume(*event);
      event =
          co_await std::visit([this](auto& wanted) { return answer(std::move(wanted)); }, action);
    }
  }
  co_await finish();
}

/// A client that speaks first is told so instead of being greeted (SMU-04); under TLS the handshake
/// came first.
asio::awaitable<Connection::Event> Connection::greet() {
  if (!spoke_first_ || terms_.options.tls == smtp::ServerOptions::Tls::active) {
    co_return smtp::SessionStarted{certified_user()};
  }
  static_cast<void>(session_.resume(smtp::SessionStarted{certified_user()}));
  co_return co_await answer(smtp::ServerRead{});
}

asio::awaitable<Connection::Event> Connection::answer(smtp::ServerRead) {
  if (stopping_ && !told_stopping_) {
    told_stopping_ = true;
    co_return smtp::ServerStopping{};
  }
  note_reading();
  const auto bytes = co_await stream_.read(terms_.command_timeout + kReadMargin);
  reading_ = false;
  read_at_ = parts_.clock.steady_now();
  if (farewell_) co_return std::nullopt;
  if (!bytes) {
    lost_ = bytes.error().detail;
    co_return std::nullopt;
  }
  octets_since_ += bytes->size();
  co_return smtp::ServerBytesReceived{*bytes};
}

/// What is awaited now: the rest of what was awaited before, or something new.
void Connection::note_reading() {
  reading_since_ = parts_.clock.steady_now();
  reading_ = true;
  const std::uint64_t answered = session_.tally().commands;
  const bool receiving = session_.is_receiving();
  if (answered == answered_ && receiving == receiving_ && asked_at_ != SteadyTime{}) {
    asked_at_ += reading_since_ - read_at_;  // what we needed is not the client's time
    return;
  }
  asked_at_ = reading_since_;
  answered_ = answered;
  receiving_ = receiving;
  octets_since_ = 0;
}

asio::awaitable<Connection::Event> Connection::answer(smtp::ServerWrite action) {
  const auto written = co_await stream_.write(action.bytes, kWriteLimit);
  if (!written) {
    lost_ = written.error().detail;
    co_return std::nullopt;
  }
  co_return smtp::ServerBytesWritten{};
}

asio::awaitable<Connection::Event> Connection::answer(smtp::ServerStartTls) {
  // Named first: GCC 12 makes wrong code of `if (co_await …)`.
  const bool done = co_await handshake();
  if (!done) co_return std::nullopt;
  co_return smtp::ServerTlsEstablished{certified_user()};
}

smtp::ServerUser Connection::certified_user() const {
  if (stream_.ssl() == nullptr) return {};
  const auto name = tls::client_identity(stream_.ssl());
  if (!name) return {};
  return parts_.users.session_user(*name);
}

asio::awaitable<bool> Connection::handshake() {
  auto tls_session = terms_.tls->new_session();
  if (!tls_session) {
    log_error("no TLS session",
              {{"client", client_name_}, {"reason", to_string(tls_session.error())}});
    co_return false;
  }
  const auto done = co_await stream_.handshake_server(*std::move(tls_session), kHandshakeLimit);
  if (!done) lost_ = "TLS handshake: " + done.error().detail;
  co_return done.has_value();
}

asio::awaitable<Connection::Event> Connection::answer(smtp::CheckCredentials action) {
  using Why = smtp::CredentialsRefused::Why;
  const std::string user = action.credentials.user();
  const auto verdict =
      co_await parts_.authenticator.check(client_, user, action.credentials.password());
  if (verdict == Authenticator::Verdict::accepted) {
    co_return smtp::CredentialsAccepted{parts_.users.session_user(user)};
  }
  const bool wrong = verdict == Authenticator::Verdict::refused;
  // What was not even looked at costs nothing, and must not cost a line of the log each time.
  if (wrong) log_wrong_password(user);
  co_return smtp::CredentialsRefused{wrong ? Why::wrong : Why::try_later};
}

void Connection::log_wrong_password(const std::string& user) const {
  log_warn("login refused: wrong user name or password",
           {{"client", client_name_}, {"user", sanitize_line(user, user.size())}});
}

asio::awaitable<Connection::Event> Connection::answer(smtp::AnswerScram action) {
  if (action.message.place == smtp::ScramMessage::Place::first) {
    scram_.emplace(parts_.authenticator, client_);
  }
  FULMAR_CHECK(scram_.has_value());
  ScramLogin::Answer answer = scram_->answer(action.message.octets);
  if (auto* challenge = std::get_if<ScramLogin::Challenge>(&answer)) {
    co_return smtp::ScramChallenge{std::move(challenge->octets)};
  }
  smtp::ServerEvent end = conclude(std::get<ScramLogin::Verdict>(answer));
  scram_.reset();
  co_return end;
}

/// REQUIRES: a login by SCRAM is under way.
smtp::ServerEvent Connection::conclude(ScramLogin::Verdict verdict) const {
  using Why = smtp::CredentialsRefused::Why;
  switch (verdict) {
    case ScramLogin::Verdict::accepted:
      return smtp::CredentialsAccepted{parts_.users.session_user(scram_->user())};
    case ScramLogin::Verdict::refused:
      log_wrong_password(scram_->user());
      return smtp::CredentialsRefused{Why::wrong};
    case ScramLogin::Verdict::try_later:
      return smtp::CredentialsRefused{Why::try_later};
    case ScramLogin::Verdict::malformed:
      return smtp::CredentialsRefused{Why::malformed};
    case ScramLogin::Verdict::denied:
      return smtp::CredentialsRefused{Why::denied};
  }
  std::unreachable();
}

asio::awaitable<Connection::Event> Connection::answer(smtp::MayAccept action) {
  const auto verdict = may_send(action);
  if (!verdict) co_return smtp::EnvelopeRefused{verdict.error()};
  co_return smtp::EnvelopeAccepted{};
}

Result<> Connection::may_send(const smtp::MayAccept& question) {
  if (question.sender && !question.user.empty()) {
    FULMAR_TRY_VOID(parts_.users.may_send_as(question.user, *question.sender));
  }
  FULMAR_TRY_VOID(parts_.admission.may_accept(question.declared_size));
  return take_of_rate(question.user);
}

/// A user has a rate of his own, or that of a client, wherever he comes from.
Result<> Connection::take_of_rate(const std::string& user) {
  const auto own = parts_.users.message_rate(user);
  const auto& rate = own ? own : terms_.message_rate;
  if (!rate) return {};
  const auto wait = user.empty() ? parts_.rates.take_for_client(client_, *rate)
                                 : parts_.rates.take_for_user(user, *rate);
  if (!wait) return {};
  Error why = make_error(Errc::limit,
                         "too many messages; try again in " + std::to_string(wait->count()) + " s");
  why.status = {4, 7, 1};
  why.retry = Retry::later;
  return fail(std::move(why));
}

/// A right to the envelope's sender is worth little when anybody may stand in From.
Result<> Connection::check_originators(const std::vector<Mailbox>& originators) const {
  const std::string& user = session_.tally().user;
  if (user.empty()) return {};
  for (const Mailbox& originator : originators) {
    FULMAR_TRY_VOID(parts_.users.may_send_as(user, originator));
  }
  return {};
}

asio::awaitable<Connection::Event> Connection::answer(smtp::BeginMessage action) {
  smtp::IncomingEnvelope& envelope = action.envelope;
  queue::Message message;
  message.arrived = parts_.clock.utc_now();
  message.id = MessageId::make(message.arrived, parts_.random);
  message.sender = std::move(envelope.sender);
  message.client = client_name_;
  message.helo = envelope.helo;
  message.requiretls = envelope.requiretls;
  message.smtputf8 = envelope.smtputf8;
  message.ret = envelope.ret;
  message.envelope_id = envelope.envelope_id;
  message.user = envelope.user;
  ReceivedFacts facts{.helo = envelope.helo,
                      .client = client_,
                      .by = terms_.options.hostname,
                      .extended = envelope.extended,
                      .smtputf8 = envelope.smtputf8,
                      .authenticated = !envelope.user.empty(),
                      .tls = envelope.tls ? tls::cipher_suite(stream_.ssl()) : "",
                      .id = message.id,
                      .only_recipient = std::nullopt,
                      .at = message.arrived};
  if (envelope.recipients.size() == 1) facts.only_recipient = envelope.recipients.front().address;
  const std::string own_id = '<' + message.id.str() + '@' + terms_.options.hostname.str() + '>';
  message_.emplace(parts_.store, parts_.memory, std::move(message), std::move(envelope.recipients));
  const auto stored = co_await incoming().append(received_field(facts));
  if (!stored) co_return co_await refuse_message(stored.error());
  co_return smtp::MessageBegun{.date = to_rfc5322(facts.at), .message_id = own_id};
}

IncomingMessage& Connection::incoming() {
  FULMAR_CHECK(message_.has_value());
  return *message_;
}

asio::awaitable<Connection::Event> Connection::answer(smtp::StoreData action) {
  const auto stored = co_await incoming().append(std::move(action.bytes));
  if (!stored) co_return co_await refuse_message(stored.error());
  co_return smtp::DataStored{};
}

asio::awaitable<Connection::Event> Connection::answer(smtp::CommitMessage action) {
  if (!terms_.honor_tls_required_no) action.facts.tls_required_no = false;
  const auto permitted = check_originators(action.originators);
  if (!permitted) co_return co_await refuse_message(permitted.error());
  auto accepted = co_await incoming().commit(action.facts);
  if (!accepted) co_return co_await refuse_message(accepted.error());
  message_.reset();
  parts_.metrics.messages_accepted.add();
  const queue::Message& message = accepted->message;
  std::size_t recipients = 0;
  for (const queue::Delivery& delivery : accepted->deliveries)
    recipients += delivery.recipients.size();
  maillog(QueuedEvent{.id = message.id,
                      .client = client_name_,
                      .user = message.user,
                      .sender = message.sender ? message.sender->text : "",
                      .size = message.size,
                      .recipients = recipients});
  smtp::MessageSafe safe{message.id.str()};
  parts_.queued(*std::move(accepted), executor_);
  co_return safe;
}

/// The store said no, or the user may not.
asio::awaitable<Connection::Event> Connection::refuse_message(Error why) {
  const bool ours = why.status.klass == 4;
  log(ours ? LogLevel::error : LogLevel::info, ours ? "message not stored" : "message refused",
      {{"id", incoming().message().id.str()},
       {"client", client_name_},
       {"reason", to_string(why)}});
  parts_.metrics.messages_rejected.add();
  co_await incoming().discard();
  message_.reset();
  co_return smtp::StoreRefused{std::move(why)};
}

asio::awaitable<Connection::Event> Connection::answer(smtp::AbandonMessage action) {
  const queue::Message& message = incoming().message();
  log_info("message refused", {{"id", message.id.str()},
                               {"client", client_name_},
                               {"from", message.sender ? message.sender->text : ""},
                               {"reason", to_string(action.why)}});
  parts_.metrics.messages_rejected.add();
  co_await incoming().discard();
  message_.reset();
  co_return smtp::DataStored{};
}

asio::awaitable<Connection::Event> Connection::answer(smtp::ServerClose) {
  co_return std::nullopt;
}

// One timer a session, not one a read: it looks how long the client has been silent, and waits for
// the rest.
void Connection::watch_idleness(SteadyTime::duration rest) {
  idle_timer_.expires_after(rest);
  idle_timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
    const auto self = weak.lock();
    if (!ec && self) self->on_idle_timer();
  });
}

void Connection::on_idle_timer() {
  const SteadyTime::duration rest = patience(parts_.clock.steady_now());
  if (rest > SteadyTime::duration(0)) return watch_idleness(rest);
  interrupt(smtp::ServerTimedOut{});
}

/// How long the client may go on as it does. Silence is bounded, and so is the time that one
/// command takes, however its octets drip; a message has more the more of it has come.
SteadyTime::duration Connection::patience(SteadyTime now) const {
  if (!reading_) return terms_.command_timeout;
  const SteadyTime::duration silence = terms_.command_timeout - (now - reading_since_);
  SteadyTime::duration whole = terms_.command_timeout;
  if (receiving_) whole += std::chrono::seconds(octets_since_ / kSlowestOctets);
  return std::min(silence, whole - (now - asked_at_));
}

void Connection::stop() {
  stopping_ = true;
  if (!reading_) return;
  told_stopping_ = true;
  interrupt(smtp::ServerStopping{});
}

/// Tells the session something while it waits for the client. It either has last words, or goes on
/// waiting.
void Connection::interrupt(const smtp::ServerEvent& event) {
  if (farewell_) return;
  smtp::ServerAction action = session_.resume(event);
  auto* words = std::get_if<smtp::ServerWrite>(&action);
  if (words == nullptr) return;
  farewell_ = true;
  parts_.tasks.spawn(executor_, say_farewell(shared_from_this(), std::move(words->bytes)),
                     "farewell");
}

/// Writes beside the pending read; closing ends that read, and run() with it.
asio::awaitable<void> Connection::say_farewell([[maybe_unused]] std::shared_ptr<Connection> self,
                                               std::string words) {
  // Whether it arrives changes nothing: the connection is over either way.
  static_cast<void>(co_await stream_.write(words, kFarewellLimit));
  stream_.close();
}

asio::awaitable<void> Connection::finish() {
  idle_timer_.cancel();
  if (message_) {
    co_await message_->discard();
    message_.reset();
  }
  if (!farewell_) {
    const bool we_ended = lost_.empty() && !session_.tally().ended_by.empty();
    if (we_ended && !stopping_) co_await hear_out();
    co_await stream_.shut_down(kFarewellLimit);
  }
  log_end();
}

/// A socket that is closed while octets wait in it sends a reset, which may overtake our last
/// reply: what the client is still saying is taken in for a moment.
asio::awaitable<void> Connection::hear_out() {
  for (int reads = 0; reads < kHearOutReads; ++reads) {
    const auto bytes = co_await stream_.read(kHearOutLimit);
    if (!bytes) co_return;
  }
}

void Connection::close() {
  stream_.close();
}

void Connection::log_end() const {
  const smtp::ServerTally& tally = session_.tally();
  const bool noteworthy = tally.refusals > 0 || !tally.ended_by.empty() || !lost_.empty();
  log(noteworthy ? LogLevel::info : LogLevel::debug, "client session ended",
      {{"client", client_name_},
       {"user", tally.user},
       {"messages", std::to_string(tally.messages)},
       {"refusals", std::to_string(tally.refusals)},
       {"last_refusal", tally.last_refusal},
       {"reason", !tally.ended_by.empty() ? tally.ended_by
                  : lost_.empty()         ? "quit"
                                          : lost_}});
}

}  // namespace fulmar::intake
