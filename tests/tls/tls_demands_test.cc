// The decision table, second half: an operator's rule, and what the message asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tls/tls_policy.h"

namespace fulmar::tls {
namespace {

using conf::TlsRule;
using resolver::Security;
using resolver::TlsaStatus;

Domain name(const char* text) {
  return Domain::parse(text).value();
}

StsPolicy policy(StsMode mode, const char* listed = "mx.example.net") {
  return {mode, std::chrono::seconds(86'400), {MxPattern{name(listed), false}}};
}

void usable(TlsPolicyInputs& in) {
  in.tlsa.status = TlsaStatus::usable;
  in.tlsa.base = name("mx.example.net");
  in.tlsa.usable = in.tlsa.published = {{3, 1, 1, std::string(32, 'x')}};
}

void failed(TlsPolicyInputs& in) {
  in.tlsa.status = TlsaStatus::lookup_failed;
  in.tlsa.error = make_error(Errc::dane_lookup, "SERVFAIL");
}

void insecure(TlsPolicyInputs& in) {
  in.mx_security = Security::insecure;
}

/// A secure MX record to a host about which nothing else is known.
TlsPolicyInputs ordinary() {
  TlsPolicyInputs in;
  in.policy_domain = in.policy_domain_expanded = name("example.com");
  in.mx_security = Security::secure;
  in.host = name("mx.example.net");
  return in;
}

struct Want {
  std::string_view rule;
  TlsLevel level = TlsLevel::opportunistic;
  std::optional<Errc> failure = std::nullopt;
  std::vector<std::string> pkix_names = {};
  bool enforced = true;
  bool requiretls = false;
  bool by_rule = false;
  std::optional<Errc> waived = std::nullopt;
};

struct Case {
  const char* name;
  std::function<void(TlsPolicyInputs&)> change;
  Want want;
};

class TlsDemandsTable : public ::testing::TestWithParam<Case> {};

TEST_P(TlsDemandsTable, Decides) {
  TlsPolicyInputs in = ordinary();
  GetParam().change(in);
  const Want& want = GetParam().want;
  const TlsDecision got = decide_tls_policy(in);
  EXPECT_EQ(got.rule, want.rule);
  EXPECT_EQ(to_string(got.level), to_string(want.level));
  EXPECT_EQ(got.action, want.failure ? HostAction::skip : HostAction::use);
  EXPECT_EQ(got.failure ? std::optional(got.failure->code) : std::nullopt, want.failure);
  std::vector<std::string> names;
  for (const auto& pattern : got.pkix_names)
    names.push_back(pattern.str());
  EXPECT_EQ(names, want.pkix_names);
  EXPECT_EQ(got.enforced, want.enforced);
  EXPECT_EQ(got.requiretls, want.requiretls);
  EXPECT_EQ(got.by_rule, want.by_rule);
  EXPECT_EQ(got.waived ? std::optional(got.waived->code) : std::nullopt, want.waived);
  EXPECT_FALSE(got.reason.empty());
  EXPECT_FALSE(got.reference.empty());
}

std::function<void(TlsPolicyInputs&)> ruled(TlsRule rule,
                                            std::function<void(TlsPolicyInputs&)> more = {}) {
  return [=](TlsPolicyInputs& in) {
    in.rule = rule;
    if (more) more(in);
  };
}

std::function<void(TlsPolicyInputs&)> demanding(Demand demand,
                                                std::function<void(TlsPolicyInputs&)> more = {}) {
  return [=](TlsPolicyInputs& in) {
    in.demand = demand;
    if (more) more(in);
  };
}

const std::vector<Case> kRules = {
    {"none_is_never_TLS",
     ruled(TlsRule::none, usable),
     {.rule = "rule-none", .level = TlsLevel::none, .by_rule = true}},
    {"encrypt_asks_neither_DANE_nor_MTA_STS",
     ruled(TlsRule::encrypt, failed),
     {.rule = "rule-encrypt", .level = TlsLevel::encrypt, .by_rule = true}},
    {"secure_goes_by_the_next_hop_domain",
     ruled(TlsRule::secure, insecure),
     {.rule = "rule-secure",
      .level = TlsLevel::secure,
      .pkix_names = {"example.com", ".example.com"},
      .by_rule = true}},
    {"secure_goes_by_the_names_listed",
     ruled(TlsRule::secure,
           [](TlsPolicyInputs& in) {
             in.rule_names = {conf::DomainPattern::parse(".hosts.example").value()};
           }),
     {.rule = "rule-secure",
      .level = TlsLevel::secure,
      .pkix_names = {".hosts.example"},
      .by_rule = true}},
    {"dane_takes_DANE", ruled(TlsRule::dane, usable), {.rule = "dane", .level = TlsLevel::dane}},
    {"dane_without_records_is_opportunistic_whatever_MTA_STS_says",
     ruled(TlsRule::dane,
           [](TlsPolicyInputs& in) { in.sts = policy(StsMode::enforce, "other.example"); }),
     {.rule = "opportunistic"}},
    {"dane_with_a_failed_lookup_skips",
     ruled(TlsRule::dane, failed),
     {.rule = "tlsa-lookup-failed", .level = TlsLevel::dane, .failure = Errc::dane_lookup}},
    {"DANE_51_dane_only_takes_DANE",
     ruled(TlsRule::dane_only, usable),
     {.rule = "dane", .level = TlsLevel::dane, .by_rule = true}},
    {"DANE_51_dane_only_without_records_waits",
     ruled(TlsRule::dane_only),
     {.rule = "rule-dane-only",
      .level = TlsLevel::dane,
      .failure = Errc::dane_required,
      .by_rule = true}},
    {"DANE_51_dane_only_with_unusable_records_waits",
     ruled(TlsRule::dane_only, [](TlsPolicyInputs& in) { in.tlsa.status = TlsaStatus::unusable; }),
     {.rule = "rule-dane-only",
      .level = TlsLevel::dane,
      .failure = Errc::dane_required,
      .by_rule = true}},
    {"DANE_14_dane_only_behind_an_insecure_MX_waits",
     ruled(TlsRule::dane_only,
           [](TlsPolicyInputs& in) {
             usable(in);
             insecure(in);
           }),
     {.rule = "rule-dane-only",
      .level = TlsLevel::dane,
      .failure = Errc::dane_required,
      .by_rule = true}},
    {"dane_only_with_a_failed_lookup_says_so",
     ruled(TlsRule::dane_only, failed),
     {.rule = "tlsa-lookup-failed",
      .level = TlsLevel::dane,
      .failure = Errc::dane_lookup,
      .by_rule = true}},
    {"sts_without_a_policy_waits",
     ruled(TlsRule::sts, usable),
     {.rule = "rule-sts", .level = TlsLevel::sts, .failure = Errc::sts_required, .by_rule = true}},
    {"sts_with_mode_none_waits",
     ruled(TlsRule::sts, [](TlsPolicyInputs& in) { in.sts = policy(StsMode::none); }),
     {.rule = "rule-sts", .level = TlsLevel::sts, .failure = Errc::sts_required, .by_rule = true}},
    {"sts_holds_a_testing_policy_as_if_it_were_enforced",
     ruled(TlsRule::sts,
           [](TlsPolicyInputs& in) {
             usable(in);
             in.sts = policy(StsMode::testing);
           }),
     {.rule = "sts-enforce", .level = TlsLevel::sts, .by_rule = true}},
    {"sts_with_a_host_that_is_not_listed_skips",
     ruled(TlsRule::sts,
           [](TlsPolicyInputs& in) { in.sts = policy(StsMode::testing, "other.example"); }),
     {.rule = "sts-mx-mismatch",
      .level = TlsLevel::sts,
      .failure = Errc::sts_mx_mismatch,
      .by_rule = true}},
    {"DANE_52_may_tries_DANE_and_holds_nothing_back",
     ruled(TlsRule::may, usable),
     {.rule = "dane", .level = TlsLevel::dane, .enforced = false}},
    {"DANE_52_may_tells_of_a_failed_lookup_and_goes_on",
     ruled(TlsRule::may, failed),
     {.rule = "tlsa-lookup-failed", .enforced = false, .waived = Errc::dane_lookup}},
    {"may_tells_of_a_host_that_is_not_listed_and_goes_on",
     ruled(TlsRule::may,
           [](TlsPolicyInputs& in) { in.sts = policy(StsMode::enforce, "other.example"); }),
     {.rule = "sts-mx-mismatch", .enforced = false, .waived = Errc::sts_mx_mismatch}},
    {"DANE_19_a_configured_relay_is_as_good_as_a_secure_MX",
     [](TlsPolicyInputs& in) {
       usable(in);
       insecure(in);
       in.kind = NextHopKind::relay;
     },
     {.rule = "dane", .level = TlsLevel::dane}},
    {"DANE_56_switched_DANE_and_MTA_STS_must_both_hold",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.also_mta_sts = true;
       in.sts = policy(StsMode::enforce);
     },
     {.rule = "dane-and-sts", .level = TlsLevel::dane}},
    {"DANE_56_switched_a_host_that_is_not_listed_is_skipped",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.also_mta_sts = true;
       in.sts = policy(StsMode::enforce, "other.example");
     },
     {.rule = "sts-mx-mismatch", .level = TlsLevel::sts, .failure = Errc::sts_mx_mismatch}},
};
INSTANTIATE_TEST_SUITE_P(Rules, TlsDemandsTable, ::testing::ValuesIn(kRules),
                         [](const auto& row) { return std::string(row.param.name); });

const std::vector<Case> kDemands = {
    {"REQ_04_REQUIRETLS_is_satisfied_by_DANE",
     demanding(Demand::requiretls, usable),
     {.rule = "dane", .level = TlsLevel::dane, .requiretls = true}},
    {"REQ_04_REQUIRETLS_is_satisfied_by_an_enforced_policy",
     demanding(Demand::requiretls,
               [](TlsPolicyInputs& in) {
                 insecure(in);
                 in.sts = policy(StsMode::enforce);
               }),
     {.rule = "sts-enforce", .level = TlsLevel::sts, .requiretls = true}},
    {"REQ_04_a_secure_MX_and_nothing_else_means_a_verified_certificate",
     demanding(Demand::requiretls),
     {.rule = "requiretls",
      .level = TlsLevel::secure,
      .pkix_names = {"mx.example.net"},
      .requiretls = true}},
    {"REQ_07_unusable_records_do_not_satisfy_it_but_a_certificate_may",
     demanding(Demand::requiretls,
               [](TlsPolicyInputs& in) { in.tlsa.status = TlsaStatus::unusable; }),
     {.rule = "requiretls",
      .level = TlsLevel::secure,
      .pkix_names = {"mx.example.net"},
      .requiretls = true}},
    {"REQ_07_a_testing_policy_behind_an_insecure_MX_does_not_satisfy_it",
     demanding(Demand::requiretls,
               [](TlsPolicyInputs& in) {
                 insecure(in);
                 in.sts = policy(StsMode::testing);
               }),
     {.rule = "requiretls-unproven",
      .level = TlsLevel::secure,
      .failure = Errc::requiretls_unmet,
      .requiretls = true}},
    {"REQ_04_an_insecure_MX_without_a_policy_cannot_satisfy_it",
     demanding(Demand::requiretls, insecure),
     {.rule = "requiretls-unproven",
      .level = TlsLevel::secure,
      .failure = Errc::requiretls_unmet,
      .requiretls = true}},
    {"REQ_04_DANE_for_the_host_alone_does_not_prove_the_host_s_name",
     demanding(Demand::requiretls,
               [](TlsPolicyInputs& in) {
                 usable(in);
                 insecure(in);
               }),
     {.rule = "requiretls-unproven",
      .level = TlsLevel::secure,
      .failure = Errc::requiretls_unmet,
      .requiretls = true}},
    {"REQ_04_DANE_for_the_host_and_an_enforced_policy_do",
     demanding(Demand::requiretls,
               [](TlsPolicyInputs& in) {
                 usable(in);
                 insecure(in);
                 in.sts = policy(StsMode::enforce);
               }),
     {.rule = "dane-host-only", .level = TlsLevel::dane_host_only, .requiretls = true}},
    {"REQ_04_an_address_literal_cannot_satisfy_it",
     demanding(Demand::requiretls,
               [](TlsPolicyInputs& in) { in.kind = NextHopKind::address_literal; }),
     {.rule = "requiretls-unmet",
      .level = TlsLevel::secure,
      .failure = Errc::requiretls_unmet,
      .requiretls = true}},
    {"REQ_05_trouble_with_a_lookup_stays_trouble_with_a_lookup",
     demanding(Demand::requiretls, failed),
     {.rule = "tlsa-lookup-failed",
      .level = TlsLevel::dane,
      .failure = Errc::dane_lookup,
      .requiretls = true}},
    {"REQ_05_a_host_that_is_not_listed_fails_it",
     demanding(Demand::requiretls,
               [](TlsPolicyInputs& in) { in.sts = policy(StsMode::enforce, "other.example"); }),
     {.rule = "sts-mx-mismatch",
      .level = TlsLevel::sts,
      .failure = Errc::requiretls_unmet,
      .requiretls = true}},
    {"REQUIRETLS_is_stronger_than_may",
     demanding(Demand::requiretls, ruled(TlsRule::may)),
     {.rule = "requiretls",
      .level = TlsLevel::secure,
      .pkix_names = {"mx.example.net"},
      .requiretls = true}},
    {"REQUIRETLS_is_stronger_than_encrypt",
     demanding(Demand::requiretls, ruled(TlsRule::encrypt)),
     {.rule = "requiretls",
      .level = TlsLevel::secure,
      .pkix_names = {"mx.example.net"},
      .requiretls = true}},
    {"REQUIRETLS_and_none_exclude_each_other",
     demanding(Demand::requiretls, ruled(TlsRule::none)),
     {.rule = "requiretls-unmet",
      .level = TlsLevel::secure,
      .failure = Errc::requiretls_unmet,
      .requiretls = true}},
    {"REQUIRETLS_is_satisfied_by_secure",
     demanding(Demand::requiretls, ruled(TlsRule::secure, insecure)),
     {.rule = "rule-secure",
      .level = TlsLevel::secure,
      .pkix_names = {"example.com", ".example.com"},
      .requiretls = true,
      .by_rule = true}},
    {"REQ_08_TLS_Required_No_tries_DANE_and_holds_nothing_back",
     demanding(Demand::tls_optional, usable),
     {.rule = "dane", .level = TlsLevel::dane, .enforced = false}},
    {"REQ_08_TLS_Required_No_is_not_held_back_by_a_failed_lookup",
     demanding(Demand::tls_optional, failed),
     {.rule = "tlsa-lookup-failed", .enforced = false, .waived = Errc::dane_lookup}},
    {"redteam_12_TLS_Required_No_does_not_waive_what_the_operator_demands",
     demanding(Demand::tls_optional, ruled(TlsRule::dane_only)),
     {.rule = "rule-dane-only",
      .level = TlsLevel::dane,
      .failure = Errc::dane_required,
      .by_rule = true}},
    {"redteam_5_REQUIRETLS_waits_while_the_policy_cannot_be_looked_up",
     demanding(Demand::requiretls,
               [](TlsPolicyInputs& in) {
                 insecure(in);
                 in.sts_unknown = true;
               }),
     {.rule = "requiretls-unproven",
      .level = TlsLevel::secure,
      .failure = Errc::sts_unknown,
      .requiretls = true}},
    {"redteam_5_rule_sts_waits_while_the_policy_cannot_be_looked_up",
     demanding(Demand::requiretls,
               ruled(TlsRule::sts, [](TlsPolicyInputs& in) { in.sts_unknown = true; })),
     {.rule = "rule-sts",
      .level = TlsLevel::sts,
      .failure = Errc::sts_unknown,
      .requiretls = true,
      .by_rule = true}},
    {"redteam_15_REQ_07_rule_sts_with_a_testing_policy_does_not_satisfy_it",
     demanding(Demand::requiretls, ruled(TlsRule::sts,
                                         [](TlsPolicyInputs& in) {
                                           insecure(in);
                                           in.sts = policy(StsMode::testing);
                                         })),
     {.rule = "requiretls-unproven",
      .level = TlsLevel::secure,
      .failure = Errc::requiretls_unmet,
      .requiretls = true}},
};
INSTANTIATE_TEST_SUITE_P(Demands, TlsDemandsTable, ::testing::ValuesIn(kDemands),
                         [](const auto& row) { return std::string(row.param.name); });

std::function<void(TlsPolicyInputs&)> with_password(
    std::function<void(TlsPolicyInputs&)> more = {}) {
  return [=](TlsPolicyInputs& in) {
    in.kind = NextHopKind::relay;
    in.sends_password = true;
    if (more) more(in);
  };
}

const std::vector<Case> kPasswords = {
    {"nothing_known_means_the_certificate_of_the_relay",
     with_password(),
     {.rule = "password",
      .level = TlsLevel::secure,
      .pkix_names = {"mx.example.net"},
      .by_rule = true}},
    {"DANE_is_enough", with_password(usable), {.rule = "dane", .level = TlsLevel::dane}},
    {"an_operator_may_take_encryption_alone",
     with_password(ruled(TlsRule::encrypt)),
     {.rule = "rule-encrypt", .level = TlsLevel::encrypt, .by_rule = true}},
    {"unusable_records_are_not_enough",
     with_password([](TlsPolicyInputs& in) { in.tlsa.status = TlsaStatus::unusable; }),
     {.rule = "password",
      .level = TlsLevel::secure,
      .pkix_names = {"mx.example.net"},
      .by_rule = true}},
    {"a_message_cannot_waive_it",
     with_password(demanding(Demand::tls_optional)),
     {.rule = "password",
      .level = TlsLevel::secure,
      .pkix_names = {"mx.example.net"},
      .by_rule = true}},
    {"redteam_1_a_name_in_forged_MX_records_is_not_the_relays",
     [](TlsPolicyInputs& in) {
       insecure(in);
       in.sends_password = true;
     },
     {.rule = "password",
      .level = TlsLevel::secure,
      .pkix_names = {"example.com", ".example.com"},
      .by_rule = true}},
    {"redteam_1_nor_are_the_TLSA_records_of_such_a_host",
     [](TlsPolicyInputs& in) {
       insecure(in);
       usable(in);
       in.sends_password = true;
     },
     {.rule = "password",
      .level = TlsLevel::secure,
      .pkix_names = {"example.com", ".example.com"},
      .by_rule = true}},
    {"DANE_59_DANE_for_the_host_and_an_enforced_policy_both_stay_owed",
     [](TlsPolicyInputs& in) {
       insecure(in);
       usable(in);
       in.sts = policy(StsMode::enforce);
       in.sends_password = true;
     },
     {.rule = "dane-host-only", .level = TlsLevel::dane_host_only}},
    {"an_address_proves_nothing",
     with_password([](TlsPolicyInputs& in) {
       in.kind = NextHopKind::address_literal;
       in.host = {};
     }),
     {.rule = "password",
      .level = TlsLevel::secure,
      .failure = Errc::rule_certificate,
      .by_rule = true}},
};
INSTANTIATE_TEST_SUITE_P(Passwords, TlsDemandsTable, ::testing::ValuesIn(kPasswords),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(TlsDemands, REQ_04_no_combination_lets_REQUIRETLS_go_unproven) {
  for (const auto rule : {TlsRule::automatic, TlsRule::none, TlsRule::may, TlsRule::encrypt,
                          TlsRule::dane, TlsRule::dane_only, TlsRule::sts, TlsRule::secure}) {
    for (const auto kind : {NextHopKind::mx, NextHopKind::implicit_mx, NextHopKind::relay,
                            NextHopKind::address_literal}) {
      for (const auto security : {Security::insecure, Security::secure}) {
        for (const auto status : {TlsaStatus::not_applicable, TlsaStatus::usable,
                                  TlsaStatus::unusable, TlsaStatus::lookup_failed}) {
          for (const auto mode : {StsMode::none, StsMode::testing, StsMode::enforce}) {
            TlsPolicyInputs in = ordinary();
            in.rule = rule;
            in.kind = kind;
            in.mx_security = security;
            if (status == TlsaStatus::usable) usable(in);
            in.tlsa.status = status;
            in.sts = policy(mode);
            in.demand = Demand::requiretls;
            const TlsDecision got = decide_tls_policy(in);
            if (got.action == HostAction::skip) continue;
            SCOPED_TRACE(std::string(got.rule));
            EXPECT_TRUE(got.requiretls && got.enforced && got.tls_required());
            EXPECT_GE(got.level, TlsLevel::secure);
            EXPECT_TRUE(got.level != TlsLevel::dane_host_only || got.sts_must_pass);
            EXPECT_TRUE(got.level != TlsLevel::sts || mode == StsMode::enforce ||
                        security == Security::secure || kind == NextHopKind::relay);
          }
        }
      }
    }
  }
}

TEST(TlsDemands, failures_are_named_after_who_demands) {
  TlsPolicyInputs in = ordinary();
  in.rule = TlsRule::encrypt;
  EXPECT_EQ(no_tls_failure(decide_tls_policy(in)), Errc::rule_no_tls);
  in.rule = TlsRule::secure;
  EXPECT_EQ(no_tls_failure(decide_tls_policy(in)), Errc::rule_no_tls);
  in.rule = TlsRule::automatic;
  in.demand = Demand::requiretls;
  const TlsDecision decision = decide_tls_policy(in);
  EXPECT_EQ(no_tls_failure(decision), Errc::requiretls_unmet);
  const Error told = as_demanded(decision, make_error(Errc::rule_certificate, "self-signed"));
  EXPECT_EQ(told.code, Errc::requiretls_unmet);
  EXPECT_EQ(told.detail, "rule-certificate: self-signed");
}

}  // namespace
}  // namespace fulmar::tls
