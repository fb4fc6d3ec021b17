#include "mta/engine.h"

namespace fulmar::mta {

Result<std::unique_ptr<Engine>> Engine::create(const conf::Config& config, EngineParts parts,
                                               boost::asio::any_io_executor executor,
                                               std::vector<tls::StsCacheEntry> known) {
  std::unique_ptr<Engine> engine(new Engine());
  FULMAR_TRY(auto rules, delivery::DestinationRules::load(config.destinations));
  FULMAR_TRY(engine->resolver_,
             resolver::UnboundResolver::create(config.resolver, executor, parts.clock));
  FULMAR_TRY(engine->context_, tls::ClientContext::create(config.tls));
  engine->fetcher_ = tls::make_https_policy_fetcher(*engine->resolver_, *engine->context_,
                                                    config.mta_sts, config.outbound.allow_networks);
  engine->mta_sts_ = tls::make_mta_sts({.resolver = *engine->resolver_,
                                        .fetcher = *engine->fetcher_,
                                        .store = parts.policy_store,
                                        .clock = parts.clock,
                                        .random = parts.random,
                                        .metrics = parts.metrics,
                                        .troubles = parts.troubles},
                                       config.mta_sts, executor, std::move(known));
  engine->planner_ = std::make_unique<delivery::Planner>(
      delivery::PlannerParts{*engine->resolver_, *engine->mta_sts_, parts.random, parts.clock,
                             parts.metrics, parts.troubles},
      delivery::PlannerSettings{.own_name = config.hostname,
                                .dane = config.dane,
                                .allow_networks = config.outbound.allow_networks,
                                .rules = std::move(rules)});
  return engine;
}

delivery::AttemptSettings attempt_settings(const conf::Config& config) {
  return {.converse = {.helo_name = config.hostname.str(),
                       .outbound = config.outbound,
                       .fallback = config.tls.opportunistic_fallback},
          .failure = config.retry.failure};
}

}  // namespace fulmar::mta
