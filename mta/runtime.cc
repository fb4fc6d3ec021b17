#include "mta/runtime.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace fulmar::mta {

namespace asio = boost::asio;

struct Runtime::Loop {
  asio::io_context context{1};  // one thread runs it: Asio may drop some locking
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
};

Runtime::Runtime(std::uint32_t threads) {
  const std::uint32_t count =
      threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency());
  for (std::uint32_t i = 0; i < count; ++i)
    loops_.push_back(std::make_unique<Loop>());
}

Runtime::~Runtime() {
  stop();
}

asio::any_io_executor Runtime::main() {
  return loops_.front()->context.get_executor();
}

asio::any_io_executor Runtime::next() {
  return loops_[turn_.fetch_add(1, std::memory_order_relaxed) % loops_.size()]
      ->context.get_executor();
}

void Runtime::run() {
  for (std::size_t i = 1; i < loops_.size(); ++i) {
    threads_.emplace_back([loop = loops_[i].get()] { loop->context.run(); });
  }
  loops_.front()->context.run();
  threads_.clear();  // joins
}

void Runtime::stop() {
  for (const auto& loop : loops_)
    loop->context.stop();
}

}  // namespace fulmar::mta
