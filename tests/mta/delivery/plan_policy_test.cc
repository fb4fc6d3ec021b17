// Routes over the real MTA-STS service: what many messages to one domain cost its policy host.
#include "mta/delivery/plan.h"

#include <algorithm>

#include "tests/tls/mta_sts_fixture.h"

namespace fulmar::delivery {
namespace {

class PlanPolicyTest : public tls::MtaStsTest {
 protected:
  Planner planner_{{resolver_, *service_, *random_, clock_, metrics_, troubles_},
                   {.own_name = Domain::parse("relay.example").value(), .allow_networks = {}}};
};

TEST_F(PlanPolicyTest,
       STS_42_a_thousand_messages_to_a_fresh_domain_are_one_TXT_lookup_and_one_GET) {
  resolver_.add_mx("example.com", 10, "mx.example.com");
  resolver_.held = true;
  fetcher_.held = true;
  std::vector<std::future<Route>> waiting;
  for (int i = 0; i < 1000; ++i) {
    waiting.push_back(begin(planner_.find_route(MailHost(tls::kDomain))));
  }
  resolver_.release();
  settle();
  EXPECT_EQ(fetcher_.fetches, 1);
  fetcher_.release();
  settle();
  for (auto& one : waiting) {
    const Route route = one.get();
    ASSERT_FALSE(route.failure);
    expect_mode(route.sts, tls::StsMode::enforce, tls::StsLookup::Source::fetched);
  }
  EXPECT_EQ(std::ranges::count(resolver_.queries(), "TXT _mta-sts.example.com"), 1);
  EXPECT_EQ(fetcher_.fetches, 1);
}

}  // namespace
}  // namespace fulmar::delivery
