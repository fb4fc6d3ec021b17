// Keeps an eye on our own DNSSEC validation: is the trust anchor proven? Asked at start, and again
// until it is.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "resolver/unbound_resolver.h"

namespace fulmar::mta {

struct AnchorState {
  bool proven = false;
  std::string detail;  ///< Why not; empty when proven.
};

class AnchorWatch {
 public:
  /// `resolver` must outlive it.
  explicit AnchorWatch(resolver::UnboundResolver& resolver) : resolver_(resolver) {}

  /// Errc::dns_bogus when the anchor is refuted: no start. A root that cannot be reached leaves the
  /// question open: no answer can be bogus-free then, so mail waits, and run() asks again.
  boost::asio::awaitable<Result<>> prove_first();

  /// Asks again each minute until the anchor is proven; ends on stop().
  boost::asio::awaitable<void> run();
  void stop();

  /// From any thread.
  [[nodiscard]] AnchorState state() const;

 private:
  boost::asio::awaitable<Result<>> ask();

  resolver::UnboundResolver& resolver_;
  std::unique_ptr<boost::asio::steady_timer> timer_;
  mutable std::mutex mutex_;
  AnchorState state_{.proven = false, .detail = "not asked yet"};
  bool stopping_ = false;
};

}  // namespace fulmar::mta
