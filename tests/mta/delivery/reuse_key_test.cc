// Pitfall 68: a connection serves another message only when nothing that was decided differs.
#include "mta/delivery/reuse_key.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

namespace fulmar::delivery {
namespace {

Domain name(std::string_view text) {
  return Domain::parse(text).value();
}

struct Need {
  Domain policy_domain = name("b.example");
  HostPlan plan;
  IpAddress address = IpAddress::parse("192.0.2.1").value();
  std::optional<IpAddress> source;
};

std::string key_of(const Need& need) {
  return reuse_key(need.policy_domain, need.plan, need.address, need.source);
}

/// DANE for a host, everything filled in.
Need dane() {
  Need need;
  need.plan.host = name("mx.b.example");
  tls::TlsDecision& decision = need.plan.decision;
  decision.level = tls::TlsLevel::dane;
  decision.host = decision.sni = name("mx.b.example");
  decision.reference_names = {name("mx.b.example"), name("b.example")};
  decision.tlsa = {{3, 1, 1, std::string(32, 'd')}};
  return need;
}

struct Difference {
  std::string what;
  std::function<void(Need&)> make;
};

const std::vector<Difference> kDifferences = {
    {"address", [](Need& n) { n.address = IpAddress::parse("192.0.2.2").value(); }},
    {"port", [](Need& n) { n.plan.port = 587; }},
    {"source", [](Need& n) { n.source = IpAddress::parse("192.0.2.9").value(); }},
    {"implicit TLS", [](Need& n) { n.plan.implicit_tls = true; }},
    {"user",
     [](Need& n) {
       n.plan.credentials = {"user", "x"};
     }},
    {"password",
     [](Need& n) {
       n.plan.credentials = {"user", "y"};
     }},
    {"policy domain", [](Need& n) { n.policy_domain = name("c.example"); }},
    {"host", [](Need& n) { n.plan.decision.host = name("mx2.b.example"); }},
    {"SNI", [](Need& n) { n.plan.decision.sni = name("mx2.b.example"); }},
    {"level", [](Need& n) { n.plan.decision.level = tls::TlsLevel::dane_host_only; }},
    {"lower level", [](Need& n) { n.plan.decision.level = tls::TlsLevel::encrypt; }},
    {"opportunistic", [](Need& n) { n.plan.decision.level = tls::TlsLevel::opportunistic; }},
    {"enforced", [](Need& n) { n.plan.decision.enforced = false; }},
    {"REQUIRETLS", [](Need& n) { n.plan.decision.requiretls = true; }},
    {"waived", [](Need& n) { n.plan.decision.waived = make_error(Errc::dane_lookup, "x"); }},
    {"MTA-STS besides", [](Need& n) { n.plan.decision.sts_must_pass = true; }},
    {"testing", [](Need& n) { n.plan.decision.sts_testing = true; }},
    {"reference names", [](Need& n) { n.plan.decision.reference_names.pop_back(); }},
    {"names of secure",
     [](Need& n) {
       n.plan.decision.pkix_names = {conf::DomainPattern::exactly(name("mx.b.example"))};
     }},
    {"TLSA digest", [](Need& n) { n.plan.decision.tlsa[0].data[0] = 'e'; }},
    {"TLSA records",
     [](Need& n) {
       n.plan.decision.tlsa.push_back({2, 0, 1, "x"});
     }},
};

TEST(ReuseKey, pitfall_68_everything_that_differs_makes_another_key) {
  std::set<std::string> keys = {key_of(dane())};
  for (const Difference& difference : kDifferences) {
    Need need = dane();
    difference.make(need);
    EXPECT_TRUE(keys.insert(key_of(need)).second) << difference.what;
  }
}

TEST(ReuseKey, the_same_need_makes_the_same_key) {
  EXPECT_EQ(key_of(dane()), key_of(dane()));
}

TEST(ReuseKey, where_nothing_is_owed_the_customers_of_one_provider_share_its_connections) {
  Need one;
  one.plan.host = one.plan.decision.host = name("mx.provider.example");
  Need other = one;
  other.policy_domain = name("c.example");
  EXPECT_EQ(key_of(one), key_of(other));
  other.plan.decision.sts_testing = true;
  EXPECT_NE(key_of(one), key_of(other));
}

}  // namespace
}  // namespace fulmar::delivery
