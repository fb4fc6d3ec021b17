// One libunbound context at work: questions in, outcomes out. It is driven on one thread and asked
// from any.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/result.h"
#include "resolver/answer.h"
#include "resolver/lookup_result.h"
#include "resolver/unbound_context.h"

struct ub_result;

namespace fulmar::resolver {

/// Drives one libunbound context on one thread. Shared, because handlers that wait on the executor
/// may outlive the resolver by a moment.
class UnboundEngine : public std::enable_shared_from_this<UnboundEngine> {
 public:
  using Outcome = Result<LookupResult>;

  UnboundEngine(UnboundContext context, boost::asio::any_io_executor executor,
                std::chrono::milliseconds timeout);

  /// Starts to watch for answers.
  void watch();

  /// From any thread. `handler` is called with the Outcome on its own executor, always by post.
  template <class Handler>
  void submit(Question question, Handler handler);

  /// Ends every lookup with Errc::cancelled, and libunbound's thread. Not from inside one of its
  /// answers.
  void stop();

 private:
  using Done = std::move_only_function<void(Outcome)>;

  struct Lookup {
    UnboundEngine& engine;
    std::uint64_t id;
    Question question;
    Done done;
    boost::asio::steady_timer deadline;
    bool asked = false;  ///< Has libunbound heard of it?
    int async_id = 0;
  };

  void start(std::uint64_t id, Question question, Done done);
  void ask(Lookup& lookup);
  void ask_waiting();
  void take_answers();
  static void on_answer(void* data, int error, ub_result* raw);
  void give_up(std::uint64_t id, Errc code, std::string_view why);
  void finish(std::uint64_t id, Outcome outcome);

  UnboundContext context_;
  boost::asio::any_io_executor executor_;
  boost::asio::posix::stream_descriptor answers_;  // libunbound's: released, never closed, by us
  std::chrono::milliseconds timeout_;
  std::atomic<std::uint64_t> next_id_ = 0;
  std::atomic<bool> stopped_ = false;
  std::unordered_map<std::uint64_t, std::unique_ptr<Lookup>> pending_;
  std::deque<std::uint64_t> waiting_;  // not asked yet; some may have ended meanwhile
  std::size_t asked_ = 0;              // of those pending
};

template <class Handler>
void UnboundEngine::submit(Question question, Handler handler) {
  const std::uint64_t id = next_id_++;
  if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
    slot.assign(
        [self = weak_from_this(), executor = executor_, id](boost::asio::cancellation_type) {
          boost::asio::post(executor, [self, id] {
            const auto engine = self.lock();
            if (!engine) return;
            engine->give_up(id, Errc::cancelled, "cancelled");
            engine->ask_waiting();
          });
        });
  }
  auto work =
      boost::asio::make_work_guard(boost::asio::get_associated_executor(handler, executor_));
  Done done = [handler = std::move(handler), work = std::move(work)](Outcome outcome) mutable {
    auto resume = [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
      std::move(handler)(std::move(outcome));
    };
    boost::asio::post(work.get_executor(), std::move(resume));
  };
  if (stopped_) return done(fail(Errc::cancelled, to_string(question) + ": shutting down"));
  auto begin = [self = shared_from_this(), id, question = std::move(question),
                done = std::move(done)]() mutable {
    self->start(id, std::move(question), std::move(done));
  };
  boost::asio::post(executor_, std::move(begin));
}

/// The lookup judged, on the caller's executor.
[[nodiscard]] boost::asio::awaitable<Result<Answer<std::string>>> ask(
    std::shared_ptr<UnboundEngine> engine, Question question);

}  // namespace fulmar::resolver
