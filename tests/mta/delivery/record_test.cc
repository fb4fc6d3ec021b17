// The decision record: its shape, its bound, and its words.
#include "mta/delivery/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/mta/delivery/fake_mta_sts.h"
#include "tests/mta/delivery/run.h"

namespace fulmar::delivery {
namespace {

namespace json = boost::json;
using resolver::RecordType;
using resolver::Security;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordTest : public ::testing::Test {
 protected:
  static Domain domain(std::string_view name) { return Domain::parse(name).value(); }
  /// Numbers as they are after one trip through text.
  static json::value settled(const json::object& object) {
    return json::parse(json::serialize(object));
  }
  static std::string joined(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines)
      all += line + '\n';
    return all;
  }

  Route find(std::string_view name) { return run(planner_.find_route(MailHost(domain(name)))); }
  HostPlan plan(const Route& route) { return run(planner_.plan_host(route, 0)); }
  void add_site(Security security) {
    resolver_.add_mx("b.example", 10, "mx1.b.example", security);
    resolver_.add_a("mx1.b.example", {"9.9.9.1"}, security);
  }
  void add_tlsa() {
    resolver_.add_tlsa(
        "_25._tcp.mx1.b.example",
        {.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, '\x0a')});
  }
  /// As attempts make it: the route, and the hosts with their connections.
  static json::object record_of(const Route& route, const HostPlan& plan) {
    json::object record = to_json(route);
    record["hosts"] = json::array{to_json(plan)};
    return record;
  }
  static json::object& host_of(json::object& record) {
    return record["hosts"].as_array().front().as_object();
  }

  resolver::FakeResolver resolver_;
  FakeMtaSts sts_;
  std::unique_ptr<Random> random_ = make_seeded_random(1);
  fakes::FakeClock clock_;
  Metrics metrics_;
  Troubles troubles_{clock_};
  Planner planner_{{resolver_, sts_, *random_, clock_, metrics_, troubles_},
                   {.own_name = Domain::parse("relay.example").value(), .allow_networks = {}}};
};

tls::StsLookup enforced_lookup() {
  tls::StsLookup lookup = make_lookup(make_policy(tls::StsMode::enforce, {"*.b.example"}));
  lookup.entry.policy_id = "20261121";
  lookup.entry.policy_text = "version: STSv1\n";
  lookup.entry.fetched_at = UtcTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20));
  lookup.entry.expires_at = UtcTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 27));
  return lookup;
}

// Shapes.

TEST_F(RecordTest, a_failure_has_class_status_and_detail) {
  EXPECT_EQ(to_json(make_error(Errc::null_mx, "takes no mail")),
            json::parse(R"({"class": "null-mx", "status": "5.1.10", "detail": "takes no mail"})"));
}

TEST_F(RecordTest, a_route_without_policy) {
  add_site(Security::secure);
  EXPECT_EQ(settled(to_json(find("b.example"))), json::parse(R"({
    "domain": "b.example", "next_hop": "b.example", "rule": null, "demand": "none",
    "failure": null, "mx": {"security": "secure", "implicit": false},
    "mta_sts": {"mode": null, "source": "none", "trouble": null}})"));
}

TEST_F(RecordTest, a_route_with_policy) {
  resolver_.add_a("b.example", {"9.9.9.1"});
  tls::StsLookup lookup = enforced_lookup();
  lookup.trouble = make_error(Errc::timeout, "no answer in time");
  sts_.set("b.example", lookup);
  EXPECT_EQ(settled(to_json(find("b.example"))), json::parse(R"({
    "domain": "b.example", "next_hop": "b.example", "rule": null, "demand": "none",
    "failure": null, "mx": {"security": "insecure", "implicit": true},
    "mta_sts": {"mode": "enforce", "source": "cached",
                "trouble": {"class": "timeout", "status": "4.4.0", "detail": "no answer in time"},
                "id": "20261121", "mx": ["*.b.example"], "max_age_seconds": 604800,
                "fetched_at": "2026-11-20T00:00:00.000Z", "expires_at": "2026-11-27T00:00:00.000Z",
                "text": "version: STSv1\n"}})"));
}

TEST_F(RecordTest, a_route_that_failed) {
  const json::value record = settled(to_json(find("nowhere.example")));
  EXPECT_EQ(record.at("failure").at("class"), "domain-not-found");
  EXPECT_EQ(record.at("failure").at("status"), "5.1.2");
  EXPECT_EQ(record.at("domain"), "nowhere.example");
}

