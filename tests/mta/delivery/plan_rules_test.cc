// Routes and host plans under the operator's rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "mta/delivery/plan.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/mta/delivery/fake_mta_sts.h"
#include "tests/mta/delivery/run.h"

namespace fulmar::delivery {
namespace {

using conf::TlsRule;
using resolver::Security;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PlanRules : public ::testing::Test {
 protected:
  static Domain domain(std::string_view name) { return Domain::parse(name).value(); }

  static conf::Destination entry(std::string_view pattern, TlsRule tls = TlsRule::automatic,
                                 std::string_view relay = {}) {
    conf::Destination entry;
    entry.domain = conf::DomainPattern::parse(pattern).value();
    entry.tls = tls;
    if (!relay.empty()) entry.relay = conf::Relay::parse(relay).value();
    entry.where = "f.toml:7";
    return entry;
  }

  void rules(const std::vector<conf::Destination>& entries) {
    settings_.rules = DestinationRules::load(entries).value();
  }
  Planner& planner() {
    if (!planner_) {
      planner_ = std::make_unique<Planner>(
          PlannerParts{resolver_, sts_, *random_, clock_, metrics_, troubles_},
          std::move(settings_));
    }
    return *planner_;
  }
  Route find(std::string_view name, tls::Demand demand = tls::Demand::nothing) {
    return run(planner().find_route(MailHost(domain(name)), demand));
  }
  HostPlan plan(const Route& route) { return run(planner().plan_host(route, 0)); }

  /// A host with an address and a usable TLSA record on `port`.
  void add_host(std::string_view host, int port = 25) {
    resolver_.add_a(host, {"9.9.9.1"}, Security::secure);
    resolver_.add_tlsa(
        "_" + std::to_string(port) + "._tcp." + std::string(host),
        {.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, 'd')});
  }

  resolver::FakeResolver resolver_;
  FakeMtaSts sts_;
  std::unique_ptr<Random> random_ = make_seeded_random(1);
  fakes::FakeClock clock_;
  Metrics metrics_;
  Troubles troubles_{clock_};
  PlannerSettings settings_{.own_name = domain("relay.example"), .allow_networks = {}};
  std::unique_ptr<Planner> planner_;
};

TEST_F(PlanRules, DANE_19_a_named_relay_takes_the_place_of_the_hosts_on_its_own_port) {
  rules({entry("b.example", TlsRule::automatic, "[smtp.partner.example]:587")});
  add_host("smtp.partner.example", 587);
  const Route route = find("b.example");
  EXPECT_EQ(route.kind, tls::NextHopKind::relay);
  EXPECT_EQ(policy_domain(route), domain("smtp.partner.example"));
  const HostPlan host = plan(route);
  EXPECT_EQ(host.port, 587);
  EXPECT_EQ(host.decision.level, tls::TlsLevel::dane) << "a configured name counts as secure";
  EXPECT_THAT(host.decision.reference_names, ElementsAre(domain("smtp.partner.example")));
  EXPECT_THAT(resolver_.queries(),
              ElementsAre("AAAA smtp.partner.example", "A smtp.partner.example",
                          "TLSA _587._tcp.smtp.partner.example"))
      << "no MX is asked for";
  EXPECT_THAT(sts_.calls(), ElementsAre("lookup smtp.partner.example"));
}

TEST_F(PlanRules, a_relay_without_brackets_is_looked_up_by_its_MX_records) {
  rules({entry("*", TlsRule::automatic, "partner.example:2525")});
  resolver_.add_mx("partner.example", 10, "mx1.partner.example", Security::secure);
  add_host("mx1.partner.example", 2525);
  const Route route = find("b.example");
  EXPECT_EQ(route.kind, tls::NextHopKind::mx);
  EXPECT_EQ(plan(route).port, 2525);
  EXPECT_EQ(plan(route).decision.level, tls::TlsLevel::dane);
}

TEST_F(PlanRules, a_relay_that_is_an_address_has_no_policy_and_passes_the_guard) {
  rules({entry("*", TlsRule::automatic, "[10.0.0.5]:26")});
  const Route route = find("b.example");
  EXPECT_EQ(route.kind, tls::NextHopKind::address_literal);
  const HostPlan host = plan(route);
  EXPECT_FALSE(host.failure) << "the operator says where it is";
  EXPECT_EQ(host.addresses.front().str(), "10.0.0.5");
  EXPECT_EQ(host.port, 26);
  EXPECT_THAT(resolver_.queries(), IsEmpty());
  EXPECT_THAT(sts_.calls(), IsEmpty());
}

TEST_F(PlanRules, the_guard_stands_before_what_a_relays_MX_records_name) {
  rules({entry("*", TlsRule::automatic, "partner.example")});
  resolver_.add_mx("partner.example", 10, "mx1.partner.example");
  resolver_.add_a("mx1.partner.example", {"10.0.0.5"});
  const HostPlan host = plan(find("b.example"));
  EXPECT_EQ(host.failure->code, Errc::relay_unusable);
  EXPECT_THAT(host.failure->detail, HasSubstr("10.0.0.5"));
}

TEST_F(PlanRules, redteam_4_pitfall_46_a_relay_that_cannot_be_found_is_waited_for) {
  rules({entry("b.example", TlsRule::automatic, "nowhere.example"),
         entry("*", TlsRule::automatic, "[nowhere.example]")});
  const Route route = find("b.example");
  ASSERT_TRUE(route.failure);
  EXPECT_EQ(route.failure->code, Errc::relay_unusable);
  EXPECT_NE(route.failure->retry, Retry::never);
  EXPECT_EQ(plan(find("c.example")).failure->code, Errc::relay_unusable);
}

TEST_F(PlanRules, a_relay_that_is_ourselves_is_told_and_waited_for) {
  rules({entry("*", TlsRule::automatic, "[relay.example]:587")});
  const Route route = find("b.example");
  ASSERT_TRUE(route.failure);
  EXPECT_EQ(route.failure->code, Errc::relay_unusable);
  EXPECT_THAT(route.failure->detail, HasSubstr("f.toml:7"));
}

TEST_F(PlanRules, port_465_means_TLS_from_the_first_octet) {
  rules({entry("*", TlsRule::secure, "[smtp.partner.example]:465")});
  resolver_.add_a("smtp.partner.example", {"9.9.9.1"});
  EXPECT_TRUE(plan(find("b.example")).implicit_tls);
}

TEST_F(PlanRules, the_first_rule_that_matches_counts_while_it_lasts) {
  conf::Destination ended = entry("b.example", TlsRule::may);
  ended.until = std::chrono::year_month_day(
      std::chrono::floor<std::chrono::days>(clock_.utc_now()) - std::chrono::days(1));
  rules({ended, entry("b.example", TlsRule::encrypt), entry("*", TlsRule::none)});
  resolver_.add_a("b.example", {"9.9.9.1"});
  EXPECT_EQ(plan(find("b.example")).decision.rule, "rule-encrypt");
  resolver_.add_a("c.example", {"9.9.9.1"});
  EXPECT_EQ(plan(find("c.example")).decision.rule, "rule-none");
}

TEST_F(PlanRules, a_rule_for_DANE_outweighs_the_switch_for_all) {
  settings_.dane.enabled = false;
  rules({entry("b.example", TlsRule::dane_only)});
  resolver_.add_mx("b.example", 10, "mx1.b.example", Security::secure);
  add_host("mx1.b.example");
  EXPECT_EQ(plan(find("b.example")).decision.level, tls::TlsLevel::dane);
}

TEST_F(PlanRules, REQ_04_the_demand_of_the_message_reaches_the_decision) {
  resolver_.add_mx("b.example", 10, "mx1.b.example", Security::insecure);
  resolver_.add_a("mx1.b.example", {"9.9.9.1"});
  const HostPlan host = plan(find("b.example", tls::Demand::requiretls));
  ASSERT_TRUE(host.failure);
  EXPECT_EQ(host.failure->code, Errc::requiretls_unmet);
}

class DestinationRulesTest : public PlanRules {
 protected:
  ~DestinationRulesTest() override { std::filesystem::remove(path_); }

