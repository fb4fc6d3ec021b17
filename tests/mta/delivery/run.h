// Runs one coroutine to its end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <utility>

namespace fulmar::delivery {

template <class T>
T run(boost::asio::awaitable<T> task) {
  boost::asio::io_context context;
  auto result = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.run();
  return result.get();
}

}  // namespace fulmar::delivery