TEST_F(RecordTest, a_literal_is_written_as_in_an_address) {
  const Route route =
      run(planner_.find_route(MailHost(IpAddress::parse("2606:4700::1111").value())));
  EXPECT_EQ(to_json(route)["domain"], "[IPv6:2606:4700::1111]");
}

TEST_F(RecordTest, a_host_under_dane) {
  add_site(Security::secure);
  add_tlsa();
  const HostPlan host = plan(find("b.example"));
  json::value want = json::parse(R"({
    "host": "mx1.b.example", "preference": 10, "addresses": ["9.9.9.1"],
    "address_security": "secure",
    "tlsa": {"status": "usable", "base": "mx1.b.example", "published": 1, "failure": null,
             "records": ["3 1 1 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"]},
    "action": "use", "port": 25, "level": "dane", "enforced": true, "waived": null,
    "rule": "dane", "failure": null})");
  want.as_object()["reason"] = host.decision.reason;
  want.as_object()["reference"] = host.decision.reference;
  EXPECT_EQ(settled(to_json(host)), want);
}

TEST_F(RecordTest, a_host_that_is_skipped) {
  add_site(Security::secure);
  resolver_.fail("_25._tcp.mx1.b.example", RecordType::tlsa, Errc::dns_servfail);
  const json::value host = settled(to_json(plan(find("b.example"))));
  EXPECT_EQ(host.at("action"), "skip");
  EXPECT_EQ(host.at("failure").at("class"), "dane-lookup");
  EXPECT_EQ(host.at("tlsa").at("status"), "lookup-failed");
  EXPECT_EQ(host.at("tlsa").at("failure").at("class"), "dane-lookup");
}

TEST_F(RecordTest, a_host_with_refused_addresses_only_is_skipped_too) {
  resolver_.add_mx("b.example", 10, "mx1.b.example");
  resolver_.add_a("mx1.b.example", {"127.0.0.1"});
  const json::value host = settled(to_json(plan(find("b.example"))));
  EXPECT_EQ(host.at("action"), "skip") << "whatever the decision about TLS would be";
  EXPECT_EQ(host.at("failure").at("class"), "address-refused");
}

TEST_F(RecordTest, a_session_in_clear) {
  Conversation conversation;
  SessionReport& report = conversation.session;
  report.result.stage = smtp::Stage::rcpt;
  report.result.failure = make_error(Errc::remote_temporary, "busy");
  json::object record;
  describe_conversation(conversation, record);
  EXPECT_EQ(settled(record), json::parse(R"({"tls": "none", "stage": "rcpt",
    "failure": {"class": "remote-temporary", "status": "4.0.0", "detail": "busy"}})"));
}

tls::VerifyOutcome verified_by_dane() {
  tls::VerifyOutcome verified{.achieved = tls::TlsLevel::dane,
                              .protocol = "TLSv1.3",
                              .cipher = "TLS_AES_256_GCM_SHA384",
                              .matched_record = "3 1 1 0a0a"};
  verified.chain.push_back({.subject = "CN=mx1.b.example",
                            .issuer = "CN=an authority",
                            .names = {"mx1.b.example", "mx2.b.example"},
                            .spki_sha256 = "beef"});
  verified.chain.push_back({.subject = "CN=an authority", .issuer = {}, .spki_sha256 = {}});
  return verified;
}

TEST_F(RecordTest, a_session_under_tls_shows_the_leaf) {
  Conversation conversation;
  SessionReport& report = conversation.session;
  report.result.tls = true;
  report.result.stage = smtp::Stage::quit;
  report.verified = verified_by_dane();
  json::object record;
  describe_conversation(conversation, record);
  EXPECT_EQ(settled(record), json::parse(R"({"tls": "dane", "stage": "quit", "failure": null,
    "protocol": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "matched_record": "3 1 1 0a0a",
    "certificate": {"subject": "CN=mx1.b.example", "issuer": "CN=an authority",
                    "not_before": "1970-01-01T00:00:00.000Z",
                    "not_after": "1970-01-01T00:00:00.000Z",
                    "names": ["mx1.b.example", "mx2.b.example"], "spki_sha256": "beef"}})"));
}

TEST_F(RecordTest, a_session_that_proved_too_little_is_not_called_protected) {
  Conversation conversation;
  SessionReport& report = conversation.session;
  report.result.tls = false;
  report.verified = verified_by_dane();
  report.verified->failure = make_error(Errc::dane_mismatch, "no TLSA record matches");
  json::object record;
  describe_conversation(conversation, record);
  EXPECT_EQ(record["tls"], "none");
  EXPECT_EQ(record["certificate"].at("subject"), "CN=mx1.b.example") << "evidence stays";
}

