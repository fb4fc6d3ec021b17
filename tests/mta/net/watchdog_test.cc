// Deadlines close the socket, and only in the operation they belong to.
#include "mta/net/watchdog.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>

namespace fulmar::net {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;

class WatchdogTest : public ::testing::Test {
 protected:
  WatchdogTest() { socket_.open(tcp::v4()); }
  void run() {
    context_.restart();
    context_.run();
  }

  asio::io_context context_;
  tcp::socket socket_{context_};
  std::unique_ptr<Watchdog> watchdog_ = std::make_unique<Watchdog>(socket_);
};

TEST_F(WatchdogTest, closes_when_the_limit_passes) {
  const Watchdog::Guard guard(*watchdog_, 1ms);
  EXPECT_FALSE(watchdog_->expired());
  run();
  EXPECT_TRUE(watchdog_->expired());
  EXPECT_FALSE(socket_.is_open());
}

TEST_F(WatchdogTest, does_nothing_once_the_operation_has_ended) {
  { const Watchdog::Guard guard(*watchdog_, 1ms); }
  run();
  EXPECT_FALSE(watchdog_->expired());
  EXPECT_TRUE(socket_.is_open());
}

TEST_F(WatchdogTest, a_handler_already_queued_when_its_operation_ends_is_void) {
  // Both timers have run out when the loop first looks, so both handlers are queued before either
  // runs; the first ends the operation.
  asio::steady_timer first(context_);
  first.expires_after(0ms);
  auto guard = std::make_unique<Watchdog::Guard>(*watchdog_, 0ms);
  first.async_wait([&](boost::system::error_code) { guard.reset(); });
  run();
  EXPECT_FALSE(watchdog_->expired());
  EXPECT_TRUE(socket_.is_open());
}

TEST_F(WatchdogTest, a_handler_already_queued_does_not_end_the_next_operation) {
  asio::steady_timer first(context_);
  first.expires_after(0ms);
  auto guard = std::make_unique<Watchdog::Guard>(*watchdog_, 0ms);
  first.async_wait([&](boost::system::error_code) {
    guard.reset();
    guard = std::make_unique<Watchdog::Guard>(*watchdog_, 1h);
  });
  context_.restart();
  while (context_.poll() > 0) {
  }
  EXPECT_FALSE(watchdog_->expired());
  EXPECT_TRUE(socket_.is_open());
}

TEST_F(WatchdogTest, a_handler_already_queued_outlives_watchdog_and_socket) {
  auto socket = std::make_unique<tcp::socket>(context_);
  auto watchdog = std::make_unique<Watchdog>(*socket);
  asio::steady_timer first(context_);
  first.expires_after(0ms);
  auto guard = std::make_unique<Watchdog::Guard>(*watchdog, 0ms);
  first.async_wait([&](boost::system::error_code) {
    guard.reset();
    watchdog.reset();
    socket.reset();
  });
  run();
  EXPECT_EQ(socket, nullptr);
}

TEST_F(WatchdogTest, one_operation_after_the_other_each_with_its_own_limit) {
  { const Watchdog::Guard guard(*watchdog_, 1h); }
  const Watchdog::Guard guard(*watchdog_, 1ms);
  run();
  EXPECT_TRUE(watchdog_->expired());
}

TEST_F(WatchdogTest, a_limit_behind_the_one_before_holds_too) {
  { const Watchdog::Guard guard(*watchdog_, 1ms); }
  const auto begin = std::chrono::steady_clock::now();
  const Watchdog::Guard guard(*watchdog_, 20ms);
  run();
  EXPECT_TRUE(watchdog_->expired());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

TEST_F(WatchdogTest, nothing_is_waited_for_once_the_last_operation_has_ended) {
  { const Watchdog::Guard guard(*watchdog_, 1ms); }
  { const Watchdog::Guard guard(*watchdog_, 1h); }
  run();  // which would take an hour
  EXPECT_FALSE(watchdog_->expired());
}

}  // namespace
}  // namespace fulmar::net
