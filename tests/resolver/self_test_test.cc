#include "resolver/self_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/fakes/fake_resolver.h"
#include "tests/resolver/run_awaitable.h"

namespace fulmar::resolver {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Weight = SelfTestFinding::Weight;

Domain domain(std::string_view text) {
  return Domain::parse(text).value();
}

SelfTestName answered(std::string_view name, Security security) {
  return {domain(name), Result<Security>(security)};
}

SelfTestName failed(std::string_view name, Errc code) {
  return {domain(name), fail(code, "A " + std::string(name) + ": the reason")};
}

SelfTestName signed_as(Security security) {
  return answered("signed.test", security);
}

struct Case {
  const char* name;
  std::function<void(SelfTestFacts&)> change;  ///< Of a test in which all is as it ought to be.
  SelfTestResult want;
  const char* words = "";  ///< Of the detail; nothing: no finding.
};

SelfTestFacts good() {
  return {.signed_name = signed_as(Security::secure),
          .unsigned_name = answered("unsigned.test", Security::insecure),
          .bogus_name = failed("bogus.test", Errc::dns_bogus),
          .upstreams = {}};
}

TEST(SelfTestVerdict, pitfall_43_what_the_three_names_say) {
  using Facts = SelfTestFacts;
  constexpr auto kPassed = SelfTestResult::passed;
  constexpr auto kFailed = SelfTestResult::failed;
  constexpr auto kUndecided = SelfTestResult::undecided;
  const auto unsigned_fails = [](Errc code) {
    return [code](Facts& facts) { facts.unsigned_name = failed("unsigned.test", code); };
  };
  const Case cases[] = {
      {"all as it ought to be", [](Facts&) {}, kPassed},
      {"signed is bogus, unsigned resolves",
       [](Facts& f) { f.signed_name = failed("signed.test", Errc::dns_bogus); }, kFailed,
       "DNSSEC records do not come through: something on the path strips them (A signed.test: the "
       "reason)"},
      {"signed is SERVFAIL, unsigned resolves",
       [](Facts& f) { f.signed_name = failed("signed.test", Errc::dns_servfail); }, kFailed,
       "do not come through"},
      {"everything is bogus, as behind a stripping upstream; said once",
       [](Facts& f) {
         f.signed_name = failed("signed.test", Errc::dns_bogus);
         f.unsigned_name = failed("unsigned.test", Errc::dns_bogus);
         f.upstreams = {"127.0.0.1@53"};
       },
       kFailed,
       "DNSSEC records do not come through: the upstream 127.0.0.1@53 strips DNSSEC records (A "
       "signed.test: the reason)"},
      {"two upstreams",
       [](Facts& f) {
         f.signed_name = failed("signed.test", Errc::dns_bogus);
         f.upstreams = {"192.0.2.1@53", "192.0.2.2@53"};
       },
       kFailed, "the upstreams 192.0.2.1@53 and 192.0.2.2@53 strip DNSSEC records"},
      {"signed comes back insecure",
       [](Facts& f) { f.signed_name = signed_as(Security::insecure); }, kFailed,
       "DNSSEC validation does not work: signed.test, which is signed, came back as if it were "
       "not"},
      {"bogus is accepted as secure",
       [](Facts& f) { f.bogus_name = answered("bogus.test", Security::secure); }, kFailed,
       "DNSSEC validation does not work: bogus.test, which is signed wrongly, was accepted"},
      {"bogus is accepted as insecure",
       [](Facts& f) { f.bogus_name = answered("bogus.test", Security::insecure); }, kFailed,
       "bogus.test, which is signed wrongly, was accepted"},
      {"only the unsigned one is bogus: the proof that it is unsigned was stripped",
       unsigned_fails(Errc::dns_bogus), kFailed, "do not come through"},
      {"unsigned is signed: the wrong name",
       [](Facts& f) { f.unsigned_name = answered("unsigned.test", Security::secure); }, kPassed,
       "unsigned.test is signed, so it is the wrong name for resolver.self_test_unsigned"},
      {"an upstream keeps the bogus one back",
       [](Facts& f) { f.bogus_name = failed("bogus.test", Errc::dns_servfail); }, kPassed,
       "bogus.test was refused before we could judge it: A bogus.test: the reason"},
      {"bogus is SERVFAIL and the signed one was not asked for",
       [](Facts& f) {
         f.signed_name = {};
         f.bogus_name = failed("bogus.test", Errc::dns_servfail);
       },
       kUndecided, "no verdict on bogus.test"},
      {"signed is silent",
       [](Facts& f) { f.signed_name = failed("signed.test", Errc::dns_timeout); }, kUndecided,
       "no verdict on signed.test: A signed.test: the reason"},
      {"unsigned is silent", unsigned_fails(Errc::dns_timeout), kUndecided,
       "no verdict on unsigned.test"},
      {"unsigned is SERVFAIL", unsigned_fails(Errc::dns_servfail), kUndecided,
       "no verdict on unsigned.test"},
      {"bogus is silent", [](Facts& f) { f.bogus_name = failed("bogus.test", Errc::dns_timeout); },
       kUndecided, "no verdict on bogus.test"},
      {"signed and unsigned are SERVFAIL: nothing resolves, whatever the reason",
       [](Facts& f) {
         f.signed_name = failed("signed.test", Errc::dns_servfail);
         f.unsigned_name = failed("unsigned.test", Errc::dns_servfail);
       },
       kUndecided, "no verdict on signed.test"},
      {"a failure outweighs what is open",
       [](Facts& f) {
         f.signed_name = signed_as(Security::insecure);
         f.bogus_name = failed("bogus.test", Errc::dns_timeout);
       },
       kFailed, "came back as if it were not; no verdict on bogus.test"},
      {"nobody answers",
       [](Facts& f) {
         f.signed_name = failed("signed.test", Errc::dns_timeout);
         f.unsigned_name = failed("unsigned.test", Errc::dns_timeout);
         f.bogus_name = failed("bogus.test", Errc::dns_timeout);
       },
       kUndecided, "none of the names resolves, as without a network (A signed.test: the reason)"},
      {"nothing resolves, as libunbound says without a network",
       [](Facts& f) {
         f.signed_name = failed("signed.test", Errc::dns_servfail);
         f.unsigned_name = failed("unsigned.test", Errc::dns_servfail);
         f.bogus_name = failed("bogus.test", Errc::dns_servfail);
       },
       kUndecided, "none of the names resolves, as without a network (A signed.test: the reason)"},
      {"nothing is asked for", [](Facts& f) { f = {}; }, kUndecided,
       "no name is configured to ask for"},
      {"the signed one alone", [](Facts& f) { f.unsigned_name = f.bogus_name = {}; }, kPassed},
      {"the bogus one alone", [](Facts& f) { f.unsigned_name = f.signed_name = {}; }, kPassed},
  };
  for (const auto& c : cases) {
    SelfTestFacts facts = good();
    c.change(facts);
    const auto verdict = judge_self_test(facts);
    EXPECT_EQ(to_string(verdict.result), to_string(c.want)) << c.name;
    EXPECT_THAT(describe(verdict), HasSubstr(c.words)) << c.name;
    EXPECT_EQ(verdict.findings.empty(), std::string(c.words).empty()) << c.name;
    if (std::string_view(c.words).ends_with("reason)")) {
      EXPECT_EQ(describe(verdict), c.words) << c.name;
    }
  }
}

TEST(SelfTest, pitfall_43_asks_for_the_configured_names) {
  FakeResolver dns;
  dns.nxdomain("signed.test", Security::secure);  // a proven denial is as good as records
  dns.add_a("unsigned.test", {"192.0.2.1"});
  dns.fail("bogus.test", FakeResolver::Type::a, Errc::dns_bogus);
  conf::Resolver config;
  config.self_test_signed = domain("signed.test");
  config.self_test_unsigned = domain("unsigned.test");
  config.self_test_bogus = domain("bogus.test");
  EXPECT_EQ(run_awaitable(run_self_test(dns, config)).result, SelfTestResult::passed);
  EXPECT_THAT(dns.queries(),
              testing::UnorderedElementsAre("A signed.test", "A unsigned.test", "A bogus.test"));
}

TEST(SelfTest, a_name_left_out_is_not_asked_for) {
  FakeResolver dns;
  conf::Resolver config;
  config.self_test_signed = config.self_test_unsigned = config.self_test_bogus = Domain();
  EXPECT_EQ(run_awaitable(run_self_test(dns, config)).result, SelfTestResult::undecided);
  EXPECT_THAT(dns.queries(), IsEmpty());
}

TEST(SelfTest, names_the_upstreams_and_why) {
  FakeResolver dns;
  dns.fail("isc.org", FakeResolver::Type::a, Errc::dns_bogus);
  dns.add_a("google.com", {"192.0.2.1"});
  dns.fail("dnssec-failed.org", FakeResolver::Type::a, Errc::dns_bogus);
  conf::Resolver config;
  config.forward_to = {"127.0.0.1@53"};
  const auto verdict = run_awaitable(run_self_test(dns, config));
  EXPECT_EQ(verdict.result, SelfTestResult::failed);
  EXPECT_THAT(describe(verdict), AllOf(HasSubstr("the upstream 127.0.0.1@53 strips DNSSEC records"),
                                       HasSubstr("A isc.org"), Not(HasSubstr("google"))));
}

}  // namespace
}  // namespace fulmar::resolver
