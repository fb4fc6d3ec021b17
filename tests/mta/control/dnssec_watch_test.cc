#include "mta/dnssec_watch.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <memory>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/mta/intake/log_lines.h"
#include "tests/resolver/run_awaitable.h"

namespace fulmar::mta {
namespace {

using resolver::FakeResolver;
using resolver::Security;
using namespace std::chrono_literals;

constexpr auto kA = FakeResolver::Type::a;

class DnssecWatchTest : public testing::Test {
 protected:
  DnssecWatchTest() {
    dns_.add_a("isc.org", {"192.0.2.1"}, Security::secure);
    dns_.add_a("google.com", {"192.0.2.1"});
    dns_.fail("dnssec-failed.org", kA, Errc::dns_bogus);
  }

  std::chrono::minutes test() { return run_awaitable(watch_->test()); }

  FakeResolver dns_;
  fakes::FakeClock clock_;
  Metrics metrics_;
  Result<> proof_;
  std::unique_ptr<DnssecWatch> watch_ = make_watch();

 private:
  boost::asio::awaitable<Result<>> prove() { co_return proof_; }
  std::unique_ptr<DnssecWatch> make_watch() {
    conf::Resolver config;
    config.forward_to = {"127.0.0.1@53"};
    return std::make_unique<DnssecWatch>(
        DnssecWatchParts{.resolver = dns_,
                         .prove_trust_anchor = [this] { return prove(); },
                         .clock = clock_,
                         .metrics = metrics_},
        config);
  }
};

TEST_F(DnssecWatchTest, only_a_refuted_anchor_refuses_the_start) {
  EXPECT_TRUE(run_awaitable(watch_->prove_first()));
  EXPECT_TRUE(watch_->state().anchor_proven);
  proof_ = fail(Errc::dns_timeout, "DNSKEY .: no answer in time");
  EXPECT_TRUE(run_awaitable(watch_->prove_first()));
  EXPECT_FALSE(watch_->state().healthy());
  proof_ = fail(Errc::dns_bogus, "DNSKEY .: bogus");
  EXPECT_EQ(run_awaitable(watch_->prove_first()).error().code, Errc::dns_bogus);
}

TEST_F(DnssecWatchTest, pitfall_43_a_broken_validation_is_told_counted_and_unhealthy) {
  ASSERT_TRUE(run_awaitable(watch_->prove_first()));
  const intake::LogLines log;
  EXPECT_EQ(test(), 60min);
  EXPECT_TRUE(watch_->state().healthy());
  EXPECT_EQ(log.count("DNSSEC self-test passed"), 1U);
  EXPECT_EQ(metrics_.dnssec_self_test_failures.value(), 0U);

  dns_.fail("isc.org", kA, Errc::dns_bogus);
  EXPECT_EQ(test(), 1min);
  EXPECT_FALSE(watch_->state().healthy());
  EXPECT_EQ(test(), 1min);
  EXPECT_EQ(metrics_.dnssec_self_test_failures.value(), 2U);
  EXPECT_EQ(log.count("DNSSEC self-test failed"), 1U);  // not every minute
  EXPECT_EQ(log.count("the upstream 127.0.0.1@53 strips DNSSEC records"), 1U);

  dns_.forget("isc.org");
  dns_.add_a("isc.org", {"192.0.2.1"}, Security::secure);
  EXPECT_EQ(test(), 60min);
  EXPECT_TRUE(watch_->state().healthy());
  EXPECT_EQ(log.count("DNSSEC self-test passed"), 2U);
}

TEST_F(DnssecWatchTest, an_undecided_test_is_asked_again_and_not_unhealthy) {
  ASSERT_TRUE(run_awaitable(watch_->prove_first()));
  for (const auto* name : {"isc.org", "google.com", "dnssec-failed.org"})
    dns_.fail(name, kA, Errc::dns_timeout);
  EXPECT_EQ(test(), 1min);
  EXPECT_TRUE(watch_->state().healthy());
  EXPECT_EQ(metrics_.dnssec_self_test_failures.value(), 0U);

  const UtcTime first = clock_.utc_now();
  EXPECT_EQ(watch_->state().undecided_since, first);
  clock_.advance(1min);
  test();
  EXPECT_EQ(watch_->state().undecided_since, first);
  dns_.fail("isc.org", kA, Errc::dns_bogus);
  test();
  EXPECT_EQ(watch_->state().undecided_since, std::nullopt);
}

TEST_F(DnssecWatchTest, what_status_says) {
  EXPECT_EQ(boost::json::serialize(to_json(watch_->state())),
            R"({"trust_anchor":"unproven","detail":"not asked yet","self_test":)"
            R"({"result":"undecided","at":null,"detail":"not asked yet",)"
            R"("upstreams":["127.0.0.1@53"]}})");
  ASSERT_TRUE(run_awaitable(watch_->prove_first()));
  test();
  EXPECT_EQ(boost::json::serialize(to_json(watch_->state())),
            R"({"trust_anchor":"proven","detail":"","self_test":)"
            R"({"result":"passed","at":"2026-11-21T12:00:00.000Z","detail":"",)"
            R"("upstreams":["127.0.0.1@53"]}})");
}

}  // namespace
}  // namespace fulmar::mta
