#include "mta/delivery/dispatcher.h"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

/// Due times are wall-clock times, timers are monotonic: looking again at least this often keeps a
/// stepped clock from turning into a long sleep (pitfall 90).
constexpr milliseconds kLongestPause{60'000};

/// By how much the wall clock must have run ahead of the steady one to count as a gap; and how much
/// setting back is worth a line in the log. The line notices that for itself.
constexpr milliseconds kGap{60'000};

}  // namespace

Dispatcher::Dispatcher(WaitingLine& line, Courier& courier, Clock& clock,
                       asio::any_io_executor executor,
                       std::function<asio::any_io_executor()> next_executor)
    : line_(line),
      courier_(courier),
      clock_(clock),
      executor_(executor),
      next_executor_(std::move(next_executor)),
      timer_(std::make_shared<asio::steady_timer>(executor)),
      woken_(std::make_shared<std::atomic<bool>>(false)),
      looks_at_(queue::kNever),
      last_wall_(clock.utc_now()),
      last_steady_(clock.steady_now()) {}

void Dispatcher::wake() {
  // One posted handler at a time is enough.
  if (woken_->exchange(true)) return;
  asio::post(executor_, [timer = timer_] { timer->cancel(); });
}

void Dispatcher::stop() {
  stopping_ = true;
  woken_->store(false);
  wake();
}

asio::awaitable<bool> Dispatcher::join(milliseconds limit) {
  return tasks_.join(limit);
}

/// The machine was asleep, or its clock was set.
void Dispatcher::heed_gap() {
  const UtcTime wall = clock_.utc_now();
  const SteadyTime steady = clock_.steady_now();
  const auto ahead = (wall - last_wall_) - (steady - last_steady_);
  last_wall_ = wall;
  last_steady_ = steady;
  const auto seconds = std::chrono::round<std::chrono::seconds>(ahead).count();
  if (ahead < -kGap) {
    log_warn("the clock was set back: what waits keeps its real delay",
             {{"seconds", std::to_string(-seconds)}});
  }
  if (ahead < kGap) return;
  log_warn("the clock is ahead of the time that went by: mail that expired is tried once more",
           {{"seconds", std::to_string(seconds)}});
  courier_.note_gap();
}

void Dispatcher::start_due() {
  while (!stopping_) {
    const auto taken = line_.take();
    if (!taken) return;
    start(*taken, next_executor_());
  }
}

void Dispatcher::start(queue::Scheduler::Taken taken, const asio::any_io_executor& executor) {
  std::string name = "deliveries beginning with " + taken.key.message.str();
  tasks_.spawn(executor, work(std::move(taken)), std::move(name));
}

asio::awaitable<void> Dispatcher::work(queue::Scheduler::Taken taken) {
  std::optional<queue::Scheduler::Taken> next(std::move(taken));
  // Not inside of whoever started this: a client waits for its 250.
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  try {
    while (next && !stopping_) {
      co_await courier_.run(*next);
      next = line_.take();
      if ((next && next->more) || is_due_before_the_loop_looks()) wake();
    }
  } catch (...) {
    wake();  // the room it leaves is for another one
    throw;
  }
}

/// Of a lane that was full the loop knows nothing: what waited for room there has a time of its
/// own, which others who take the room may not see to.
bool Dispatcher::is_due_before_the_loop_looks() {
  const auto due = line_.next_due();
  return due && *due < looks_at_.load();
}

milliseconds Dispatcher::pause() const {
  const auto due = line_.next_due();
  if (!due) return kLongestPause;
  return std::clamp(std::chrono::duration_cast<milliseconds>(*due - clock_.utc_now()),
                    milliseconds(0), kLongestPause);
}

asio::awaitable<void> Dispatcher::run() {
  while (!stopping_) {
    woken_->store(false);
    looks_at_ = queue::kNever;
    heed_gap();
    start_due();
    const milliseconds rest = pause();
    timer_->expires_after(rest);
    looks_at_ = clock_.utc_now() + rest;
    // Woken between taking and arming: the posted cancel has not run yet, or found no wait to end.
    if (woken_->load()) continue;
    co_await timer_->async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace fulmar::delivery
