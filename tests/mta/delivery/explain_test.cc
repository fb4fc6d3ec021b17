// `fulmar explain`: what counts as deliverable, and what an operator may name.
#include "mta/delivery/explain.h"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tests/mta/delivery/courier_world.h"

namespace fulmar::delivery {
namespace {

namespace json = boost::json;
using resolver::RecordType;
using resolver::Security;
using ::testing::IsEmpty;

class ExplainTest : public CourierWorld {
 protected:
  json::value explain_site(std::string_view name, control::Connect connect) {
    return explain_host(MailHost(domain(name)), connect);
  }
  json::value explain_host(MailHost destination, control::Connect connect) {
    const AttemptParts parts{.planner = planner_, .context = *context_, .clock = clock_};
    return json::parse(json::serialize(
        run(explain(parts, make_attempt_settings(), std::move(destination), connect))));
  }
  void add_reachable(std::string_view name) {
    const std::string host = "mx1." + std::string(name);
    resolver_.add_mx(name, 10, host);
    resolver_.add_a(host, {"127.77.0.1"});
  }
};

TEST_F(ExplainTest, a_usable_host_makes_it_deliverable) {
  add_reachable("b.example");
  const json::value answer = explain_site("b.example", control::Connect::no);
  EXPECT_EQ(answer.at("domain"), "b.example");
  EXPECT_EQ(answer.at("deliverable"), true);
  EXPECT_TRUE(answer.at("failure").is_null());
  ASSERT_EQ(answer.at("hosts").as_array().size(), 1U);
  EXPECT_EQ(answer.at("hosts").at(0).at("action"), "use");
  EXPECT_TRUE(answer.at("hosts").at(0).at("connect").is_null());
}

TEST_F(ExplainTest, a_domain_that_takes_no_mail_is_not) {
  resolver_.add_mx("b.example", 0, ".");
  const json::value answer = explain_site("b.example", control::Connect::yes);
  EXPECT_EQ(answer.at("deliverable"), false);
  EXPECT_EQ(answer.at("failure").at("class"), "null-mx");
  EXPECT_THAT(answer.at("hosts").as_array(), IsEmpty());
}

TEST_F(ExplainTest, one_usable_host_among_skipped_ones_suffices) {
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_mx("b.example", 20, "mx2.b.example");
  resolver_.add_a("mx1.b.example", {"127.0.0.1"});
  resolver_.add_a("mx2.b.example", {"127.77.0.1"});
  const json::value answer = explain_site("b.example", control::Connect::no);
  EXPECT_EQ(answer.at("deliverable"), true);
  EXPECT_TRUE(answer.at("failure").is_null());
  EXPECT_EQ(answer.at("hosts").at(0).at("action"), "skip");
  EXPECT_EQ(answer.at("hosts").at(1).at("action"), "use");
}

TEST_F(ExplainTest, when_all_hosts_are_skipped_the_most_telling_failure_is_told) {
  resolver_.add_mx("b.example", 10, "mx1.b.example", Security::secure);
  resolver_.add_mx("b.example", 20, "mx2.b.example", Security::secure);
  resolver_.add_a("mx2.b.example", {"127.77.0.1"}, Security::secure);
  resolver_.fail("_25._tcp.mx2.b.example", RecordType::tlsa, Errc::dns_bogus);
  const json::value answer = explain_site("b.example", control::Connect::no);
  EXPECT_EQ(answer.at("deliverable"), false);
  EXPECT_EQ(answer.at("failure").at("class"), "dane-lookup");
}

TEST_F(ExplainTest, a_host_that_does_not_answer_is_not_deliverable_when_connecting) {
  add_reachable("b.example");
  const json::value answer = explain_site("b.example", control::Connect::yes);
  EXPECT_EQ(answer.at("deliverable"), false);
  EXPECT_EQ(answer.at("failure").at("class"), "connect-failed");
  const json::value& probe = answer.at("hosts").at(0).at("connect");
  EXPECT_EQ(probe.at("ok"), false);
  EXPECT_EQ(probe.at("address"), "127.77.0.1");
  EXPECT_EQ(probe.at("tls"), "none");
  EXPECT_EQ(probe.at("failure").at("class"), "connect-failed");
}

TEST_F(ExplainTest, without_connecting_nobody_is_connected_to) {
  add_reachable("b.example");
  const json::value answer = explain_site("b.example", control::Connect::no);
  EXPECT_TRUE(answer.at("hosts").at(0).at("connect").is_null());
  EXPECT_EQ(answer.at("deliverable"), true);
}

TEST_F(ExplainTest, hosts_that_may_not_be_used_are_not_connected_to) {
  add_site("b.example", Security::insecure);
  const json::value answer = explain_site("b.example", control::Connect::yes);
  EXPECT_TRUE(answer.at("hosts").at(0).at("connect").is_null());
}

TEST_F(ExplainTest, STS_02_a_literal_has_one_host_without_a_name) {
  const json::value answer =
      explain_host(MailHost(IpAddress::parse("127.77.0.1").value()), control::Connect::no);
  EXPECT_EQ(answer.at("domain"), "[127.77.0.1]");
  EXPECT_EQ(answer.at("deliverable"), true);
  ASSERT_EQ(answer.at("hosts").as_array().size(), 1U);
  EXPECT_EQ(answer.at("hosts").at(0).at("rule"), "address-literal");
  EXPECT_THAT(resolver_.queries(), IsEmpty());
}

// Targets.

struct Target {
  std::string name;
  std::string text;
  std::string want;  ///< Empty: refused.
};
class ParseTarget : public ::testing::TestWithParam<Target> {};

TEST_P(ParseTarget, takes_domains_addresses_and_literals) {
  const auto parsed = parse_target(GetParam().text);
  if (GetParam().want.empty()) {
    ASSERT_FALSE(parsed.has_value()) << to_string(*parsed);
    EXPECT_EQ(parsed.error().code, Errc::invalid_argument);
    return;
  }
  ASSERT_TRUE(parsed.has_value()) << to_string(parsed.error());
  EXPECT_EQ(to_string(*parsed), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    table, ParseTarget,
    ::testing::Values(Target{"domain", "b.example", "b.example"},
                      Target{"domain_in_capitals", "B.Example.", "b.example"},
                      Target{"domain_with_umlaut", "bücher.example", "xn--bcher-kva.example"},
                      Target{"address", "you@b.example", "b.example"},
                      Target{"quoted_address", "\"you@home\"@b.example", "b.example"},
                      Target{"literal", "[192.0.2.1]", "[192.0.2.1]"},
                      Target{"literal_v6", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
                      Target{"address_at_literal", "you@[192.0.2.1]", "[192.0.2.1]"},
                      Target{"nothing", "", ""}, Target{"only_at", "@", ""},
                      Target{"no_domain", "you@", ""}, Target{"no_local_part", "@b.example", ""},
                      Target{"space", "b example", ""}, Target{"line_break", "b.example\r\nx", ""},
                      Target{"broken_literal", "[192.0.2", ""},
                      Target{"empty_label", "b..example", ""}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace fulmar::delivery
