// Lookups past the cache. libunbound can neither be told to pass its cache over for one question
// nor to forget one name, and its limit for TTLs holds for the whole process (unbound_context.cc).
// So each fresh lookup has a context of its own, which knows nothing when it begins and goes when
// it ends.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "conf/config.h"
#include "resolver/answer.h"
#include "resolver/fresh_limit.h"
#include "resolver/lookup_result.h"
#include "resolver/unbound_engine.h"

namespace fulmar::resolver {

class FreshLookups {
 public:
  /// Contexts, and so threads, at once.
  static constexpr std::size_t kMaxAtOnce = 8;

  /// `executor` as for UnboundResolver; it and `clock` must outlive the last lookup.
  FreshLookups(conf::Resolver config, boost::asio::any_io_executor executor, const Clock& clock);

  /// From any thread; resumes there. Who asks for a name that is being asked for shares its
  /// context; who asks within a minute after it, and within the TTL, gets the same answer. Errors:
  /// those of a lookup, Errc::limit when nothing may be asked now and nothing is remembered, and
  /// dns_servfail when the trust anchor's file is another one than was proven at the start.
  [[nodiscard]] static boost::asio::awaitable<Result<Answer<std::string>>> ask(
      std::shared_ptr<FreshLookups> self, Question question);

  /// On the executor's thread. Ends every lookup with Errc::cancelled.
  void stop();

 private:
  struct Remembered {
    Answer<std::string> answer;
    SteadyTime until;
  };
  struct Flight {
    std::shared_ptr<UnboundEngine> engine;
    std::size_t waiting = 0;
  };

  /// Held by each who waits; the last one to leave ends the flight.
  class Seat {
   public:
    Seat(FreshLookups& lookups, const Domain& name) : lookups_(lookups), name_(name) {}
    ~Seat() { lookups_.leave(name_); }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

   private:
    FreshLookups& lookups_;
    const Domain& name_;
  };

  static boost::asio::awaitable<Result<Answer<std::string>>> ask_at_home(
      std::shared_ptr<FreshLookups> self, Question question);
  const Answer<std::string>* recall(const Domain& name);
  void remember(const Domain& name, const Answer<std::string>& answer);
  Result<std::shared_ptr<UnboundEngine>> board(const Question& question);
  Result<std::shared_ptr<UnboundEngine>> take_off(const Question& question);
  void leave(const Domain& name);

  conf::Resolver config_;
  std::string anchor_;  // the file's octets when the program started
  boost::asio::any_io_executor executor_;
  const Clock& clock_;
  // On the executor's thread only.
  FreshLimit limit_;
  std::unordered_map<Domain, Flight> flights_;
  std::unordered_map<Domain, Remembered> remembered_;
  bool stopped_ = false;
};

}  // namespace fulmar::resolver
