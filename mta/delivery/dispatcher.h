// The loop that starts due deliveries, in turn over destinations, as many at once as the limits
// allow.
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
  /// The loop runs on `executor`; deliveries run on what `next_executor` gives. References must
  /// outlive it.
  Dispatcher(WaitingLine& line, Courier& courier, Clock& clock,
             boost::asio::any_io_executor executor,
             std::function<boost::asio::any_io_executor()> next_executor);

  /// Until stop(). On the constructor's executor.
  boost::asio::awaitable<void> run();
  /// Something became due earlier. From any thread.
  void wake();
  /// No delivery starts any more. From any thread.
  void stop();
  /// Waits for the running ones.
  boost::asio::awaitable<bool> join(std::chrono::milliseconds limit);

 private:
  void start_due();
  void heed_gap();
  [[nodiscard]] std::chrono::milliseconds pause() const;

  WaitingLine& line_;
  Courier& courier_;
  Clock& clock_;
  boost::asio::any_io_executor executor_;
  std::function<boost::asio::any_io_executor()> next_executor_;
  std::shared_ptr<boost::asio::steady_timer> timer_;  // with handlers posted by wake()
  std::shared_ptr<std::atomic<bool>> woken_;          // with the same
  std::atomic<bool> stopping_{false};
  UtcTime last_wall_;  // when the loop ran last, by both clocks
  SteadyTime last_steady_;
  mta::TaskGroup tasks_;
};

}  // namespace fulmar::delivery
