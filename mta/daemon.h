// The running program: every part in the order of construction, and the order in which they start
// and stop.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "base/troubles.h"
#include "conf/config.h"
#include "mta/control/server.h"
#include "mta/daemon_operations.h"
#include "mta/delivery/courier.h"
#include "mta/delivery/dispatcher.h"
#include "mta/delivery/notice_desk.h"
#include "mta/delivery/report_back.h"
#include "mta/delivery/waiting_line.h"
#include "mta/dnssec_watch.h"
#include "mta/engine.h"
#include "mta/intake/acceptor.h"
#include "mta/operator_digest.h"
#include "mta/own_state.h"
#include "mta/policy_store.h"
#include "mta/runtime.h"
#include "mta/task_group.h"
#include "queue/store.h"

namespace fulmar::mta {

/// Start: texts of notices ► spool ► recovery ► policies ► resolver, trust store ► trust anchor ►
/// sockets ► control ► deliveries ► intake. Stop, on SIGTERM or SIGINT: intake (messages being
/// received may finish) ► deliveries (running ones may finish) ► resolver and fetches ► control ►
/// spool.
class Daemon {
 public:
  explicit Daemon(conf::Config config);
  ~Daemon();

  /// Blocks until stopped. Returns an exit code of mta/app.h; what kept it from starting is one
  /// line on standard error, or a line for each fault in the texts of notices.
  [[nodiscard]] int run();

 private:
  /// For bodies on their way in and out, of all messages together.
  static constexpr std::size_t kBodyMemory = 48UL << 20;

  struct StartFailure {
    int exit_code;
    std::string line;
  };
  using Started = std::expected<void, StartFailure>;

  boost::asio::awaitable<void> live();
  boost::asio::awaitable<Started> start();
  Started read_texts();
  Started open_spool();
  boost::asio::awaitable<Started> recover();
  boost::asio::awaitable<Result<>> begin_run();
  boost::asio::awaitable<void> note_clean_stop();
  boost::asio::awaitable<Started> start_engine();
  boost::asio::awaitable<Started> load_notices();
  Started open_sockets();
  void start_work();
  void reload();
  [[nodiscard]] OwnState own_state();
  [[nodiscard]] queue::SchedulerLimits scheduler_limits() const;
  [[nodiscard]] queue::LaneRule lane_for(const MailHost& destination) const;
  void take_up(intake::AcceptedMessage accepted, const boost::asio::any_io_executor& home);
  using Arrival = delivery::WaitingLine::Arrival;
  [[nodiscard]] Arrival schedule(const queue::Delivery& delivery) const;
  boost::asio::awaitable<void> stop();

  conf::Config config_;
  SystemClock clock_;
  std::unique_ptr<Random> random_;
  Metrics metrics_;
  Troubles troubles_{clock_};
  Budget body_memory_{kBodyMemory};  // outlives the runtime, whose coroutines hold bodies
  intake::MemoryMark memory_mark_{intake::system_high_water_mark(), clock_};
  delivery::FirstAttempts first_attempts_;  // outlives the runtime, as its attempts do
  Runtime runtime_;
  delivery::ConnectionPool pool_{{}, clock_};
  delivery::FirstCopies first_copies_{clock_};
  delivery::UnreachableAddresses unreachable_;
  delivery::Quarantine quarantine_;
  notice::Texts::Pointer texts_;  // as they were at the start
  std::unique_ptr<queue::Store> store_;
  std::unique_ptr<delivery::Suspensions> suspensions_;
  std::unique_ptr<SpoolPolicyStore> policy_store_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<DnssecWatch> dnssec_;
  std::unique_ptr<delivery::WaitingLine> line_;
  std::unique_ptr<delivery::ReportBack> report_back_;
  std::unique_ptr<delivery::NoticeDesk> notice_desk_;
  std::unique_ptr<OperatorDigest> digest_;  // null: the postmaster wants none
  std::unique_ptr<delivery::Courier> courier_;
  std::unique_ptr<delivery::Dispatcher> dispatcher_;
  std::unique_ptr<intake::Intake> intake_;
  std::unique_ptr<DaemonOperations> operations_;
  std::unique_ptr<control::ControlServer> control_;
  TaskGroup background_;
  UtcTime started_at_{};
  bool recovered_ = false;
  bool cut_off_ = false;  // something was still running when time was up
  int exit_code_ = 0;
};

}  // namespace fulmar::mta
