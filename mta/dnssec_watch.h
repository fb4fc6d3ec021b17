// Keeps an eye on our own DNSSEC validation: is the trust anchor proven, and do names of known
// state come back as they ought to? It tells; what is owed to a destination never follows from it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "conf/config.h"
#include "mta/dnssec_state.h"
#include "resolver/resolver.h"

namespace fulmar::mta {

/// The member "dnssec" of `status` (docs/control.md).
[[nodiscard]] boost::json::object to_json(const DnssecState& state);

/// All must outlive the watch.
struct DnssecWatchParts {
  resolver::Resolver& resolver;
  /// UnboundResolver::prove_trust_anchor().
  std::function<boost::asio::awaitable<Result<>>()> prove_trust_anchor;
  const Clock& clock;
  Metrics& metrics;
};

class DnssecWatch {
 public:
  DnssecWatch(DnssecWatchParts parts, conf::Resolver config);

  /// Errc::dns_bogus when the anchor is refuted: no start. A root that cannot be reached leaves the
  /// question open: no answer can be bogus-free then, so mail waits, and run() asks again.
  boost::asio::awaitable<Result<>> prove_first();

  /// One run of the self-test, logged when the result differs from the one before, counted when it
  /// failed. How long its result is good: an hour when passed, else a minute.
  boost::asio::awaitable<std::chrono::minutes> test();

  /// Tests at once and then again and again, and proves the anchor while it is not; ends on stop().
  boost::asio::awaitable<void> run();
  void stop();

  /// From any thread.
  [[nodiscard]] DnssecState state() const;

 private:
  boost::asio::awaitable<Result<>> prove();
  boost::asio::awaitable<void> prove_again();
  void tell(const DnssecState& before, const resolver::SelfTestVerdict& now) const;

  DnssecWatchParts parts_;
  conf::Resolver config_;
  std::unique_ptr<boost::asio::steady_timer> timer_;
  mutable std::mutex mutex_;
  DnssecState state_;
  bool stopping_ = false;
};

}  // namespace fulmar::mta
