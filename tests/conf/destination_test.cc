// Rules for single destinations: what may be written, and which entry applies to whom.
#include "conf/destination.h"

#include <algorithm>

#include "tests/conf/loading.h"

namespace fulmar::conf {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr year_month_day kToday{std::chrono::year(2026), std::chrono::month(11),
                                std::chrono::day(22)};

MailHost domain(std::string_view name) {
  return Domain::parse(name).value();
}

TEST(DomainPattern, matches_itself_names_below_or_all) {
  struct Case {
    std::string_view pattern;
    std::string_view name;
    bool matches;
  };
  const Case cases[] = {
      {"example.com", "example.com", true},      {"Example.COM", "example.com", true},
      {"example.com", "a.example.com", false},   {".example.com", "a.example.com", true},
      {".example.com", "a.b.example.com", true}, {".example.com", "example.com", false},
      {".example.com", "badexample.com", false}, {"*", "example.com", true},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(DomainPattern::parse(each.pattern)->matches(domain(each.name)), each.matches)
        << each.pattern << ' ' << each.name;
  }
  const MailHost literal = IpAddress::parse("192.0.2.1").value();
  EXPECT_TRUE(DomainPattern::parse("*")->matches(literal));
  EXPECT_FALSE(DomainPattern::parse(".example.com")->matches(literal));
}

TEST(DomainPattern, other_forms_are_refused) {
  for (const std::string_view text : {"", ".", "..example.com", "*.example.com", "a b"}) {
    EXPECT_FALSE(DomainPattern::parse(text)) << text;
  }
}

TEST(Relay, forms_of_a_next_hop) {
  struct Case {
    std::string_view text;
    std::string_view shown;
    Relay::Lookup lookup;
  };
  const Case cases[] = {
      {"[smtp.example]:587", "[smtp.example]:587", Relay::Lookup::address},
      {"[smtp.example]", "[smtp.example]:25", Relay::Lookup::address},
      {"smtp.example", "smtp.example:25", Relay::Lookup::mx},
      {"smtp.example:2525", "smtp.example:2525", Relay::Lookup::mx},
      {"[192.0.2.1]:26", "[192.0.2.1]:26", Relay::Lookup::address},
      {"[2001:db8::1]", "[2001:db8::1]:25", Relay::Lookup::address},
      {"[IPv6:2001:db8::1]:587", "[2001:db8::1]:587", Relay::Lookup::address},
  };
  for (const Case& each : cases) {
    const auto relay = Relay::parse(each.text);
    ASSERT_TRUE(relay) << each.text;
    EXPECT_EQ(relay->str(), each.shown);
    EXPECT_EQ(relay->lookup, each.lookup);
    EXPECT_EQ(Relay::parse(relay->str()), relay);
  }
}

TEST(Relay, malformed_ones_are_refused) {
  for (const std::string_view text :
       {"[smtp.example", "[smtp.example]587", "smtp.example:", "smtp.example:0",
        "smtp.example:65536", "smtp.example:x", "192.0.2.1", "192.0.2.1:25", "2001:db8::1", "[]",
        "[.]:25", "a b"}) {
    EXPECT_FALSE(Relay::parse(text)) << text;
  }
}

TEST(Destination, the_first_match_wins_while_it_lasts) {
  const Config config = config_from(R"(
[[destination]]
domain = "partner.example"
tls = "may"
until = 2026-11-21
[[destination]]
domain = "partner.example"
tls = "encrypt"
until = 2026-11-22
[[destination]]
domain = ".partner.example"
tls = "secure"
[[destination]]
domain = "*"
tls = "dane"
)");
  const auto rule = [&](const MailHost& host, sys_days day) {
    const auto found = std::ranges::find_if(
        config.destinations, [&](const Destination& entry) { return applies(entry, host, day); });
    return std::string(found == config.destinations.end() ? "none at all" : to_string(found->tls));
  };
  EXPECT_EQ(rule(domain("partner.example"), sys_days(kToday) - std::chrono::days(1)), "may");
  EXPECT_EQ(rule(domain("partner.example"), sys_days(kToday)), "encrypt") << "its last day";
  EXPECT_EQ(rule(domain("partner.example"), sys_days(kToday) + std::chrono::days(1)), "dane");
  EXPECT_EQ(rule(domain("a.partner.example"), sys_days(kToday)), "secure");
  EXPECT_EQ(rule(domain("other.example"), sys_days(kToday)), "dane");
}

TEST(DestinationKeys, an_entry_arrives_whole_and_knows_its_line) {
  const Config config = config_from(R"(
[[destination]]
domain = ".partner.example"
tls = "secure"
tls_match = ["mx.partner.example", ".hosts.example"]
relay = "[smtp.partner.example]:587"
auth_file = "/a"
until = 2027-01-31
comment = "why"
)");
  ASSERT_EQ(config.destinations.size(), 1U);
  const Destination& entry = config.destinations[0];
  EXPECT_EQ(entry.domain.str(), ".partner.example");
  EXPECT_EQ(entry.tls, TlsRule::secure);
  ASSERT_EQ(entry.tls_match.size(), 2U);
  EXPECT_EQ(entry.tls_match[1].str(), ".hosts.example");
  EXPECT_EQ(entry.relay->str(), "[smtp.partner.example]:587");
  EXPECT_EQ(entry.auth_file, "/a");
  EXPECT_EQ(entry.until->day(), std::chrono::day(31));
  EXPECT_EQ(entry.comment, "why");
  EXPECT_EQ(entry.where, "f.toml:2");
}

TEST(DestinationKeys, faults_have_their_place) {
  struct Case {
    std::string_view lines;
    std::string_view want;
  };
  const Case cases[] = {
      {"tls = \"may\"", "f.toml:1:1: destination[0].domain: needed"},
      {"domain = \"*.example\"", "f.toml:2:10: destination[0].domain: must be a domain name"},
      {"domain = \"*\"\ntls = \"strict\"", "f.toml:3:7: destination[0].tls: must be"},
      {"domain = \"*\"\nuntil = \"2027-01-31\"",
       "f.toml:3:9: destination[0].until: must be a date such as 2027-01-31, without quotes"},
      {"domain = \"*\"\nuntil = 2027-01-31T00:00:00Z", "must be a date such as"},
      {"domain = \"*\"\nrelay = \"192.0.2.1:25\"", "brackets belong around an address"},
      {"domain = \"*\"\ntls_match = [\"a.example\"]",
       "f.toml:3:13: destination[0].tls_match: counts with tls = \"secure\" only"},
      {"domain = \"*\"\nauth_file = \"/a\"", "destination[0].auth_file: counts with a relay only"},
      {"domain = \"*\"\nrelay = \"[a.example]\"\nauth_file = \"/a\"\ntls = \"may\"",
       "f.toml:5:7: destination[0].tls: must be omitted"},
      {"domain = \"*\"\nrelay = \"[192.0.2.1]\"\ntls = \"secure\"",
       "destination[0].tls_match: needed, because the relay is an address"},
  };
  for (const Case& each : cases) {
    EXPECT_THAT(errors_of("[[destination]]\n" + std::string(each.lines)),
                ElementsAre(HasSubstr(std::string(each.want))))
        << each.lines;
  }
}

TEST(FailureKeys, a_rule_has_an_action_and_a_time) {
  const Config config = config_from(
      "[failure]\ndane-mismatch = { action = \"bounce\" }\ndns = { give_up_after = \"1d\" }");
  EXPECT_EQ(config.retry.failure.dane_mismatch.action, FailureAction::bounce);
  EXPECT_EQ(config.retry.failure.dns.action, FailureAction::defer);
  EXPECT_EQ(config.retry.failure.dns.give_up_after, milliseconds(86'400'000));
  EXPECT_EQ(config.retry.failure.requiretls.action, FailureAction::bounce) << "RFC 8689 §4.2.1";
  EXPECT_THAT(errors_of("[failure]\ndns = \"bounce\""),
              ElementsAre(HasSubstr("f.toml:2:7: failure.dns: must be a table such as")));
  EXPECT_THAT(
      errors_of("[failure]\ndns = { action = \"drop\", after = 1, give_up_after = \"0s\" }"),
      ElementsAre(HasSubstr("must be \"defer\" or \"bounce\""), HasSubstr("unknown key \"after\""),
                  HasSubstr("must be 1s to 30d")));
}

}  // namespace
}  // namespace fulmar::conf
