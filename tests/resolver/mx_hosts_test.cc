#include "resolver/mx_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace fulmar::resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Domain domain(std::string_view text) {
  return Domain::parse(text).value();
}

MxRecord mx(std::uint16_t preference, std::string_view exchange) {
  return {preference, domain(exchange)};
}

Answer<MxRecord> answer_of(std::vector<MxRecord> records) {
  return {.existence = Existence::records,
          .security = Security::secure,
          .records = std::move(records),
          .canonical = domain("b.test"),
          .ttl = {}};
}

Result<MxHosts> order(const Answer<MxRecord>& answer, std::uint64_t seed = 1) {
  const auto random = make_seeded_random(seed);
  return order_mx_hosts(domain("b.test"), answer, *random);
}

std::vector<std::string> names(const MxHosts& hosts) {
  std::vector<std::string> result;
  for (const MxHost& host : hosts.hosts)
    result.push_back(host.name.str());
  return result;
}

TEST(MxHosts, SMTP_11_sorted_by_preference) {
  const auto hosts = order(answer_of({mx(30, "c"), mx(10, "a"), mx(20, "b")})).value();
  EXPECT_THAT(names(hosts), ElementsAre("a", "b", "c"));
  EXPECT_FALSE(hosts.implicit);
  EXPECT_EQ(hosts.security, Security::secure);
}

TEST(MxHosts, SMTP_11_equal_preferences_come_in_every_order) {
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    seen.insert(names(order(answer_of({mx(10, "a"), mx(10, "b"), mx(20, "c")}), seed).value()));
  }
  EXPECT_THAT(seen, ElementsAre(ElementsAre("a", "b", "c"), ElementsAre("b", "a", "c")));
}

TEST(MxHosts, SMTP_08_nxdomain_is_permanent) {
  Answer<MxRecord> answer{.existence = Existence::no_domain, .records = {}, .canonical = {}};
  const auto error = order(answer).error();
  EXPECT_EQ(error.code, Errc::domain_not_found);
  EXPECT_EQ(error.retry, Retry::never);
  EXPECT_THAT(error.detail, HasSubstr("b.test"));
}

TEST(MxHosts, SMTP_08_no_data_is_the_implicit_mx) {
  for (const auto security : {Security::insecure, Security::secure}) {
    const auto hosts =
        order({.security = security, .records = {}, .canonical = domain("b.test")}).value();
    EXPECT_TRUE(hosts.implicit);
    EXPECT_THAT(hosts.hosts, ElementsAre(MxHost{domain("b.test"), 0}));
    EXPECT_EQ(hosts.security, security);  // pitfall 36: a secure denial makes full DANE possible
  }
}

TEST(MxHosts, DANE_13_both_names_of_an_aliased_domain_are_kept) {
  auto answer = answer_of({mx(10, "mx.c.test")});
  answer.canonical = domain("c.test");
  EXPECT_EQ(order(answer).value().expanded.str(), "c.test");

  const auto implicit = order({.records = {}, .canonical = domain("c.test")}).value();
  EXPECT_EQ(implicit.expanded.str(), "c.test");
  EXPECT_THAT(names(implicit), ElementsAre("b.test"));
}

TEST(MxHosts, NMX_01_null_mx) {
  EXPECT_EQ(order(answer_of({mx(0, ".")})).error().code, Errc::null_mx);
  EXPECT_EQ(order(answer_of({mx(0, "."), mx(10, ".")})).error().code, Errc::null_mx);
}

TEST(MxHosts, NMX_04_root_target_beside_others_is_ignored) {
  EXPECT_THAT(names(order(answer_of({mx(0, "."), mx(10, "a")})).value()), ElementsAre("a"));
}

TEST(MxHosts, a_host_listed_twice_is_tried_once_at_its_better_place) {
  const auto hosts = order(answer_of({mx(30, "a"), mx(20, "b"), mx(10, "a")})).value();
  EXPECT_THAT(hosts.hosts, ElementsAre(MxHost{domain("a"), 10}, MxHost{domain("b"), 20}));
}

TEST(MxHosts, pitfall_50_500_hosts_are_cut_to_the_best) {
  std::vector<MxRecord> records;
  for (int i = 500; i > 0; --i) {
    records.push_back(mx(static_cast<std::uint16_t>(i), "mx" + std::to_string(i) + ".test"));
  }
  const auto hosts = order(answer_of(std::move(records))).value().hosts;
  ASSERT_EQ(hosts.size(), kMaxMxHosts);
  EXPECT_EQ(hosts.front().preference, 1);
  EXPECT_EQ(hosts.back().preference, kMaxMxHosts);
}

TEST(MxHosts, SMTP_12_own_host_and_worse_are_dropped) {
  struct Case {
    const char* name;
    const char* own;
    std::vector<std::string> want;
  };
  const Case cases[] = {
      {"not listed", "relay.test", {"a", "b", "c"}},
      {"the worst", "c", {"a", "b"}},
      {"in the middle", "b", {"a"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto hosts = order(answer_of({mx(10, "a"), mx(20, "b"), mx(30, "c")})).value();
    EXPECT_EQ(names(drop_own_and_worse(hosts, domain(c.own)).value()), c.want);
  }
}

TEST(MxHosts, SMTP_12_equal_preference_goes_too) {
  const auto hosts = order(answer_of({mx(10, "a"), mx(20, "b"), mx(20, "own")})).value();
  EXPECT_THAT(names(drop_own_and_worse(hosts, domain("own")).value()), ElementsAre("a"));
}

TEST(MxHosts, SMTP_12_nothing_left_is_a_loop) {
  const auto hosts = order(answer_of({mx(10, "own"), mx(20, "b")})).value();
  const auto error = drop_own_and_worse(hosts, domain("own")).error();
  EXPECT_EQ(error.code, Errc::mail_loop);
  EXPECT_EQ(to_string(error.status), "5.4.6");
}

}  // namespace
}  // namespace fulmar::resolver
