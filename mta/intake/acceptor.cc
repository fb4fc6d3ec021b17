#include "mta/intake/acceptor.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "mta/intake/authenticator.h"
#include "mta/intake/client_counts.h"
#include "mta/intake/connection.h"
#include "mta/intake/listener.h"
#include "mta/intake/message_rates.h"
#include "mta/intake/user_rules.h"
#include "mta/net/endpoint.h"
#include "mta/net/proxied.h"
#include "mta/net/stream.h"
#include "mta/task_group.h"

namespace fulmar::intake {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kAcceptPause = 100ms;
constexpr auto kTroubleLogEvery = 5s;
constexpr auto kTurnAwayLimit = 5s;
constexpr auto kProxyHeaderLimit = 5s;
// Proxies send theirs at once; these descriptors are not counted among those of sessions.
constexpr std::size_t kProxyHeadersAwaited = 128;
constexpr auto kCutOffLimit = 2s;
// Beyond the limits so many clients at once are told why; the others find the door shut.
constexpr int kTurnedAwayAtOnce = 64;

}  // namespace

struct Intake::Shared : std::enable_shared_from_this<Intake::Shared> {
  Shared(IntakeParts given, IntakeSettings wanted)
      : parts(std::move(given)),
        settings(std::move(wanted)),
        admission(parts.store, parts.memory_mark, parts.clock, settings.limits.spool_reserve,
                  settings.state_dir),
        rates(parts.clock),
        users(settings.users),
        counts(settings.limits.connections, settings.limits.connections_per_client) {}

  /// A place among the sessions, given back at the end whatever the end is.
  class Visit {
   public:
    Visit(std::shared_ptr<Shared> shared, const IpAddress& client)
        : shared_(std::move(shared)), client_(client) {
      shared_->parts.metrics.sessions_accepted.add();
      shared_->parts.metrics.sessions_open.add(1);
    }
    ~Visit() {
      if (!shared_) return;
      shared_->parts.metrics.sessions_open.add(-1);
      shared_->counts.leave(client_);
    }
    Visit(Visit&&) noexcept = default;
    Visit& operator=(Visit&&) = delete;

   private:
    std::shared_ptr<Shared> shared_;
    IpAddress client_;
  };

  static asio::awaitable<void> accept(std::shared_ptr<Shared> shared,
                                      std::shared_ptr<Listener> listener);
  static asio::awaitable<void> hear_proxy(std::shared_ptr<Shared> shared,
                                          std::shared_ptr<Listener> listener, tcp::socket socket,
                                          Endpoint proxy);
  static asio::awaitable<void> serve(std::shared_ptr<Shared> shared, Visit visit,
                                     std::shared_ptr<Listener> listener,
                                     std::shared_ptr<Connection> connection);
  static asio::awaitable<void> turn_away(std::shared_ptr<Shared> shared, net::Stream stream,
                                         std::string words);
  void take(const std::shared_ptr<Listener>& listener, tcp::socket socket);
  void admit(const std::shared_ptr<Listener>& listener, tcp::socket socket,
             const Endpoint& endpoint);
  void refuse(const Listener& listener, tcp::socket socket, ClientCounts::Verdict verdict);
  void note_bad_proxy(const Listener& listener, const Endpoint& proxy, const Error& why);
  void note_trouble(Listener& listener, const std::string& what);
  [[nodiscard]] std::vector<std::shared_ptr<Connection>> present();
  [[nodiscard]] std::string users_file() const;
  [[nodiscard]] Result<ScramSecret> scram_secret() const;
  void warn_of_rules() const;

  IntakeParts parts;
  IntakeSettings settings;
  Admission admission;
  std::unique_ptr<Authenticator> authenticator;  // since listen()
  MessageRates rates;
  UserRules users;
  ClientCounts counts;
  mta::TaskGroup tasks;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::atomic<bool> stopping{false};
  std::atomic<int> being_turned_away{0};
  std::atomic<std::size_t> proxy_headers_awaited{0};
  std::mutex mutex;
  std::map<const Connection*, std::weak_ptr<Connection>> connections;  // guarded by mutex
  std::optional<SteadyTime> logged_proxy;                              // guarded by mutex
};

asio::awaitable<void> Intake::Shared::accept(std::shared_ptr<Shared> shared,
                                             std::shared_ptr<Listener> listener) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (!shared->stopping) {
    asio::any_io_executor home = shared->parts.next_executor();
    auto [ec, socket] = co_await listener->acceptor.async_accept(home, kAwait);
    if (!ec) {
      shared->take(listener, std::move(socket));
      continue;
    }
    if (!listener->acceptor.is_open()) co_return;
    if (ec == asio::error::connection_aborted) continue;  // it left before we came
    // Out of descriptors or memory: asking again at once would only burn the processor (pitfall
    // 89).
    shared->note_trouble(*listener, ec.message());
    pause.expires_after(kAcceptPause);
    co_await pause.async_wait(kAwait);
  }
}

