// Two streams joined over loopback, on one thread.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>
#include <utility>

#include "mta/net/connect.h"
#include "mta/net/endpoint.h"

namespace fulmar::net {

/// Long enough never to pass; a test that needs it has failed.
inline constexpr milliseconds kLong{10'000};
/// For deadlines that are meant to pass.
inline constexpr milliseconds kShort{20};

class Loopback : public ::testing::Test {
 protected:
  using tcp = boost::asio::ip::tcp;

  /// Runs one coroutine to its end, and with it whatever else was started.
  template <class T>
  T run(boost::asio::awaitable<T> task) {
    auto result = start(std::move(task));
    run_all();
    return result.get();
  }
  template <class T>
  std::future<T> start(boost::asio::awaitable<T> task) {
    ++running_;
    return boost::asio::co_spawn(context_, counted(std::move(task)), boost::asio::use_future);
  }
  /// Until all that was started has ended; watchdogs' timers may be left.
  void run_all() {
    context_.restart();
    while (running_ > 0)
      context_.run_one();
    context_.poll();
  }

  struct Ending {
    std::size_t& running;
    ~Ending() { --running; }
  };
  template <class T>
  boost::asio::awaitable<T> counted(boost::asio::awaitable<T> task) {
    const Ending ending{running_};
    co_return co_await std::move(task);
  }

  [[nodiscard]] Endpoint listening() const { return from_asio(acceptor_.local_endpoint()); }

  /// In a box, since Asio wants results that can be made of nothing.
  template <class T>
  using Box = std::optional<T>;
  static boost::asio::awaitable<Box<Stream>> accept(tcp::acceptor& acceptor) {
    tcp::socket socket = co_await acceptor.async_accept(boost::asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));  // what was written is there when it has been written
    co_return Stream(std::move(socket));
  }
  static boost::asio::awaitable<Box<Result<Stream>>> dial(Endpoint target,
                                                          std::optional<IpAddress> source,
                                                          milliseconds limit) {
    co_return co_await connect(target, source, limit);
  }

  /// Ours connects, theirs was accepted.
  void join_streams() {
    auto accepted = start(accept(acceptor_));
    auto connected = start(dial(listening(), std::nullopt, kLong));
    run_all();
    theirs_ = accepted.get();
    ours_ = connected.get().value().value();
  }

  std::size_t running_ = 0;
  boost::asio::io_context context_;
  tcp::acceptor acceptor_{context_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::optional<Stream> ours_;
  std::optional<Stream> theirs_;
};

}  // namespace fulmar::net
