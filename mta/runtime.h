// The network threads: one io_context each, so that everything of one connection happens on one
// thread, unlocked.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace fulmar::mta {

class Runtime {
 public:
  /// 0: one thread per core.
  explicit Runtime(std::uint32_t threads);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// The first thread: resolver, MTA-STS service, signals, control.
  [[nodiscard]] boost::asio::any_io_executor main();
  /// Takes turns over all threads.
  [[nodiscard]] boost::asio::any_io_executor next();

  /// Starts the other threads and becomes the first one; returns after stop().
  void run();
  /// From any thread. What is still pending is dropped.
  void stop();

 private:
  struct Loop;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::jthread> threads_;
  std::atomic<std::uint32_t> turn_{0};
};

}  // namespace fulmar::mta
