#include "mta/task_group.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <vector>

#include "base/log.h"

namespace fulmar::mta {

namespace asio = boost::asio;

struct TaskGroup::Shared {
  mutable std::mutex mutex;
  std::size_t running = 0;
  std::vector<std::shared_ptr<asio::steady_timer>> joiners;

  void task_ended() {
    std::vector<std::shared_ptr<asio::steady_timer>> waiting;
    {
      const std::lock_guard lock(mutex);
      if (--running > 0) return;
      waiting.swap(joiners);
    }
    for (auto& timer : waiting) {
      // A timer belongs to its own thread.
      asio::post(timer->get_executor(), [timer] { timer->cancel(); });
    }
  }
};

namespace {

void log_escaped(const std::string& name, const std::exception_ptr& escaped) {
  try {
    std::rethrow_exception(escaped);
  } catch (const std::exception& error) {
    log_error("task ended by an exception", {{"task", name}, {"what", error.what()}});
  } catch (...) {
    log_error("task ended by an exception of unknown type", {{"task", name}});
  }
}

}  // namespace

TaskGroup::TaskGroup() : shared_(std::make_shared<Shared>()) {}

void TaskGroup::spawn(const asio::any_io_executor& executor, asio::awaitable<void> task,
                      std::string name, Escape escape) {
  {
    const std::lock_guard lock(shared_->mutex);
    ++shared_->running;
  }
  asio::co_spawn(
      executor, std::move(task),
      [shared = shared_, name = std::move(name), escape](const std::exception_ptr& escaped) {
        if (escaped) {
          log_escaped(name, escaped);
          // Better no program than one that takes mail and does nothing with it.
          if (escape == Escape::ends_program) std::abort();
        }
        shared->task_ended();
      });
}

asio::awaitable<bool> TaskGroup::join(std::chrono::milliseconds limit) {
  auto timer = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor);
  timer->expires_after(limit);
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->running == 0) co_return true;
    shared_->joiners.push_back(timer);
  }
  const auto [ec] = co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  co_return ec == asio::error::operation_aborted;
}

std::size_t TaskGroup::running() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->running;
}

}  // namespace fulmar::mta