TEST_F(RecordTest, what_would_have_failed_under_a_testing_policy_is_kept) {
  Conversation conversation;
  SessionReport& report = conversation.session;
  report.result.tls = true;
  report.verified = verified_by_dane();
  report.verified->testing_failure = make_error(Errc::sts_certificate, "self-signed");
  json::object record;
  describe_conversation(conversation, record);
  EXPECT_EQ(record["testing_failure"].at("class"), "sts-certificate");
}

TEST_F(RecordTest, levels_have_the_mail_logs_names) {
  EXPECT_EQ(achieved_label(tls::TlsLevel::opportunistic), "encrypted");
  EXPECT_EQ(achieved_label(tls::TlsLevel::encrypt), "encrypted");
  EXPECT_EQ(achieved_label(tls::TlsLevel::sts), "sts");
  EXPECT_EQ(achieved_label(tls::TlsLevel::dane_host_only), "dane-host-only");
  EXPECT_EQ(achieved_label(tls::TlsLevel::dane), "dane");
}

// The bound.

TEST_F(RecordTest, a_small_record_is_stored_as_it_is) {
  add_site(Security::insecure);
  sts_.set("b.example", enforced_lookup());
  const Route route = find("b.example");
  const json::object record = record_of(route, plan(route));
  EXPECT_EQ(json::parse(serialize_record(record)), settled(record));
}

TEST_F(RecordTest, the_policys_text_goes_first) {
  add_site(Security::insecure);
  tls::StsLookup lookup = enforced_lookup();
  lookup.entry.policy_text = std::string(kMaxRecord, 'x');
  sts_.set("b.example", lookup);
  const Route route = find("b.example");
  const std::string text = serialize_record(record_of(route, plan(route)));
  EXPECT_LE(text.size(), kMaxRecord);
  const json::value stored = json::parse(text);
  EXPECT_FALSE(stored.at("mta_sts").as_object().contains("text"));
  EXPECT_EQ(stored.at("mta_sts").at("id"), "20261121");
  EXPECT_EQ(stored.at("hosts").as_array().size(), 1U);
}

TEST_F(RecordTest, then_the_least_preferred_hosts_go_and_it_says_so) {
  for (std::uint16_t i = 1; i <= 60; ++i) {
    const std::string name = "mx" + std::to_string(i) + ".b.example";
    resolver_.add_mx("b.example", i, name);
    resolver_.add_a(name, {"9.9.9.1"});
  }
  const Route route = find("b.example");
  json::object record = to_json(route);
  json::array hosts;
  for (std::size_t i = 0; i < host_count(route); ++i)
    hosts.push_back(to_json(run(planner_.plan_host(route, i))));
  record["hosts"] = hosts;
  const std::string text = serialize_record(record);
  EXPECT_LE(text.size(), kMaxRecord);
  const json::value stored = json::parse(text);
  EXPECT_EQ(stored.at("hosts_left_out"), true);
  const json::array& left = stored.at("hosts").as_array();
  ASSERT_GT(left.size(), 5U);
  ASSERT_LT(left.size(), 60U);
  EXPECT_EQ(left.front().at("host"), "mx1.b.example");
  EXPECT_EQ(left.back().at("host").as_string(), "mx" + std::to_string(left.size()) + ".b.example");
}

TEST_F(RecordTest, redteam_15_of_many_TLSA_records_the_first_are_shown) {
  HostPlan plan;
  for (int i = 0; i < 50; ++i)
    plan.tlsa.published.push_back({3, 1, 1, std::string(32, 'x')});
  const json::object record = to_json(plan);
  const json::value& tlsa = record.at("tlsa");
  EXPECT_EQ(tlsa.at("records").as_array().size(), 20U);
  EXPECT_EQ(tlsa.at("published"), 50U);
}

TEST_F(RecordTest, a_policy_with_a_long_list_of_hosts_does_not_cost_the_whole_record) {
  add_site(Security::insecure);
  std::vector<std::string> allowed;
  for (int i = 0; i < 1000; ++i)
    allowed.push_back("mail-host-" + std::to_string(i) + ".c.example");
  sts_.set("b.example", make_lookup(make_policy(tls::StsMode::enforce, allowed)));
  const Route route = find("b.example");
  const std::string text = serialize_record(record_of(route, plan(route)));
  EXPECT_LE(text.size(), kMaxRecord);
  const json::value stored = json::parse(text);
  ASSERT_TRUE(stored.as_object().contains("domain")) << text;
  EXPECT_EQ(stored.at("domain"), "b.example");
  ASSERT_EQ(stored.at("hosts").as_array().size(), 1U);
  EXPECT_EQ(stored.at("hosts").at(0).at("failure").at("class"), "sts-mx-mismatch");
  EXPECT_THAT(technical_lines(text), Contains(HasSubstr("MTA-STS: mode enforce")));
}

