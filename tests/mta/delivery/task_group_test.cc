// Detached coroutines: counted, waited for, and their exceptions logged.
#include "mta/task_group.h"

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <stdexcept>
#include <thread>

#include "tests/mta/intake/log_lines.h"

namespace fulmar::mta {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<void> until_cancelled(asio::steady_timer& gate) {
  co_await gate.async_wait(asio::as_tuple(asio::use_awaitable));
}
asio::awaitable<void> count(int& ran) {
  ++ran;
  co_return;
}
asio::awaitable<void> throw_up() {
  throw std::runtime_error("a library's bug");
  co_return;
}

class TaskGroupTest : public ::testing::Test {
 protected:
  TaskGroupTest() { gate_.expires_at(asio::steady_timer::time_point::max()); }

  std::future<bool> join(std::chrono::milliseconds limit) {
    return asio::co_spawn(context_, group_.join(limit), asio::use_future);
  }
  void poll() {
    context_.restart();
    context_.poll();
  }
  static bool is_ready(const std::future<bool>& joined) {
    return joined.wait_for(0s) == std::future_status::ready;
  }

  asio::io_context context_;
  asio::steady_timer gate_{context_};
  TaskGroup group_;
};

TEST_F(TaskGroupTest, an_empty_group_is_joined_at_once) {
  auto joined = join(1h);
  poll();
  ASSERT_TRUE(is_ready(joined));
  EXPECT_TRUE(joined.get());
}

TEST_F(TaskGroupTest, counts_what_runs) {
  group_.spawn(context_.get_executor(), until_cancelled(gate_), "waits");
  poll();
  EXPECT_EQ(group_.running(), 1U);
  gate_.cancel();
  poll();
  EXPECT_EQ(group_.running(), 0U);
}

TEST_F(TaskGroupTest, join_waits_for_the_last_one) {
  int ran = 0;
  group_.spawn(context_.get_executor(), until_cancelled(gate_), "waits");
  group_.spawn(context_.get_executor(), count(ran), "counts");
  auto first = join(1h);
  auto second = join(1h);
  poll();
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(is_ready(first));
  gate_.cancel();
  poll();
  ASSERT_TRUE(is_ready(first));
  ASSERT_TRUE(is_ready(second));
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
}

TEST_F(TaskGroupTest, join_gives_up_at_its_limit) {
  group_.spawn(context_.get_executor(), until_cancelled(gate_), "waits");
  auto joined = join(10ms);
  while (!is_ready(joined))
    context_.run_one();
  EXPECT_FALSE(joined.get());
  EXPECT_EQ(group_.running(), 1U) << "the task itself goes on";
  gate_.cancel();
  poll();
}

TEST_F(TaskGroupTest, tasks_on_another_thread_end_the_wait_too) {
  asio::io_context other;
  auto work = asio::make_work_guard(other);
  std::jthread thread([&other] { other.run(); });
  int ran = 0;
  for (int i = 0; i < 100; ++i)
    group_.spawn(other.get_executor(), count(ran), "counts");
  auto joined = join(10s);
  context_.run();
  EXPECT_TRUE(joined.get());
  work.reset();
  thread.join();
  EXPECT_EQ(ran, 100);
}

TEST_F(TaskGroupTest, an_exception_ends_its_own_task_and_is_logged_under_its_name) {
  const intake::LogLines log;
  int ran = 0;
  group_.spawn(context_.get_executor(), throw_up(), "delivery of 42");
  group_.spawn(context_.get_executor(), count(ran), "counts");
  poll();
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(group_.running(), 0U);
  EXPECT_EQ(log.count("task ended by an exception"), 1U);
  EXPECT_EQ(log.count("delivery of 42"), 1U);
  EXPECT_EQ(log.count("a library's bug"), 1U);
}

TEST_F(TaskGroupTest, tasks_may_outlive_the_group) {
  {
    TaskGroup brief;
    brief.spawn(context_.get_executor(), until_cancelled(gate_), "waits");
    poll();
  }
  gate_.cancel();
  poll();  // must not touch what is gone
}

}  // namespace
}  // namespace fulmar::mta
