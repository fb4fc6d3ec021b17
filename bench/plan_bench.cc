// What a whole plan costs when DNS and policies are at hand: the route to a domain with two MX
// hosts, its MTA-STS policy, and both hosts looked at. The goal is below 100 microseconds.
#include <benchmark/benchmark.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <string>

#include "base/check.h"
#include "mta/delivery/plan.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_resolver.h"

namespace fulmar::delivery {
namespace {

namespace asio = boost::asio;
using resolver::Security;

Domain name(std::string_view text) {
  return Domain::parse(text).value();
}

/// What is cached is not fetched, and not stored again.
class NoFetcher final : public tls::PolicyFetcher {
 public:
  asio::awaitable<Result<std::string>> fetch(Domain /*domain*/) override {
    co_return fail(Errc::internal, "the policy was to be had from the cache");
  }
};
class NoStore final : public tls::PolicyStore {
 public:
  asio::awaitable<Result<>> save(tls::StsCacheEntry /*entry*/) override { co_return Result<>{}; }
  asio::awaitable<Result<>> remove(Domain /*domain*/) override { co_return Result<>{}; }
};

/// A domain with two MX hosts and an enforced policy. `hosts`: of the hosts' addresses; secure ones
/// have a TLSA record each.
class World {
 public:
  explicit World(Security hosts) {
    resolver_.add_txt("_mta-sts.example.com", "v=STSv1; id=1;");
    for (const std::string host : {"mx1.example.com", "mx2.example.com"}) {
      resolver_.add_mx("example.com", 10, host, hosts);
      resolver_.add_a(host, {"9.9.9.1"}, hosts);
      resolver_.add_aaaa(host, {"2620:fe::1"}, hosts);
      if (hosts == Security::secure) {
        resolver_.add_tlsa(
            "_25._tcp." + host,
            {.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, 'd')});
      }
    }
  }

  /// The level of the last host.
  tls::TlsLevel plan() {
    tls::TlsLevel level = tls::TlsLevel::opportunistic;
    io_.restart();
    asio::co_spawn(io_, plan_all(), [&level](std::exception_ptr thrown, tls::TlsLevel last) {
      FULMAR_CHECK(thrown == nullptr);
      level = last;
    });
    io_.run();
    resolver_.forget_queries();
    return level;
  }

 private:
  asio::awaitable<tls::TlsLevel> plan_all() {
    const Route route = co_await planner_.find_route(MailHost(domain_));
    tls::TlsLevel level = tls::TlsLevel::opportunistic;
    for (std::size_t position = 0; position < host_count(route); ++position) {
      const HostPlan plan = co_await planner_.plan_host(route, position);
      FULMAR_CHECK(!plan.failure);
      level = plan.decision.level;
    }
    co_return level;
  }

  tls::StsCacheEntry cached() const {
    const auto life = std::chrono::hours(24 * 7);
    tls::StsCacheEntry entry;
    entry.domain = domain_;
    entry.policy = tls::StsPolicy{.mode = tls::StsMode::enforce,
                                  .max_age = life,
                                  .mx = {{.name = domain_, .wildcard = true}}};
    entry.policy_id = "1";
    entry.policy_text = "version: STSv1\nmode: enforce\nmx: *.example.com\nmax_age: 604800\n";
    entry.fetched_at = clock_.utc_now();
    entry.refresh_at = clock_.utc_now() + life / 2;
    entry.expires_at = clock_.utc_now() + life;
    return entry;
  }

  const Domain domain_ = name("example.com");
  asio::io_context io_{1};
  resolver::FakeResolver resolver_;
  NoFetcher fetcher_;
  NoStore store_;
  fakes::FakeClock clock_;
  std::unique_ptr<Random> random_ = make_seeded_random(1);
  Metrics metrics_;
  std::unique_ptr<tls::MtaSts> sts_ = tls::make_mta_sts({.resolver = resolver_,
                                                         .fetcher = fetcher_,
                                                         .store = store_,
                                                         .clock = clock_,
                                                         .random = *random_,
                                                         .metrics = metrics_},
                                                        {}, io_.get_executor(), {cached()});
  Planner planner_{{.resolver = resolver_,
                    .mta_sts = *sts_,
                    .random = *random_,
                    .clock = clock_,
                    .metrics = metrics_},
                   {.own_name = name("relay.example"), .allow_networks = {}}};
};

void plan(benchmark::State& state, Security hosts, tls::TlsLevel level) {
  World world(hosts);
  FULMAR_CHECK(world.plan() == level);
  for (auto _ : state)
    benchmark::DoNotOptimize(world.plan());
}

BENCHMARK_CAPTURE(plan, two_hosts_sts, Security::insecure, tls::TlsLevel::sts)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan, two_hosts_dane, Security::secure, tls::TlsLevel::dane)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fulmar::delivery
