#include "mta/daemon.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "base/log.h"
#include "mta/app.h"
#include "mta/notice/load_texts.h"
#include "mta/service_manager.h"
#include "queue/backoff.h"
#include "queue/rocksdb_store.h"

namespace fulmar::mta {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// What running work gets to finish after SIGTERM: messages being received first, then deliveries.
constexpr auto kIntakeGrace = 30s;
constexpr auto kDeliveryGrace = 30s;
constexpr auto kControlGrace = 5s;

std::string why(const Error& error) {
  return error.detail;
}

/// A file named in the configuration that cannot be used is the configuration's fault.
int exit_code_for_engine(const Error& error) {
  const bool configuration = error.code == Errc::io || error.code == Errc::invalid_argument;
  return configuration ? kExitConfig : kExitTryLater;
}

/// Starting again helps when another process holds the spool or the disk is in trouble, not when
/// the spool itself needs an operator.
int exit_code_for_spool(const Error& error) {
  const bool needs_operator = error.code == Errc::corrupt || error.code == Errc::newer_version;
  return needs_operator ? kExitConfig : kExitTryLater;
}

std::string in_lines(const std::vector<conf::Problem>& problems, std::string_view separator) {
  std::string lines;
  for (const conf::Problem& problem : problems) {
    if (!lines.empty()) lines += separator;
    lines += to_string(problem);
  }
  return lines;
}

/// `reload` is done at each SIGHUP meanwhile.
asio::awaitable<void> wait_for_stop_signal(asio::signal_set& signals,
                                           std::function<void()> reload) {
  for (;;) {
    const auto [ec, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
    if (ec || number != SIGHUP) co_return;
    reload();
  }
}

}  // namespace

Daemon::Daemon(conf::Config config)
    : config_(std::move(config)),
      random_(make_system_random()),
      runtime_(config_.threads),
      unreachable_(config_.retry.intervals.front() / 2, clock_) {}

Daemon::~Daemon() = default;

int Daemon::run() {
  background_.spawn(runtime_.main(), live(), "daemon");
  runtime_.run();
  // Deliveries that were cut off are suspended in the middle of their work; unwinding them would
  // touch parts that are gone. The spool is closed and says what is left to do.
  if (cut_off_) {
    flush_log();
    std::_Exit(exit_code_);
  }
  return exit_code_;
}

asio::awaitable<void> Daemon::live() {
  started_at_ = clock_.utc_now();
  // Before anybody is told that we are ready: a signal that comes meanwhile is kept and heeded.
  asio::signal_set signals(runtime_.main(), SIGTERM, SIGINT, SIGHUP);
  const Started started = co_await start();
  if (!started) {
    std::fprintf(stderr, "fulmar: %s\n", started.error().line.c_str());
    exit_code_ = started.error().exit_code;
  } else {
    log_info("ready", {{"hostname", config_.hostname.str()}, {"version", FULMAR_VERSION}});
    notify_ready();
    co_await wait_for_stop_signal(signals, [this] { reload(); });
    notify_stopping();
    log_info("stopping");
  }
  co_await stop();
  runtime_.stop();
}

asio::awaitable<Daemon::Started> Daemon::start() {
  if (auto read = read_texts(); !read) co_return read;
  if (auto opened = open_spool(); !opened) co_return opened;
  if (auto recovered = co_await recover(); !recovered) co_return recovered;
  if (auto ready = co_await start_engine(); !ready) co_return ready;
  if (auto loaded = co_await load_notices(); !loaded) co_return loaded;
  if (auto opened = open_sockets(); !opened) co_return opened;
  start_work();
  co_return Started{};
}

Daemon::Started Daemon::read_texts() {
  auto texts = notice::load_texts(config_.notify);
  if (!texts)
    return std::unexpected(StartFailure{kExitConfig, in_lines(texts.error(), "\nfulmar: ")});
  texts_ = *std::move(texts);
  return {};
}

Daemon::Started Daemon::open_spool() {
  auto opened = queue::open_rocksdb_store(config_.state_dir, metrics_);
  if (!opened) {
    return std::unexpected(StartFailure{exit_code_for_spool(opened.error()), why(opened.error())});
  }
  store_ = *std::move(opened);
  policy_store_ = std::make_unique<SpoolPolicyStore>(*store_);
  suspensions_ = std::make_unique<delivery::Suspensions>(*store_);
  return {};
}

asio::awaitable<Daemon::Started> Daemon::recover() {
  line_ = std::make_unique<delivery::WaitingLine>(scheduler_limits(), clock_, [this] {
    if (dispatcher_) dispatcher_->wake();
  });
  const auto recovered = co_await store_->recover([this](const queue::Delivery& delivery) {
    const Arrival queued = schedule(delivery);
    line_->add(queued.key, queued.times);
    if (delivery.attempts == 0) first_attempts_.note_recovered(delivery.message);
  });
  if (!recovered) {
    co_return std::unexpected(
        StartFailure{exit_code_for_spool(recovered.error()), why(recovered.error())});
  }
  for (const queue::SetAside& entry : recovered->set_aside) {
    log_error("spool entry set aside: it cannot be read",
              {{"key", entry.key}, {"reason", why(entry.why)}});
    quarantine_.add(entry);
  }
  for (const MessageId& message : recovered->pinned)
    line_->pin(message);
  log_info("spool opened", {{"deliveries", std::to_string(line_->depth().deliveries)},
                            {"set_aside", std::to_string(recovered->set_aside.size())},
                            {"orphans_removed", std::to_string(recovered->orphans_removed)}});
  auto loaded = co_await suspensions_->load();
  if (loaded) loaded = co_await begin_run();
  if (!loaded) {
    co_return std::unexpected(
        StartFailure{exit_code_for_spool(loaded.error()), why(loaded.error())});
  }
  recovered_ = true;
  co_return Started{};
}

/// From here on a crash may leave a first attempt that nobody knows of.
asio::awaitable<Result<>> Daemon::begin_run() {
  FULMAR_CO_TRY(const auto records, co_await store_->read_table(queue::kCleanStop));
  if (records.empty()) co_return Result<>();
  queue::Batch batch;
  std::vector<MessageId> in_doubt;
  for (const auto& [key, value] : records) {
    if (const auto id = MessageId::parse(key)) in_doubt.push_back(*id);
    batch.emplace_back(queue::RemoveRecord{queue::kCleanStop, key});
  }
  first_attempts_.keep_only(std::move(in_doubt));
  co_return co_await store_->commit(std::move(batch));
}

/// With those of which it is not known. Of very many the next start takes all to be so.
asio::awaitable<void> Daemon::note_clean_stop() {
  constexpr std::size_t kMost = 10'000;
  queue::Batch batch{queue::PutRecord{queue::kCleanStop, "done", ""}};
  for (const MessageId& id : first_attempts_.in_doubt()) {
    if (line_->keys_of(id).empty()) continue;
    if (batch.size() > kMost) co_return;
    batch.emplace_back(queue::PutRecord{queue::kCleanStop, id.str(), ""});
  }
  const auto noted = co_await store_->commit(std::move(batch));
  if (!noted) log_warn("clean stop cannot be noted", {{"reason", noted.error().detail}});
}

asio::awaitable<Daemon::Started> Daemon::start_engine() {
  auto policies = co_await policy_store_->load();
  if (!policies) {
    co_return std::unexpected(
        StartFailure{exit_code_for_spool(policies.error()), why(policies.error())});
  }
  auto engine = Engine::create(config_,
                               {.clock = clock_,
                                .random = *random_,
                                .metrics = metrics_,
                                .troubles = troubles_,
                                .policy_store = *policy_store_},
                               runtime_.main(), *std::move(policies));
  if (!engine)
    co_return std::unexpected(
        StartFailure{exit_code_for_engine(engine.error()), why(engine.error())});
  engine_ = *std::move(engine);
  dnssec_ = std::make_unique<DnssecWatch>(
      DnssecWatchParts{
          .resolver = engine_->resolver(),
          .prove_trust_anchor = [this] { return engine_->resolver().prove_trust_anchor(); },
          .clock = clock_,
          .metrics = metrics_},
      config_.resolver);
  const auto proven = co_await dnssec_->prove_first();
  if (!proven) {
    co_return std::unexpected(
        StartFailure{kExitConfig, "trust anchor " + config_.resolver.trust_anchor +
                                      " does not validate the root: " + why(proven.error())});
  }
  co_return Started{};
}

/// What is owed, and when the postmaster was told last.
asio::awaitable<Daemon::Started> Daemon::load_notices() {
  report_back_ = std::make_unique<delivery::ReportBack>(
      *store_, clock_, *random_,
      delivery::ReportBackSettings{config_.hostname, config_.postmaster, config_.notify}, texts_);
  notice_desk_ = std::make_unique<delivery::NoticeDesk>(
      delivery::NoticeDeskParts{*store_, *report_back_, *line_, clock_, *random_, metrics_},
      config_.notify.max_per_sender);
  auto loaded = co_await notice_desk_->load();
  if (loaded && config_.notify.digest_every) {
    const auto postmaster = Mailbox::parse(config_.postmaster);
    FULMAR_CHECK(postmaster);  // as the configuration was read
    digest_ = std::make_unique<OperatorDigest>(
        OperatorDigestParts{.troubles = troubles_,
                            .own_state = [this] { return own_state(); },
                            .store = *store_,
                            .report_back = *report_back_,
                            .line = *line_,
                            .clock = clock_},
        *config_.notify.digest_every, *postmaster);
    loaded = co_await digest_->load();
  }
  if (!loaded) {
    co_return std::unexpected(
        StartFailure{exit_code_for_spool(loaded.error()), why(loaded.error())});
  }
  co_return Started{};
}

/// REQUIRES: the sockets are open.
OwnState Daemon::own_state() {
  return {.spool = config_.state_dir,
          .writable = store_->writable(),
          .stalled = metrics_.store_stalls.read(clock_.steady_now()).lasts,
          .free_space = store_->free_space(),
          .reserve = config_.limits.spool_reserve,
          .set_aside = quarantine_.count(),
          .first_set_aside = quarantine_.first(),
          .memory = memory_mark_.state(),
          .dnssec = dnssec_->state(),
          .certificates = intake_->certificates()};
}

Daemon::Started Daemon::open_sockets() {
  const auto settings = attempt_settings(config_);
  const delivery::AttemptParts attempt{.planner = engine_->planner(),
                                       .store = store_.get(),
                                       .context = engine_->context(),
                                       .clock = clock_,
                                       .pool = &pool_,
                                       .unreachable = &unreachable_};
  courier_ = std::make_unique<delivery::Courier>(
      delivery::CourierParts{attempt, *store_, *line_, first_copies_, first_attempts_,
                             *report_back_, *notice_desk_, *suspensions_, quarantine_, clock_,
                             *random_, metrics_, troubles_},
      delivery::CourierSettings{settings, config_.retry, config_.notify});
  dispatcher_ = std::make_unique<delivery::Dispatcher>(*line_, *courier_, clock_, runtime_.main(),
                                                       [this] { return runtime_.next(); });
  operations_ =
      std::make_unique<DaemonOperations>(OperationsParts{.store = *store_,
                                                         .line = *line_,
                                                         .courier = *courier_,
                                                         .notice_desk = *notice_desk_,
                                                         .suspensions = *suspensions_,
                                                         .quarantine = quarantine_,
                                                         .attempt = attempt,
                                                         .attempt_settings = settings,
                                                         .mta_sts = engine_->mta_sts(),
                                                         .clock = clock_,
                                                         .metrics = metrics_,
                                                         .memory_mark = memory_mark_,
                                                         .dnssec = *dnssec_,
                                                         .hostname = config_.hostname.str(),
                                                         .started = started_at_});
  intake_ = std::make_unique<intake::Intake>(
      intake::IntakeParts{
          .store = *store_,
          .memory = body_memory_,
          .memory_mark = memory_mark_,
          .clock = clock_,
          .random = *random_,
          .metrics = metrics_,
          .next_executor = [this] { return runtime_.next(); },
          .queued = [this](
                        intake::AcceptedMessage accepted,
                        const asio::any_io_executor& home) { take_up(std::move(accepted), home); }},
      intake::IntakeSettings{.hostname = config_.hostname,
                             .state_dir = config_.state_dir,
                             .listen = config_.listen,
                             .limits = config_.limits,
                             .requiretls = config_.requiretls,
                             .auth = config_.auth,
                             .users = config_.users});
  if (auto listening = intake_->listen(); !listening) {
    return std::unexpected(StartFailure{kExitConfig, why(listening.error())});
  }
  auto control = control::ControlServer::open(config_.control, *operations_, runtime_.main());
  if (!control) return std::unexpected(StartFailure{kExitConfig, why(control.error())});
  control_ = *std::move(control);
  return {};
}

queue::SchedulerLimits Daemon::scheduler_limits() const {
  return {.lane_for = [this](const MailHost& destination) { return lane_for(destination); }};
}

queue::LaneRule Daemon::lane_for(const MailHost& destination) const {
  const auto today = std::chrono::floor<std::chrono::days>(clock_.utc_now());
  const auto entry =
      std::ranges::find_if(config_.destinations, [&](const conf::Destination& candidate) {
        return conf::applies(candidate, destination, today);
      });
  return delivery::lane_of(destination, entry == config_.destinations.end() ? nullptr : &*entry);
}

void Daemon::take_up(intake::AcceptedMessage accepted, const asio::any_io_executor& home) {
  std::vector<Arrival> arrivals;
  arrivals.reserve(accepted.deliveries.size());
  for (const queue::Delivery& delivery : accepted.deliveries)
    arrivals.push_back(schedule(delivery));
  // Before the line knows of them: they are due at once.
  first_copies_.keep(std::move(accepted.message), std::move(accepted.deliveries),
                     std::move(accepted.body));
  for (const queue::Scheduler::Taken& taken : line_->add_accepted(arrivals))
    dispatcher_->start(taken, home);
}

Daemon::Arrival Daemon::schedule(const queue::Delivery& delivery) const {
  const UtcTime now = clock_.utc_now();
  if (queue::is_ahead_of(delivery, now)) {
    queue::Delivery present = delivery;
    queue::bring_to_present(present, now);
    return schedule(present);
  }
  // Whether its sender can be told is in the envelope; assuming so may wake the courier once too
  // early, no more.
  return {{delivery.message, delivery.destination},
          queue::times_of(delivery, config_.retry, config_.notify, queue::Notifiable::yes,
                          started_at_, now)};
}

void Daemon::start_work() {
  background_.spawn(runtime_.main(), dispatcher_->run(), "dispatcher",
                    TaskGroup::Escape::ends_program);
  background_.spawn(runtime_.main(), engine_->mta_sts().run_refresher(), "policy refresher",
                    TaskGroup::Escape::ends_program);
  background_.spawn(runtime_.main(), notice_desk_->run(), "notices",
                    TaskGroup::Escape::ends_program);
  if (digest_) {
    background_.spawn(runtime_.main(), digest_->run(), "digest", TaskGroup::Escape::ends_program);
  }
  background_.spawn(runtime_.main(), pool_.run(), "idle connections",
                    TaskGroup::Escape::ends_program);
  background_.spawn(runtime_.main(), dnssec_->run(), "DNSSEC watch",
                    TaskGroup::Escape::ends_program);
  background_.spawn(runtime_.main(), feed_watchdog(), "watchdog");
  control_->start();
  intake_->start();
}

void Daemon::reload() {
  log_info(
      "SIGHUP: certificates, users and texts of notices are read again; other settings need a "
      "restart");
  intake_->reload();
  auto texts = notice::load_texts(config_.notify);
  if (texts) {
    report_back_->use(*std::move(texts));
    log_info("texts of notices read again");
  } else {
    log_error("texts of notices cannot be read again; the old ones stay",
              {{"reason", in_lines(texts.error(), "; ")}});
  }
}

asio::awaitable<void> Daemon::stop() {
  if (intake_) {
    const bool ended = co_await intake_->stop(kIntakeGrace);
    cut_off_ = !ended;
  }
  if (dispatcher_) {
    dispatcher_->stop();
    // What is cut off here is attempted again after the next start; its next attempt's time is in
    // the spool.
    const bool ended = co_await dispatcher_->join(kDeliveryGrace);
    cut_off_ = cut_off_ || !ended;
    if (!ended) log_warn("stopping while deliveries are running");
  }
  if (notice_desk_) notice_desk_->stop();
  if (digest_) digest_->stop();
  co_await pool_.close();
  if (dnssec_) dnssec_->stop();
  if (engine_) {
    engine_->mta_sts().stop();
    engine_->resolver().stop();
  }
  if (control_) {
    control_->stop();
    // A change of many messages that is under way holds some of them; what is not done is not done.
    const bool ended = co_await control_->join(kControlGrace);
    cut_off_ = cut_off_ || !ended;
  }
  if (recovered_ && !cut_off_) co_await note_clean_stop();
  if (store_) store_->close();
}

}  // namespace fulmar::mta