  Result<DestinationRules> load(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    conf::Destination with_file = entry("*", TlsRule::automatic, "[smtp.partner.example]:587");
    with_file.auth_file = path_;
    return DestinationRules::load({with_file});
  }
  std::string path_ = ::testing::TempDir() + "fulmar_auth_" + std::to_string(getpid());
};

TEST_F(DestinationRulesTest, a_password_is_read_from_its_file) {
  for (const std::string text : {"relay:se:cret", "relay:se:cret\n", "relay:se:cret\r\n"}) {
    const auto rules = load(text);
    ASSERT_TRUE(rules) << text;
    const auto today = std::chrono::floor<std::chrono::days>(clock_.utc_now());
    const DestinationRule* rule = rules->find(MailHost(domain("b.example")), today);
    ASSERT_NE(rule, nullptr);
    EXPECT_EQ(rule->credentials->user, "relay");
    EXPECT_EQ(rule->credentials->password, "se:cret");
  }
}

TEST_F(DestinationRulesTest, a_file_that_holds_none_is_named) {
  for (const std::string text : {"", "relay", ":secret", "relay:", "relay:secret\nmore"}) {
    const auto rules = load(text);
    ASSERT_FALSE(rules) << text;
    EXPECT_EQ(rules.error().code, Errc::io);
    EXPECT_THAT(rules.error().detail, HasSubstr(path_));
    EXPECT_THAT(rules.error().detail, ::testing::Not(HasSubstr("secret")));
  }
  conf::Destination absent = entry("*", TlsRule::automatic, "[smtp.partner.example]");
  absent.auth_file = "/nonexistent/auth";
  EXPECT_THAT(DestinationRules::load({absent}).error().detail, HasSubstr("/nonexistent/auth"));
}

TEST_F(DestinationRulesTest, the_password_travels_with_the_plan_and_raises_what_is_owed) {
  settings_.rules = load("relay:secret").value();
  resolver_.add_a("smtp.partner.example", {"9.9.9.1"});
  const HostPlan host = plan(find("b.example"));
  EXPECT_EQ(host.credentials->user, "relay");
  EXPECT_EQ(host.decision.level, tls::TlsLevel::secure);
  EXPECT_EQ(host.decision.rule, "password");
}

}  // namespace
}  // namespace fulmar::delivery
