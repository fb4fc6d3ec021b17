// The one place that starts detached coroutines: counts them, names them, catches what they throw,
// and waits for them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace fulmar::mta {

/// May be used from any thread. Must outlive nothing: tasks keep the shared count alive themselves.
class TaskGroup {
 public:
  TaskGroup();

  /// What an exception that escapes a task ends.
  enum class Escape : std::uint8_t { ends_task, ends_program };

  /// Runs `task` on `executor`. An exception that escapes it is a bug or a library's: it is logged
  /// as an error under `name`, and ends this task alone.
  void spawn(const boost::asio::any_io_executor& executor, boost::asio::awaitable<void> task,
             std::string name, Escape escape = Escape::ends_task);

  /// Waits until no task runs, at most `limit`; whether that was reached.
  boost::asio::awaitable<bool> join(std::chrono::milliseconds limit);

  [[nodiscard]] std::size_t running() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the completion handlers of tasks that outlive the group
};

}  // namespace fulmar::mta
