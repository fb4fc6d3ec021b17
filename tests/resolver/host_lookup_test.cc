#include "resolver/host_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/fakes/fake_resolver.h"
#include "tests/resolver/run_awaitable.h"

namespace fulmar::resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Type = FakeResolver::Type;
using Strings = std::vector<std::string>;

constexpr auto kSecure = Security::secure;
constexpr auto kInsecure = Security::insecure;

Domain domain(std::string_view text) {
  return Domain::parse(text).value();
}

Strings texts(const std::vector<Domain>& names) {
  Strings result;
  for (const auto& name : names)
    result.push_back(name.str());
  return result;
}

Strings texts(const std::vector<IpAddress>& addresses) {
  Strings result;
  for (const auto& address : addresses)
    result.push_back(address.str());
  return result;
}

HostLookup look_up(FakeResolver& resolver) {
  return run_awaitable(lookup_host(resolver, domain("mx.test")));
}

TlsaLookup look_up_tlsa(FakeResolver& resolver, std::vector<Domain> bases,
                        std::uint16_t port = 25) {
  return run_awaitable(lookup_tlsa(resolver, std::move(bases), port, TlsaSettings{}));
}

TlsaRecord good_tlsa() {
  return {3, 1, 1, std::string(32, 'x')};
}

TEST(TlsaBaseCandidates, DANE_23_to_DANE_26) {
  struct Case {
    const char* name;
    const char* canonical;
    Security chain;
    Security first_link;
    Strings want;
  };
  const Case cases[] = {
      {"DANE-23: no alias, secure", "mx.test", kSecure, kSecure, {"mx.test"}},
      {"DANE-21: no alias, insecure", "mx.test", kInsecure, kInsecure, {}},
      {"DANE-24: first link insecure", "real.test", kInsecure, kInsecure, {}},
      {"DANE-25: only the first link secure", "real.test", kInsecure, kSecure, {"mx.test"}},
      {"DANE-26: secure all along", "real.test", kSecure, kSecure, {"real.test", "mx.test"}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(texts(tlsa_base_candidates(
                  {domain("mx.test"), domain(c.canonical), c.chain, c.first_link})),
              c.want)
        << c.name;
  }
}

struct HostCase {
  const char* name;
  std::function<void(FakeResolver&)> feed;
  Strings addresses;
  Strings bases;
};

void PrintTo(const HostCase& row, std::ostream* out) {
  *out << row.name;
}

template <class Case>
std::string case_name(const testing::TestParamInfo<Case>& row) {
  return row.param.name;
}

class HostLookupTable : public testing::TestWithParam<HostCase> {};

const HostCase kHostCases[] = {
    {"DANE_23_secure_host",
     [](FakeResolver& dns) {
       dns.add_a("mx.test", {"192.0.2.1"}, kSecure);
       dns.add_aaaa("mx.test", {"2001:db8::1"}, kSecure);
     },
     {"2001:db8::1", "192.0.2.1"},
     {"mx.test"}},
    {"DANE_21_insecure_host_has_no_base",
     [](FakeResolver& dns) { dns.add_a("mx.test", {"192.0.2.1"}, kInsecure); },
     {"192.0.2.1"},
     {}},
    {"DANE_22_secure_A_and_bogus_AAAA",
     [](FakeResolver& dns) {
       dns.add_a("mx.test", {"192.0.2.1"}, kSecure);
       dns.fail("mx.test", Type::aaaa, Errc::dns_bogus);
     },
     {"192.0.2.1"},
     {"mx.test"}},
    {"pitfall_33_secure_AAAA_only",
     [](FakeResolver& dns) { dns.add_aaaa("mx.test", {"2001:db8::1"}, kSecure); },
     {"2001:db8::1"},
     {"mx.test"}},
    {"pitfall_33_only_the_secure_familys_addresses_are_used",
     [](FakeResolver& dns) {
       dns.add_a("mx.test", {"192.0.2.1"}, kSecure);
       dns.add_aaaa("mx.test", {"2001:db8::1"}, kInsecure);
     },
     {"192.0.2.1"},
     {"mx.test"}},
    {"insecure_AAAA_and_failed_A",
     [](FakeResolver& dns) {
       dns.add_aaaa("mx.test", {"2001:db8::1"}, kInsecure);
       dns.fail("mx.test", Type::a, Errc::dns_timeout);
     },
     {"2001:db8::1"},
     {}},
    {"DANE_24_insecure_alias",
     [](FakeResolver& dns) {
       dns.add_cname("mx.test", "real.test", kInsecure);
       dns.add_a("real.test", {"192.0.2.1"}, kSecure);
     },
     {"192.0.2.1"},
     {}},
    {"DANE_25_secure_alias_into_an_insecure_zone",
     [](FakeResolver& dns) {
       dns.add_cname("mx.test", "real.test", kSecure);
       dns.add_a("real.test", {"192.0.2.1"}, kInsecure);
     },
     {"192.0.2.1"},
     {"mx.test"}},
    {"DANE_25_secure_alias_then_insecure_alias",
     [](FakeResolver& dns) {
       dns.add_cname("mx.test", "middle.test", kSecure);
       dns.add_cname("middle.test", "real.test", kInsecure);
       dns.add_aaaa("real.test", {"2001:db8::1"}, kSecure);
     },
     {"2001:db8::1"},
     {"mx.test"}},
    {"DANE_26_secure_alias_never_the_intermediate_name",
     [](FakeResolver& dns) {
       dns.add_cname("mx.test", "middle.test", kSecure);
       dns.add_cname("middle.test", "real.test", kSecure);
       dns.add_a("real.test", {"192.0.2.1"}, kSecure);
     },
     {"192.0.2.1"},
     {"real.test", "mx.test"}},
    {"SMTP_11_families_interleaved_in_resolver_order",
     [](FakeResolver& dns) {
       dns.add_a("mx.test", {"192.0.2.9", "192.0.2.1", "192.0.2.5"});
       dns.add_aaaa("mx.test", {"2001:db8::9", "2001:db8::1"});
     },
     {"2001:db8::9", "192.0.2.9", "2001:db8::1", "192.0.2.1", "192.0.2.5"},
     {}},
};

TEST_P(HostLookupTable, gives) {
  FakeResolver dns;
  GetParam().feed(dns);
  const auto host = look_up(dns);
  EXPECT_FALSE(host.error);
  EXPECT_EQ(texts(host.addresses), GetParam().addresses);
  EXPECT_EQ(texts(host.tlsa_bases), GetParam().bases);
  EXPECT_EQ(host.security, GetParam().bases.empty() ? kInsecure : kSecure);
  EXPECT_FALSE(dns.was_asked_for(Type::tlsa));  // DANE-20: addresses first
}

INSTANTIATE_TEST_SUITE_P(HostLookup, HostLookupTable, testing::ValuesIn(kHostCases),
                         case_name<HostCase>);

TEST(HostLookup, DANE_11_cname_is_asked_for_insecure_aliases_only) {
  struct Case {
    const char* name;
    bool alias;
    Security security;
    bool want;
  };
  const Case cases[] = {
      {"insecure alias", true, kInsecure, true},
      {"secure alias", true, kSecure, false},
      {"insecure host", false, kInsecure, false},
      {"secure host", false, kSecure, false},
  };
  for (const auto& c : cases) {
    FakeResolver dns;
    if (c.alias) dns.add_cname("mx.test", "real.test", c.security);
    dns.add_a(c.alias ? "real.test" : "mx.test", {"192.0.2.1"}, c.security);
    const auto host = look_up(dns);
    EXPECT_EQ(dns.was_asked("mx.test", Type::cname), c.want) << c.name;
    EXPECT_EQ(host.canonical.str(), c.alias ? "real.test" : "mx.test");
  }
}

TEST(HostLookup, DANE_08_unknown_security_of_an_alias_makes_the_host_unusable) {
  FakeResolver dns;
  dns.add_cname("mx.test", "real.test", kSecure);
  dns.add_a("real.test", {"192.0.2.1"}, kInsecure);
  dns.fail("mx.test", Type::cname, Errc::dns_timeout);
  const auto host = look_up(dns);
  ASSERT_TRUE(host.error);
  EXPECT_EQ(host.error->code, Errc::dns_timeout);
  EXPECT_THAT(host.addresses, IsEmpty());
  EXPECT_THAT(host.tlsa_bases, IsEmpty());
}

TEST(HostLookup, why_there_is_no_address) {
  struct Case {
    const char* name;
    std::function<void(FakeResolver&)> feed;
    Errc want;
    const char* detail;
  };
  const Case cases[] = {
      {"NXDOMAIN", [](FakeResolver&) {}, Errc::no_addresses, "mx.test does not exist"},
      {"NODATA", [](FakeResolver& dns) { dns.add_txt("mx.test", "x"); }, Errc::no_addresses,
       "neither an A nor an AAAA"},
      {"both fail",
       [](FakeResolver& dns) {
         dns.fail("mx.test", Type::a, Errc::dns_bogus);
         dns.fail("mx.test", Type::aaaa, Errc::dns_timeout);
       },
       Errc::dns_bogus, "A mx.test"},
      {"A fails, AAAA has none",
       [](FakeResolver& dns) {
         dns.add_txt("mx.test", "x");
         dns.fail("mx.test", Type::a, Errc::dns_servfail);
       },
       Errc::dns_servfail, "A mx.test"},
      {"AAAA fails, A has none",
       [](FakeResolver& dns) {
         dns.add_txt("mx.test", "x");
         dns.fail("mx.test", Type::aaaa, Errc::dns_timeout);
       },
       Errc::dns_timeout, "AAAA mx.test"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    FakeResolver dns;
    c.feed(dns);
    const auto host = look_up(dns);
    ASSERT_TRUE(host.error);
    EXPECT_EQ(host.error->code, c.want);
    EXPECT_THAT(host.error->detail, HasSubstr(c.detail));
    EXPECT_THAT(host.addresses, IsEmpty());
    EXPECT_EQ(host.security, kInsecure);
  }
}

TEST(HostLookup, pitfall_50_fifty_addresses_are_cut) {
  FakeResolver dns;
  for (int i = 1; i <= 50; ++i) {
    dns.add_a("mx.test", {"192.0.2." + std::to_string(i)});
    dns.add_aaaa("mx.test", {"2001:db8::" + std::to_string(i)});
  }
  const auto host = look_up(dns);
  ASSERT_EQ(host.addresses.size(), kMaxAddresses);
  EXPECT_EQ(host.addresses[1].family(), AddressFamily::v4);
}

TEST(LookupTlsa, DANE_28_the_port_dialled_is_asked_for) {
  FakeResolver dns;
  dns.add_tlsa("_587._tcp.mx.test", good_tlsa());
  const auto tlsa = look_up_tlsa(dns, {domain("mx.test")}, 587);
  EXPECT_EQ(tlsa.status, TlsaStatus::usable);
  EXPECT_THAT(dns.queries(), ElementsAre("TLSA _587._tcp.mx.test"));
}

TEST(LookupTlsa, DANE_21_without_candidates_nothing_is_asked) {
  FakeResolver dns;
  EXPECT_EQ(look_up_tlsa(dns, {}).status, TlsaStatus::not_applicable);
  EXPECT_THAT(dns.queries(), IsEmpty());
}

struct TlsaCase {
  const char* name;
  std::function<void(FakeResolver&)> feed;
  TlsaStatus want;
  const char* base;
};

void PrintTo(const TlsaCase& row, std::ostream* out) {
  *out << row.name;
}

class LookupTlsaTable : public testing::TestWithParam<TlsaCase> {};

// Candidates are real.test, then mx.test.
const TlsaCase kTlsaCases[] = {
    {"DANE_30_first_candidate_wins",
     [](FakeResolver& dns) {
       dns.add_tlsa("_25._tcp.real.test", good_tlsa());
       dns.fail("_25._tcp.mx.test", Type::tlsa, Errc::dns_servfail);
     },
     TlsaStatus::usable, "real.test"},
    {"DANE_29_absent_means_the_next_candidate",
     [](FakeResolver& dns) { dns.add_tlsa("_25._tcp.mx.test", good_tlsa()); }, TlsaStatus::usable,
     "mx.test"},
    {"DANE_29_insecure_means_the_next_candidate",
     [](FakeResolver& dns) {
       dns.add_tlsa("_25._tcp.real.test", good_tlsa(), kInsecure);
       dns.add_tlsa("_25._tcp.mx.test", good_tlsa());
     },
     TlsaStatus::usable, "mx.test"},
    {"DANE_29_base_stays_the_candidate_when_tlsa_is_an_alias",
     [](FakeResolver& dns) {
       dns.add_cname("_25._tcp.real.test", "_dane.shared.test", kSecure);
       dns.add_tlsa("_dane.shared.test", good_tlsa());
     },
     TlsaStatus::usable, "real.test"},
    {"DANE_29_insecure_alias_of_tlsa_means_the_next_candidate",
     [](FakeResolver& dns) {
       dns.add_cname("_25._tcp.real.test", "_dane.shared.test", kInsecure);
       dns.add_tlsa("_dane.shared.test", good_tlsa());
     },
     TlsaStatus::not_applicable, "."},
    {"DANE_30_none", [](FakeResolver&) {}, TlsaStatus::not_applicable, "."},
    {"DANE_04_secure_denial",
     [](FakeResolver& dns) {
       dns.nxdomain("_25._tcp.real.test", kSecure);
       dns.no_data("_25._tcp.mx.test", kSecure);
     },
     TlsaStatus::not_applicable, "."},
    {"DANE_32_all_unusable_does_not_try_the_next_candidate",
     [](FakeResolver& dns) {
       dns.add_tlsa("_25._tcp.real.test", {1, 1, 1, std::string(32, 'x')});
       dns.add_tlsa("_25._tcp.mx.test", good_tlsa());
     },
     TlsaStatus::unusable, "real.test"},
    {"pitfall_37_only_undecodable_records_are_unusable",
     [](FakeResolver& dns) { dns.add_undecodable_tlsa("_25._tcp.real.test"); },
     TlsaStatus::unusable, "real.test"},
    {"insecure_undecodable_records_do_not_count",
     [](FakeResolver& dns) { dns.add_undecodable_tlsa("_25._tcp.real.test", kInsecure); },
     TlsaStatus::not_applicable, "."},
    {"pitfall_31_servfail",
     [](FakeResolver& dns) { dns.fail("_25._tcp.real.test", Type::tlsa, Errc::dns_servfail); },
     TlsaStatus::lookup_failed, "real.test"},
    {"DANE_08_failure_at_the_second_candidate",
     [](FakeResolver& dns) { dns.fail("_25._tcp.mx.test", Type::tlsa, Errc::dns_timeout); },
     TlsaStatus::lookup_failed, "mx.test"},
    {"DANE_08_failure_is_not_rescued_by_the_next_candidate",
     [](FakeResolver& dns) {
       dns.fail("_25._tcp.real.test", Type::tlsa, Errc::dns_bogus);
       dns.add_tlsa("_25._tcp.mx.test", good_tlsa());
     },
     TlsaStatus::lookup_failed, "real.test"},
};

TEST_P(LookupTlsaTable, gives) {
  FakeResolver dns;
  GetParam().feed(dns);
  const auto tlsa = look_up_tlsa(dns, {domain("real.test"), domain("mx.test")});
  EXPECT_EQ(to_string(tlsa.status), to_string(GetParam().want));
  EXPECT_EQ(tlsa.base, domain(GetParam().base));
  EXPECT_EQ(tlsa.error.has_value(), tlsa.status == TlsaStatus::lookup_failed);
  EXPECT_EQ(tlsa.usable.empty(), tlsa.status != TlsaStatus::usable);
}

INSTANTIATE_TEST_SUITE_P(LookupTlsa, LookupTlsaTable, testing::ValuesIn(kTlsaCases),
                         case_name<TlsaCase>);

TEST(LookupTlsa, pitfall_47_the_failure_keeps_its_reason) {
  FakeResolver dns;
  dns.fail("_25._tcp.mx.test", Type::tlsa, Errc::dns_bogus);
  const auto error = look_up_tlsa(dns, {domain("mx.test")}).error.value();
  EXPECT_EQ(error.code, Errc::dane_lookup);
  EXPECT_EQ(error.retry, Retry::next_host);
  EXPECT_EQ(to_string(error.status), "4.7.5");
  EXPECT_THAT(error.detail, HasSubstr("dns-bogus: TLSA _25._tcp.mx.test"));
}

TEST(LookupTlsa, the_end_of_the_program_is_not_a_failure_of_dane) {
  FakeResolver dns;
  dns.fail("_25._tcp.mx.test", Type::tlsa, Errc::cancelled);
  const auto tlsa = look_up_tlsa(dns, {domain("mx.test")});
  EXPECT_EQ(tlsa.status, TlsaStatus::lookup_failed);
  EXPECT_EQ(tlsa.error.value().code, Errc::cancelled);
}

TEST(LookupTlsa, DANE_38_the_order_of_digests_reaches_the_choice) {
  FakeResolver dns;
  dns.add_tlsa("_25._tcp.mx.test", good_tlsa());
  dns.add_tlsa("_25._tcp.mx.test", {3, 1, 2, std::string(64, 'x')});
  const TlsaSettings settings{.digests = {conf::Digest::sha256, conf::Digest::sha512}};
  const auto turned = run_awaitable(lookup_tlsa(dns, {domain("mx.test")}, 25, settings));
  EXPECT_THAT(turned.usable, ElementsAre(good_tlsa()));
  EXPECT_EQ(look_up_tlsa(dns, {domain("mx.test")}).usable.at(0).matching_type, 2);
}

TEST(LookupTlsa, redteam_15_more_records_than_anybody_needs_are_a_failed_lookup) {
  FakeResolver dns;
  for (std::size_t i = 0; i < kMaxTlsaRecords; ++i)
    dns.add_tlsa("_25._tcp.mx.test", {3, 1, 1, std::string(31, 'x') + static_cast<char>(i)});
  EXPECT_EQ(look_up_tlsa(dns, {domain("mx.test")}).usable.size(), kMaxTlsaRecords);
  dns.add_tlsa("_25._tcp.mx.test", good_tlsa());
  const auto tlsa = look_up_tlsa(dns, {domain("mx.test")});
  EXPECT_EQ(tlsa.status, TlsaStatus::lookup_failed);
  EXPECT_EQ(tlsa.error.value().code, Errc::dane_lookup);
  EXPECT_THAT(tlsa.usable, IsEmpty());
}

TEST(LookupTlsa, pitfall_42_a_fresh_lookup_finds_what_the_cache_does_not) {
  FakeResolver dns;
  const TlsaRecord renewed{3, 1, 1, std::string(32, 'y')};
  dns.add_tlsa("_25._tcp.mx.test", good_tlsa());
  dns.set_fresh_tlsa("_25._tcp.mx.test", {renewed});
  const TlsaSettings fresh{.source = TlsaSettings::Source::fresh};
  const auto found = run_awaitable(lookup_tlsa(dns, {domain("mx.test")}, 25, fresh));
  EXPECT_EQ(found.status, TlsaStatus::usable);
  EXPECT_THAT(found.usable, ElementsAre(renewed));
  EXPECT_THAT(dns.queries(), IsEmpty());
  EXPECT_THAT(dns.fresh_queries(), ElementsAre("TLSA _25._tcp.mx.test"));
  EXPECT_THAT(look_up_tlsa(dns, {domain("mx.test")}).usable, ElementsAre(good_tlsa()));
}

TEST(LookupTlsa, pitfall_42_a_fresh_lookup_that_is_not_due_says_so) {
  FakeResolver dns;
  dns.add_tlsa("_25._tcp.mx.test", good_tlsa());
  dns.fail_fresh_tlsa("_25._tcp.mx.test", Errc::limit);
  const TlsaSettings fresh{.source = TlsaSettings::Source::fresh};
  const auto limited = run_awaitable(lookup_tlsa(dns, {domain("mx.test")}, 25, fresh));
  EXPECT_EQ(limited.status, TlsaStatus::lookup_failed);
  EXPECT_EQ(limited.error.value().code, Errc::limit);
}

TEST(LookupTlsa, a_base_too_long_for_the_prefix_cannot_have_records) {
  FakeResolver dns;
  const std::string label(61, 'a');
  const auto base = domain(label + '.' + label + '.' + label + '.' + label);
  EXPECT_EQ(look_up_tlsa(dns, {base}).status, TlsaStatus::not_applicable);
  EXPECT_THAT(dns.queries(), IsEmpty());
}

TEST(LookupTlsa, ttl_is_the_shortest_of_what_was_used) {
  FakeResolver dns;
  dns.set_ttl(std::chrono::seconds(60));
  EXPECT_EQ(look_up_tlsa(dns, {domain("mx.test")}).ttl, std::chrono::seconds(60));
}

}  // namespace
}  // namespace fulmar::resolver
