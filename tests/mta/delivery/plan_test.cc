// Routes and host plans over fed records: what is found, and just as much what is never asked.
#include "mta/delivery/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/mta/delivery/fake_mta_sts.h"
#include "tests/mta/delivery/run.h"

namespace fulmar::delivery {
namespace {

using resolver::RecordType;
using resolver::Security;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PlanTest : public ::testing::Test {
 protected:
  static Domain domain(std::string_view name) { return Domain::parse(name).value(); }
  static std::vector<std::string> texts(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> all;
    for (const IpAddress& address : addresses)
      all.push_back(address.str());
    return all;
  }
  static std::vector<std::string> names(const Route& route) {
    std::vector<std::string> all;
    for (const resolver::MxHost& host : route.mx.hosts)
      all.push_back(host.name.str());
    return all;
  }

  Route find(std::string_view name) { return find(MailHost(domain(name))); }
  Route find(MailHost destination) {
    Planner planner({resolver_, sts_, *random_, clock_, metrics_, troubles_}, settings_);
    return run(planner.find_route(std::move(destination)));
  }
  HostPlan plan(const Route& route, std::size_t position = 0) {
    Planner planner({resolver_, sts_, *random_, clock_, metrics_, troubles_}, settings_);
    return run(planner.plan_host(route, position));
  }
  /// One MX host with a public address and a usable TLSA record.
  void add_dane_site(Security mx, Security address) {
    resolver_.add_mx("b.example", 10, "mx1.b.example", mx);
    resolver_.add_a("mx1.b.example", {"9.9.9.1"}, address);
    resolver_.add_tlsa("_25._tcp.mx1.b.example",
                       {.usage = 3, .selector = 1, .matching_type = 1, .data = digest_});
  }

  const std::string digest_ = std::string(32, 'd');
  resolver::FakeResolver resolver_;
  FakeMtaSts sts_;
  std::unique_ptr<Random> random_ = make_seeded_random(1);
  fakes::FakeClock clock_;
  Metrics metrics_;
  Troubles troubles_{clock_};
  PlannerSettings settings_{.own_name = domain("relay.example"), .allow_networks = {}};
};

// The route.

struct MxTrouble {
  std::string name;
  Errc code;
};
class PlanMxTrouble : public PlanTest, public ::testing::WithParamInterface<MxTrouble> {};

TEST_P(PlanMxTrouble, DANE_06_SMTP_08_is_waited_for_without_looking_at_addresses) {
  resolver_.fail("b.example", RecordType::mx, GetParam().code);
  resolver_.add_a("b.example", {"9.9.9.1"});
  const Route route = find("b.example");
  ASSERT_TRUE(route.failure.has_value());
  EXPECT_EQ(route.failure->code, GetParam().code);
  EXPECT_EQ(route.failure->retry, Retry::later);
  EXPECT_EQ(host_count(route), 0U);
  EXPECT_THAT(resolver_.queries(), ElementsAre("MX b.example"));
  EXPECT_THAT(sts_.calls(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(table, PlanMxTrouble,
                         ::testing::Values(MxTrouble{"bogus", Errc::dns_bogus},
                                           MxTrouble{"servfail", Errc::dns_servfail},
                                           MxTrouble{"timeout", Errc::dns_timeout},
                                           MxTrouble{"malformed", Errc::dns_malformed}),
                         [](const auto& test) { return test.param.name; });

TEST_F(PlanTest, SMTP_08_a_domain_that_does_not_exist_is_final) {
  const Route route = find("nowhere.example");
  ASSERT_TRUE(route.failure.has_value());
  EXPECT_EQ(route.failure->retry, Retry::never);
  EXPECT_EQ(to_string(route.failure->status), "5.1.2");
  EXPECT_THAT(resolver_.queries(), ElementsAre("MX nowhere.example"));
  EXPECT_THAT(sts_.calls(), IsEmpty());
}

TEST_F(PlanTest, NMX_01_pitfall_51_a_null_mx_is_final_and_nothing_more_is_asked) {
  resolver_.add_mx("b.example", 0, ".");
  resolver_.add_a("b.example", {"9.9.9.1"});
  const Route route = find("b.example");
  ASSERT_TRUE(route.failure.has_value());
  EXPECT_EQ(route.failure->retry, Retry::never);
  EXPECT_EQ(to_string(route.failure->status), "5.1.10");
  EXPECT_THAT(resolver_.queries(), ElementsAre("MX b.example"));
  EXPECT_THAT(sts_.calls(), IsEmpty());
}

TEST_F(PlanTest, hosts_stand_by_preference) {
  resolver_.add_mx("b.example", 30, "mx3.b.example", Security::secure);
  resolver_.add_mx("b.example", 10, "mx1.b.example", Security::secure);
  resolver_.add_mx("b.example", 20, "mx2.b.example", Security::secure);
  const Route route = find("b.example");
  ASSERT_FALSE(route.failure.has_value());
  EXPECT_EQ(route.kind, tls::NextHopKind::mx);
  EXPECT_EQ(route.mx.security, Security::secure);
  EXPECT_THAT(names(route), ElementsAre("mx1.b.example", "mx2.b.example", "mx3.b.example"));
  EXPECT_EQ(host_count(route), 3U);
  EXPECT_EQ(policy_domain(route), domain("b.example"));
}

TEST_F(PlanTest, SMTP_08_without_mx_records_the_domain_is_its_own_host) {
  resolver_.add_a("b.example", {"9.9.9.1"});
  const Route route = find("b.example");
  ASSERT_FALSE(route.failure.has_value());
  EXPECT_EQ(route.kind, tls::NextHopKind::implicit_mx);
  EXPECT_THAT(names(route), ElementsAre("b.example"));
  EXPECT_THAT(sts_.calls(), ElementsAre("lookup b.example"));
  EXPECT_THAT(texts(plan(route).addresses), ElementsAre("9.9.9.1"));
}

TEST_F(PlanTest, DANE_18_an_implicit_host_gets_the_same_tlsa_algorithm) {
  resolver_.add_a("b.example", {"9.9.9.1"}, Security::secure);
  resolver_.add_tlsa("_25._tcp.b.example",
                     {.usage = 3, .selector = 1, .matching_type = 1, .data = digest_});
  const Route route = find("b.example");
  EXPECT_EQ(route.mx.security, Security::secure);
  const HostPlan host = plan(route);
  EXPECT_FALSE(host.failure.has_value());
  EXPECT_EQ(host.decision.level, tls::TlsLevel::dane);
}

TEST_F(PlanTest, SMTP_12_our_own_preference_and_worse_are_left_out) {
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_mx("b.example", 20, "relay.example");
  resolver_.add_mx("b.example", 20, "equal.b.example");
  resolver_.add_mx("b.example", 30, "backup.b.example");
  EXPECT_THAT(names(find("b.example")), ElementsAre("mx1.b.example"));
}

TEST_F(PlanTest, SMTP_12_pitfall_52_to_be_our_own_best_host_is_a_loop) {
  resolver_.add_mx("b.example", 10, "relay.example");
  resolver_.add_mx("b.example", 20, "backup.b.example");
  const Route route = find("b.example");
  ASSERT_TRUE(route.failure.has_value());
  EXPECT_EQ(route.failure->code, Errc::mail_loop);
  EXPECT_EQ(to_string(route.failure->status), "5.4.6");
  EXPECT_THAT(sts_.calls(), IsEmpty());
}

TEST_F(PlanTest, the_policy_is_there_before_any_host_is_looked_at) {
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_a("mx1.b.example", {"9.9.9.1"});
  sts_.set("b.example", make_lookup(make_policy(tls::StsMode::enforce, {"mx1.b.example"})));
  const Route route = find("b.example");
  ASSERT_TRUE(route.sts.policy.has_value());
  EXPECT_FALSE(resolver_.was_asked_for(RecordType::a));
  EXPECT_EQ(plan(route).decision.level, tls::TlsLevel::sts);
  EXPECT_THAT(sts_.calls(), ElementsAre("lookup b.example")) << "a host plan asks no policy";
}

TEST_F(PlanTest, recheck_replaces_the_policy_and_nothing_else) {
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  sts_.set("b.example", make_lookup(make_policy(tls::StsMode::enforce, {"old.b.example"})));
  sts_.set_fresh("b.example", make_lookup(make_policy(tls::StsMode::enforce, {"mx1.b.example"})));
  Planner planner({resolver_, sts_, *random_, clock_, metrics_, troubles_}, settings_);
  const Route before = run(planner.find_route(MailHost(domain("b.example"))));
  const Route after = run(planner.recheck_policy(before));
  EXPECT_NE(before.sts.policy, after.sts.policy);
  EXPECT_EQ(names(before), names(after));
  EXPECT_THAT(sts_.calls(), ElementsAre("lookup b.example", "recheck b.example"));
}

// Address literals.

TEST_F(PlanTest, STS_02_DANE_34_an_address_literal_asks_nothing) {
  const Route route = find(MailHost(IpAddress::parse("9.9.9.9").value()));
  ASSERT_FALSE(route.failure.has_value());
  EXPECT_EQ(host_count(route), 1U);
  const HostPlan host = plan(route);
  EXPECT_FALSE(host.failure.has_value());
  EXPECT_THAT(texts(host.addresses), ElementsAre("9.9.9.9"));
  EXPECT_EQ(host.decision.level, tls::TlsLevel::opportunistic);
  EXPECT_EQ(host.decision.rule, "address-literal");
  EXPECT_TRUE(host.host.is_root());
  EXPECT_THAT(resolver_.queries(), IsEmpty());
  EXPECT_THAT(sts_.calls(), IsEmpty());
}

TEST_F(PlanTest, STS_02_a_literal_has_no_policy_to_recheck) {
  Planner planner({resolver_, sts_, *random_, clock_, metrics_, troubles_}, settings_);
  const Route route = run(planner.find_route(MailHost(IpAddress::parse("9.9.9.9").value())));
  EXPECT_FALSE(run(planner.recheck_policy(route)).sts.policy.has_value());
  EXPECT_THAT(sts_.calls(), IsEmpty());
}

TEST_F(PlanTest, DANE_34_an_address_in_an_mx_record_is_no_host) {
  resolver_.add_mx("b.example", 10, "9.9.9.9");
  const HostPlan host = plan(find("b.example"));
  ASSERT_TRUE(host.failure.has_value());
  EXPECT_EQ(host.failure->code, Errc::no_addresses);
  EXPECT_FALSE(resolver_.was_asked_for(RecordType::tlsa));
}

// The address guard.

struct Guarded {
  std::string name;
  std::string address;
};
class PlanGuard : public PlanTest, public ::testing::WithParamInterface<Guarded> {};

TEST_P(PlanGuard, pitfall_52_refuses_it_as_host_and_as_literal) {
  const IpAddress address = IpAddress::parse(GetParam().address).value();
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  if (address.family() == AddressFamily::v4) {
    resolver_.add_a("mx1.b.example", {GetParam().address});
  } else {
    resolver_.add_aaaa("mx1.b.example", {GetParam().address});
  }
  for (const Route& route : {find("b.example"), find(MailHost(address))}) {
    const HostPlan host = plan(route);
    EXPECT_THAT(host.addresses, IsEmpty());
    ASSERT_TRUE(host.failure.has_value());
    EXPECT_EQ(host.failure->code, Errc::address_refused);
    EXPECT_THAT(host.failure->detail, HasSubstr(address.str()));
  }
}

TEST_P(PlanGuard, pitfall_52_lets_it_pass_when_it_is_listed) {
  const IpAddress address = IpAddress::parse(GetParam().address).value();
  const bool v4 = address.family() == AddressFamily::v4;
  settings_.allow_networks = {Network::parse(address.str() + (v4 ? "/32" : "/128")).value()};
  const HostPlan host = plan(find(MailHost(address)));
  EXPECT_FALSE(host.failure.has_value());
  EXPECT_THAT(texts(host.addresses), ElementsAre(address.str()));
}

INSTANTIATE_TEST_SUITE_P(
    table, PlanGuard,
    ::testing::Values(Guarded{"loopback", "127.0.0.1"}, Guarded{"unspecified", "0.0.0.0"},
                      Guarded{"private_10", "10.1.2.3"}, Guarded{"private_172", "172.16.0.1"},
                      Guarded{"private_192", "192.168.1.1"},
                      Guarded{"link_local", "169.254.169.254"}, Guarded{"multicast", "224.0.0.1"},
                      Guarded{"loopback_v6", "::1"}, Guarded{"unique_local_v6", "fd00::1"},
                      Guarded{"link_local_v6", "fe80::1"}),
    [](const auto& test) { return test.param.name; });

TEST_F(PlanTest, pitfall_52_public_addresses_beside_refused_ones_are_dialled) {
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_a("mx1.b.example", {"10.0.0.1", "9.9.9.1", "127.0.0.1"});
  const HostPlan host = plan(find("b.example"));
  EXPECT_FALSE(host.failure.has_value());
  EXPECT_THAT(texts(host.addresses), ElementsAre("9.9.9.1"));
}

TEST_F(PlanTest, pitfall_52_an_allowed_network_allows_no_other) {
  settings_.allow_networks = {Network::parse("10.0.0.0/24").value()};
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_a("mx1.b.example", {"10.0.0.1", "10.0.1.1"});
  EXPECT_THAT(texts(plan(find("b.example")).addresses), ElementsAre("10.0.0.1"));
}

// DANE.

TEST_F(PlanTest, a_secure_host_with_tlsa_owes_dane) {
  add_dane_site(Security::secure, Security::secure);
  const HostPlan host = plan(find("b.example"));
  EXPECT_FALSE(host.failure.has_value());
  EXPECT_EQ(host.preference, 10);
  EXPECT_EQ(host.port, kSmtpPort);
  EXPECT_EQ(host.decision.level, tls::TlsLevel::dane);
  EXPECT_EQ(host.tlsa.base, domain("mx1.b.example"));
}

TEST_F(PlanTest, DANE_21_insecure_hosts_are_never_asked_for_tlsa) {
  add_dane_site(Security::secure, Security::insecure);
  resolver_.fail("_25._tcp.mx1.b.example", RecordType::tlsa, Errc::dns_servfail);
  const HostPlan host = plan(find("b.example"));
  EXPECT_FALSE(resolver_.was_asked_for(RecordType::tlsa));
  EXPECT_FALSE(host.failure.has_value());
  EXPECT_EQ(host.decision.level, tls::TlsLevel::opportunistic);
}

TEST_F(PlanTest, dane_switched_off_asks_no_tlsa) {
  settings_.dane.enabled = false;
  add_dane_site(Security::secure, Security::secure);
  const HostPlan host = plan(find("b.example"));
  EXPECT_FALSE(resolver_.was_asked_for(RecordType::tlsa));
  EXPECT_EQ(host.decision.level, tls::TlsLevel::opportunistic);
}

TEST_F(PlanTest, DANE_08_a_failed_tlsa_lookup_means_that_the_host_is_not_used) {
  add_dane_site(Security::secure, Security::secure);
  resolver_.fail("_25._tcp.mx1.b.example", RecordType::tlsa, Errc::dns_servfail);
  const HostPlan host = plan(find("b.example"));
  ASSERT_TRUE(host.failure.has_value());
  EXPECT_EQ(host.failure->code, Errc::dane_lookup);
  EXPECT_EQ(host.decision.action, tls::HostAction::skip);
}

TEST_F(PlanTest, insecure_mx_records_leave_dane_for_the_host_only) {
  add_dane_site(Security::insecure, Security::secure);
  EXPECT_EQ(plan(find("b.example")).decision.level, tls::TlsLevel::dane_host_only);
}

TEST_F(PlanTest, failed_address_lookups_are_the_hosts_failure) {
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_mx("b.example", 20, "mx2.b.example");
  resolver_.fail("mx1.b.example", RecordType::a, Errc::dns_bogus);
  resolver_.add_a("mx2.b.example", {"9.9.9.2"});
  const Route route = find("b.example");
  const HostPlan first = plan(route, 0);
  ASSERT_TRUE(first.failure.has_value());
  EXPECT_EQ(first.failure->code, Errc::dns_bogus);
  const HostPlan second = plan(route, 1);
  EXPECT_FALSE(second.failure.has_value());
  EXPECT_EQ(second.preference, 20);
}

// MTA-STS.

TEST_F(PlanTest, STS_33_a_host_that_the_policy_does_not_list_is_skipped) {
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_mx("b.example", 20, "mx2.b.example");
  resolver_.add_a("mx1.b.example", {"9.9.9.1"});
  resolver_.add_a("mx2.b.example", {"9.9.9.2"});
  sts_.set("b.example", make_lookup(make_policy(tls::StsMode::enforce, {"mx2.b.example"})));
  const Route route = find("b.example");
  const HostPlan first = plan(route, 0);
  ASSERT_TRUE(first.failure.has_value());
  EXPECT_EQ(first.failure->code, Errc::sts_mx_mismatch);
  EXPECT_EQ(first.failure->retry, Retry::next_host);
  EXPECT_FALSE(plan(route, 1).failure.has_value());
}

TEST_F(PlanTest, STS_30_an_implicit_host_is_matched_by_the_domain) {
  resolver_.add_a("b.example", {"9.9.9.1"});
  sts_.set("b.example", make_lookup(make_policy(tls::StsMode::enforce, {"*.b.example"})));
  const HostPlan host = plan(find("b.example"));
  ASSERT_TRUE(host.failure.has_value());
  EXPECT_EQ(host.failure->code, Errc::sts_mx_mismatch);
}

TEST_F(PlanTest, the_policy_is_that_of_the_recipients_domain_not_of_its_alias) {
  resolver_.add_cname("b.example", "c.example");
  resolver_.add_mx("c.example", 10, "mx1.c.example");
  resolver_.add_a("mx1.c.example", {"9.9.9.1"});
  const Route route = find("b.example");
  EXPECT_EQ(policy_domain(route), domain("b.example"));
  EXPECT_EQ(route.mx.expanded, domain("c.example"));
  EXPECT_THAT(sts_.calls(), ElementsAre("lookup b.example"));
}

// Watching what is published.

resolver::TlsaLookup lookup_with(resolver::TlsaStatus status) {
  resolver::TlsaLookup lookup;
  lookup.status = status;
  return lookup;
}

TEST(DaneMemoryTest, a_host_that_stops_to_publish_counts_once_and_a_failure_says_nothing) {
  using resolver::TlsaStatus;
  Metrics metrics;
  const fakes::FakeClock clock;
  Troubles troubles(clock);
  DaneMemory memory(metrics, troubles);
  const Domain host = Domain::parse("mx1.b.example").value();
  memory.note(host, 25, lookup_with(TlsaStatus::not_applicable));
  EXPECT_EQ(metrics.protection_lost.value(), 0U) << "it never had any";
  memory.note(host, 25, lookup_with(TlsaStatus::usable));
  memory.note(host, 25, lookup_with(TlsaStatus::lookup_failed));
  memory.note(host, 26, lookup_with(TlsaStatus::not_applicable));
  EXPECT_EQ(metrics.protection_lost.value(), 0U);
  memory.note(host, 25, lookup_with(TlsaStatus::unusable));
  memory.note(host, 25, lookup_with(TlsaStatus::not_applicable));
  EXPECT_EQ(metrics.protection_lost.value(), 1U);
  const TroubleList told = troubles.list();
  ASSERT_EQ(told.named.size(), 1U);
  EXPECT_EQ(told.named[0].kind, TroubleKind::protection_lost);
  EXPECT_EQ(told.named[0].subject, "mx1.b.example:25");
  EXPECT_EQ(told.named[0].count, 1U);
}

TEST_F(PlanTest, TLSA_records_that_are_gone_are_protection_lost) {
  Planner planner({resolver_, sts_, *random_, clock_, metrics_, troubles_}, settings_);
  add_dane_site(Security::secure, Security::secure);
  const Route route = run(planner.find_route(MailHost(domain("b.example"))));
  run(planner.plan_host(route, 0));
  resolver_.forget("_25._tcp.mx1.b.example");
  run(planner.plan_host(route, 0));
  EXPECT_EQ(metrics_.protection_lost.value(), 1U);
}

}  // namespace
}  // namespace fulmar::delivery
