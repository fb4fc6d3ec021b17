// The Resolver on libunbound: recursive, validating, asynchronous. Only unbound_engine.cc and
// unbound_context.cc include unbound.h.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "conf/config.h"
#include "resolver/resolver.h"

namespace fulmar::resolver {

class UnboundResolver : public Resolver {
 public:
  /// Watches libunbound's descriptor on `executor`, which must be one thread's io_context
  /// (libunbound is driven from one strand); it and `clock` must outlive the resolver. Lookups may
  /// be started from any thread. Errc::io with the path when the trust anchor or the hints file
  /// cannot be read or hold nothing usable.
  static Result<std::unique_ptr<UnboundResolver>> create(const conf::Resolver& config,
                                                         boost::asio::any_io_executor executor,
                                                         const Clock& clock);

  /// `. DNSKEY` must validate, which proves that the anchor is one (ub_ctx_add_ta_file accepts any
  /// text). Errors: dns_bogus with libunbound's reason when it does not; the other dns_* classes
  /// when the root cannot be reached, in which case the anchor is neither proven nor refuted and
  /// the caller may go on and try again.
  virtual boost::asio::awaitable<Result<>> prove_trust_anchor() = 0;

  /// Ends every pending lookup with Errc::cancelled. To be called on the executor's thread before
  /// it stops.
  virtual void stop() = 0;
};

}  // namespace fulmar::resolver
