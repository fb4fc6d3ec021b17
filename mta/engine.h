// The parts that find out what security a destination is owed: resolver, trust store, MTA-STS,
// planner. The daemon and the stand-alone `explain` build the same engine, so that both give the
// same verdict.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "base/troubles.h"
#include "conf/config.h"
#include "mta/delivery/attempt.h"
#include "mta/delivery/plan.h"
#include "resolver/unbound_resolver.h"
#include "tls/client_context.h"
#include "tls/mta_sts.h"
#include "tls/mta_sts_fetch.h"

namespace fulmar::mta {

/// Must outlive the engine.
struct EngineParts {
  Clock& clock;
  Random& random;
  Metrics& metrics;
  Troubles& troubles;
  tls::PolicyStore& policy_store;
};

class Engine {
 public:
  /// `executor` is one thread's. `known` policies come from the spool. Errors: those of
  /// UnboundResolver::create() and ClientContext::create(), naming the file at fault.
  static Result<std::unique_ptr<Engine>> create(const conf::Config& config, EngineParts parts,
                                                boost::asio::any_io_executor executor,
                                                std::vector<tls::StsCacheEntry> known);

  [[nodiscard]] resolver::UnboundResolver& resolver() { return *resolver_; }
  [[nodiscard]] tls::MtaSts& mta_sts() { return *mta_sts_; }
  [[nodiscard]] delivery::Planner& planner() { return *planner_; }
  [[nodiscard]] const tls::ClientContext& context() const { return *context_; }

 private:
  Engine() = default;

  std::unique_ptr<resolver::UnboundResolver> resolver_;
  std::unique_ptr<tls::ClientContext> context_;
  std::unique_ptr<tls::PolicyFetcher> fetcher_;
  std::unique_ptr<tls::MtaSts> mta_sts_;
  std::unique_ptr<delivery::Planner> planner_;
};

[[nodiscard]] delivery::AttemptSettings attempt_settings(const conf::Config& config);

}  // namespace fulmar::mta