void Intake::Shared::note_trouble(Listener& listener, const std::string& what) {
  const SteadyTime now = parts.clock.steady_now();
  if (listener.logged_trouble && now - *listener.logged_trouble < kTroubleLogEvery) return;
  listener.logged_trouble = now;
  log_error("cannot accept connections; pausing",
            {{"listener", listener.bound.str()}, {"reason", what}});
}

void Intake::Shared::take(const std::shared_ptr<Listener>& listener, tcp::socket socket) {
  boost::system::error_code ec;
  const tcp::endpoint remote = socket.remote_endpoint(ec);
  if (ec) return;  // it left before we came
  const Endpoint peer = net::from_asio(remote);
  if (!listener->is_proxy(peer.address.unmapped())) {
    return admit(listener, std::move(socket), peer);
  }
  if (proxy_headers_awaited >= kProxyHeadersAwaited) {
    return parts.metrics.sessions_refused.add();
  }
  ++proxy_headers_awaited;
  const asio::any_io_executor home = socket.get_executor();
  tasks.spawn(home, hear_proxy(shared_from_this(), listener, std::move(socket), peer),
              "hearing a proxy");
}

/// The client is known, counted and limited by what the proxy says.
asio::awaitable<void> Intake::Shared::hear_proxy(std::shared_ptr<Shared> shared,
                                                 std::shared_ptr<Listener> listener,
                                                 tcp::socket socket, Endpoint proxy) {
  const auto client = co_await net::read_proxy_header(socket, kProxyHeaderLimit);
  --shared->proxy_headers_awaited;
  if (!client) {
    shared->parts.metrics.sessions_refused.add();
    shared->note_bad_proxy(*listener, proxy, client.error());
    co_return;
  }
  if (!shared->stopping) shared->admit(listener, std::move(socket), client->value_or(proxy));
}

/// A balancer that looks whether we are alive does this every few seconds.
void Intake::Shared::note_bad_proxy(const Listener& listener, const Endpoint& proxy,
                                    const Error& why) {
  const SteadyTime now = parts.clock.steady_now();
  {
    const std::lock_guard lock(mutex);
    if (logged_proxy && now - *logged_proxy < kTroubleLogEvery) return;
    logged_proxy = now;
  }
  log_warn("connection refused: its proxy sent no good header",
           {{"listener", listener.bound.str()}, {"proxy", proxy.str()}, {"reason", why.detail}});
}

void Intake::Shared::admit(const std::shared_ptr<Listener>& listener, tcp::socket socket,
                           const Endpoint& endpoint) {
  boost::system::error_code ec;
  const IpAddress client = endpoint.address.unmapped();
  if (const auto verdict = counts.enter(client); verdict != ClientCounts::Verdict::counted) {
    return refuse(*listener, std::move(socket), verdict);
  }
  Visit visit(shared_from_this(), client);
  // Replies are small and each one is waited for. A socket that cannot do it only gets slower.
  socket.set_option(tcp::no_delay(true), ec);
  const ConnectionParts uses{.store = parts.store,
                             .memory = parts.memory,
                             .clock = parts.clock,
                             .random = parts.random,
                             .metrics = parts.metrics,
                             .admission = admission,
                             .authenticator = *authenticator,
                             .rates = rates,
                             .users = users,
                             .tasks = tasks,
                             .queued = parts.queued};
  ConnectionTerms terms{
      .options = session_options(settings.hostname, settings.limits, listener->conf, client),
      .tls = listener->tls(),
      .client = endpoint,
      .message_rate = settings.limits.messages_per_client,
      .honor_tls_required_no = settings.requiretls.honor_tls_required_no,
      .command_timeout = settings.command_timeout};
  terms.options.requiretls = settings.requiretls.enabled;
  if (authenticator->users()->all_have_scram()) terms.options.scram = smtp::OfferScram::yes;
  auto connection = std::make_shared<Connection>(uses, std::move(terms), std::move(socket));
  {
    const std::lock_guard lock(mutex);
    connections.emplace(connection.get(), connection);
  }
  const asio::any_io_executor home = connection->executor();
  tasks.spawn(home, serve(shared_from_this(), std::move(visit), listener, std::move(connection)),
              "client session");
}

asio::awaitable<void> Intake::Shared::serve(std::shared_ptr<Shared> shared,
                                            [[maybe_unused]] Visit visit,
                                            [[maybe_unused]] std::shared_ptr<Listener> listener,
                                            std::shared_ptr<Connection> connection) {
  if (shared->stopping) connection->stop();  // it came in while stop() went through the others
  co_await connection->run();
  const std::lock_guard lock(shared->mutex);
  shared->connections.erase(connection.get());
}

void Intake::Shared::refuse(const Listener& listener, tcp::socket socket,
                            ClientCounts::Verdict verdict) {
  parts.metrics.sessions_refused.add();
  // Under implicit TLS words would cost a handshake, which is what a crowd must not get for free.
  if (listener.conf.tls == conf::ListenTls::implicit) return;
  if (being_turned_away >= kTurnedAwayAtOnce) return;
  ++being_turned_away;
  const std::string words =
      verdict == ClientCounts::Verdict::too_many
          ? "421 4.3.2 " + settings.hostname.str() + " too many connections\r\n"
          : "421 4.7.0 " + settings.hostname.str() + " too many connections from your address\r\n";
  const asio::any_io_executor home = socket.get_executor();
  tasks.spawn(home, turn_away(shared_from_this(), net::Stream(std::move(socket)), words),
              "turning a client away");
}