// Words.

TEST_F(RecordTest, words_show_both_sides_of_a_policy_that_does_not_list_the_host) {
  add_site(Security::insecure);
  tls::StsLookup lookup = enforced_lookup();
  lookup.policy = lookup.entry.policy =
      make_policy(tls::StsMode::enforce, {"one.c.example", "*.d.example"});
  sts_.set("b.example", lookup);
  const Route route = find("b.example");
  const auto lines = technical_lines(serialize_record(record_of(route, plan(route))));
  EXPECT_THAT(lines, Contains("Destination: b.example"));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("MTA-STS: mode enforce, id 20261121, cached"),
                                    HasSubstr("hosts allowed: one.c.example, *.d.example"))));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("Host mx1.b.example (preference 10)"),
                                    HasSubstr("rule sts-mx-mismatch"), HasSubstr("RFC 8461"))));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("not used: sts-mx-mismatch (4.7.5)"),
                                    HasSubstr("mx1.b.example"))));
}

TEST_F(RecordTest, words_show_both_sides_of_a_certificate_that_matches_no_tlsa_record) {
  add_site(Security::secure);
  add_tlsa();
  const Route route = find("b.example");
  json::object record = record_of(route, plan(route));
  Conversation conversation;
  SessionReport& report = conversation.session;
  report.result.failure = make_error(Errc::dane_mismatch, "no TLSA record matches");
  report.result.stage = smtp::Stage::tls;
  report.verified = verified_by_dane();
  json::object connection;
  connection["address"] = "9.9.9.1";
  describe_conversation(conversation, connection);
  host_of(record)["connections"] = json::array{connection};
  const auto lines = technical_lines(serialize_record(record));
  EXPECT_THAT(lines, Contains("MX records: DNSSEC secure"));
  EXPECT_THAT(lines, Contains(HasSubstr("TLSA: usable at mx1.b.example: 3 1 1 0a0a0a")));
  EXPECT_THAT(lines,
              Contains(AllOf(HasSubstr("9.9.9.1: dane-mismatch (4.7.5)"), HasSubstr("[at tls]"))));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("certificate: subject CN=mx1.b.example"),
                                    HasSubstr("issuer CN=an authority"))));
  EXPECT_THAT(lines, Contains(HasSubstr("certificate names: mx1.b.example, mx2.b.example")));
  EXPECT_THAT(lines, Contains(HasSubstr("certificate key (SHA-256): beef")));
}

TEST_F(RecordTest, words_for_a_route_that_failed) {
  const Route route = find("nowhere.example");
  const auto lines = technical_lines(serialize_record(to_json(route)));
  EXPECT_THAT(lines, Contains(HasSubstr("Routing: domain-not-found (5.1.2)")));
  EXPECT_THAT(lines, Contains("MTA-STS: no policy known"));
}

TEST_F(RecordTest, words_for_trouble_on_the_way_to_a_policy) {
  add_site(Security::insecure);
  tls::StsLookup lookup = enforced_lookup();
  lookup.trouble = make_error(Errc::sts_certificate, "self-signed");
  sts_.set("b.example", lookup);
  const auto lines = technical_lines(serialize_record(to_json(find("b.example"))));
  EXPECT_THAT(joined(lines), HasSubstr("on the way: sts-certificate (4.7.5): self-signed"));
}

TEST_F(RecordTest, bytes_that_are_no_record_have_no_words) {
  for (const char* bytes : {"", "{", "[]", "1", "null", "\xff\xfe"})
    EXPECT_THAT(technical_lines(bytes), IsEmpty()) << bytes;
}

TEST_F(RecordTest, members_of_the_wrong_type_do_no_harm) {
  const auto lines = technical_lines(
      R"({"domain": 7, "mx": [], "failure": "x", "mta_sts": {"mode": 1, "mx": {}, "trouble": 3},
          "hosts": [null, 5, {"host": [], "tlsa": 1, "connections": [2, {"failure": 1}]}]})");
  EXPECT_THAT(lines, Contains("Destination: 7"));
}

}  // namespace
}  // namespace fulmar::delivery
