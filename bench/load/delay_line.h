// Replies on their way to a peer far away: each leaves `delay` after it was given, however many are
// under way.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <string>
#include <utility>

namespace fulmar::load {

class DelayLine {
 public:
  DelayLine(boost::asio::any_io_executor executor, std::chrono::milliseconds delay)
      : delay_(delay), timer_(std::move(executor)) {}

  void push(std::string text) {
    replies_.emplace_back(std::chrono::steady_clock::now() + delay_, std::move(text));
    if (idle_) timer_.cancel();
  }

  /// No more will come; run() ends when the last has left.
  void close() {
    closed_ = true;
    if (idle_) timer_.cancel();
  }

  /// Writes what becomes due. An error of `socket` ends it; the reader will see the same one.
  boost::asio::awaitable<void> run(boost::asio::ip::tcp::socket& socket) {
    constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);
    while (!closed_ || !replies_.empty()) {
      idle_ = replies_.empty();
      timer_.expires_at(idle_ ? std::chrono::steady_clock::time_point::max()
                              : replies_.front().first);
      co_await timer_.async_wait(kAwait);
      if (std::exchange(idle_, false)) continue;
      const std::string text = std::move(replies_.front().second);
      replies_.pop_front();
      const auto octets = boost::asio::buffer(text);
      const auto [failed, count] = co_await boost::asio::async_write(socket, octets, kAwait);
      if (failed) co_return;
    }
  }

 private:
  std::chrono::milliseconds delay_;
  boost::asio::steady_timer timer_;
  std::deque<std::pair<std::chrono::steady_clock::time_point, std::string>> replies_;
  bool idle_ = false;
  bool closed_ = false;
};

}  // namespace fulmar::load
