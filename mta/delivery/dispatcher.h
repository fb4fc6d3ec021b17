// Starts due deliveries, in turn over destinations, as many at once as the limits allow. A loop
// looks for what has become due; whoever has ended a delivery takes the next one itself, on the
// same thread, where the connection it kept can be used again.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "mta/delivery/courier.h"
#include "mta/delivery/waiting_line.h"
#include "mta/task_group.h"

namespace fulmar::delivery {

class Dispatcher {
 public:
  /// The loop runs on `executor`; what it takes runs on what `next_executor` gives, and what
  /// follows that stays there. References must outlive it.
  Dispatcher(WaitingLine& line, Courier& courier, Clock& clock,
             boost::asio::any_io_executor executor,
             std::function<boost::asio::any_io_executor()> next_executor);

  /// Sees to a delivery that was taken from the line, and to others after it. After stop() nothing
  /// is done: the delivery stays in the spool. From any thread.
  void start(queue::Scheduler::Taken taken, const boost::asio::any_io_executor& executor);

  /// Until stop(). On the constructor's executor.
  boost::asio::awaitable<void> run();
  /// Something became due earlier, or there is room for what waits. From any thread.
  void wake();
  /// No delivery starts any more. From any thread.
  void stop();
  /// Waits for the running ones; false when some still run after `limit`.
  boost::asio::awaitable<bool> join(std::chrono::milliseconds limit);

 private:
  void start_due();
  boost::asio::awaitable<void> work(queue::Scheduler::Taken taken);
  void heed_gap();
  [[nodiscard]] bool is_due_before_the_loop_looks();
  [[nodiscard]] std::chrono::milliseconds pause() const;

  WaitingLine& line_;
  Courier& courier_;
  Clock& clock_;
  boost::asio::any_io_executor executor_;
  std::function<boost::asio::any_io_executor()> next_executor_;
  std::shared_ptr<boost::asio::steady_timer> timer_;  // with handlers posted by wake()
  std::shared_ptr<std::atomic<bool>> woken_;          // with the same
  std::atomic<bool> stopping_{false};
  std::atomic<UtcTime> looks_at_;  // the loop, by itself; never, while it is looking
  UtcTime last_wall_;              // when the loop ran last, by both clocks
  SteadyTime last_steady_;
  mta::TaskGroup tasks_;
};

}  // namespace fulmar::delivery