asio::awaitable<void> Intake::Shared::turn_away(std::shared_ptr<Shared> shared, net::Stream stream,
                                                std::string words) {
  static_cast<void>(co_await stream.write(words, kTurnAwayLimit));
  stream.close();
  --shared->being_turned_away;
}

/// Empty where no listener takes passwords: then the file need not be there.
std::string Intake::Shared::users_file() const {
  const bool needed = std::ranges::any_of(settings.listen, [](const conf::Listen& each) {
    return each.auth != conf::ListenAuth::none;
  });
  return needed ? settings.auth.users_file : "";
}

/// Only who takes passwords has anything to hide.
Result<ScramSecret> Intake::Shared::scram_secret() const {
  return users_file().empty() ? make_scram_secret() : load_scram_secret(settings.state_dir);
}

/// A slip in a name, most likely: whoever logs in is held to less than was meant.
void Intake::Shared::warn_of_rules() const {
  const std::string file = users_file();
  if (file.empty()) return;
  for (const std::string& name :
       rules_of_nobody(settings.users, settings.listen, *authenticator->users())) {
    log_warn("a [[user]] has no line in the users file", {{"user", name}, {"users_file", file}});
  }
}

std::vector<std::shared_ptr<Connection>> Intake::Shared::present() {
  const std::lock_guard lock(mutex);
  std::vector<std::shared_ptr<Connection>> result;
  for (const auto& [_, weak] : connections) {
    if (auto connection = weak.lock()) result.push_back(std::move(connection));
  }
  return result;
}

Intake::Intake(IntakeParts parts, IntakeSettings settings)
    : shared_(std::make_shared<Shared>(std::move(parts), std::move(settings))) {}

Intake::~Intake() = default;

Result<> Intake::listen() {
  FULMAR_TRY(const ScramSecret secret, shared_->scram_secret());
  FULMAR_TRY(shared_->authenticator,
             Authenticator::create(shared_->users_file(), secret, shared_->parts.clock));
  shared_->warn_of_rules();
  std::vector<std::shared_ptr<Listener>> opened;
  for (const conf::Listen& each : shared_->settings.listen) {
    FULMAR_TRY(auto listener, Listener::open(shared_->parts.next_executor(), each));
    opened.push_back(std::move(listener));
  }
  shared_->listeners = std::move(opened);
  return {};
}

void Intake::reload() {
  const auto tell = [](const std::string& what, const Result<>& result) {
    if (result) return log_info(what + " read again");
    log_error(what + " cannot be read again; the old one stays",
              {{"reason", result.error().detail}});
  };
  for (const auto& listener : shared_->listeners) {
    if (listener->conf.tls == conf::ListenTls::none) continue;
    tell("certificate of listener " + listener->bound.str(), listener->reload());
  }
  const std::string users_file = shared_->users_file();
  if (users_file.empty()) return;
  tell("users file", shared_->authenticator->reload(users_file));
  shared_->warn_of_rules();
}

void Intake::start() {
  for (const auto& listener : shared_->listeners) {
    log_info("listening", {{"address", listener->bound.str()}});
    shared_->tasks.spawn(listener->acceptor.get_executor(), Shared::accept(shared_, listener),
                         "accepting");
  }
}

asio::awaitable<bool> Intake::stop(std::chrono::milliseconds grace) {
  const std::shared_ptr<Shared> shared = shared_;
  shared->stopping = true;
  for (const auto& listener : shared->listeners) {
    asio::post(listener->acceptor.get_executor(), [listener] {
      boost::system::error_code ignored;  // there is nothing to be done about it
      listener->acceptor.close(ignored);
    });
  }
  for (const auto& connection : shared->present()) {
    asio::post(connection->executor(), [connection] { connection->stop(); });
  }
  if (shared->authenticator) shared->authenticator->stop();
  const bool in_time = co_await shared->tasks.join(grace);
  if (in_time) co_return true;
  for (const auto& connection : shared->present()) {
    asio::post(connection->executor(), [connection] { connection->close(); });
  }
  const bool ended = co_await shared->tasks.join(kCutOffLimit);
  if (!ended) log_warn("client sessions did not end");
  co_return ended;
}

std::vector<OwnCertificate> Intake::certificates() const {
  std::vector<OwnCertificate> own;
  for (const auto& listener : shared_->listeners) {
    const auto context = listener->tls();
    const std::string& file = listener->conf.certificate;
    if (!context || std::ranges::find(own, file, &OwnCertificate::file) != own.end()) continue;
    own.push_back({.file = file, .not_after = context->not_after()});
  }
  return own;
}

std::vector<Endpoint> Intake::endpoints() const {
  std::vector<Endpoint> result;
  for (const auto& listener : shared_->listeners)
    result.push_back(listener->bound);
  return result;
}

}  // namespace fulmar::intake
