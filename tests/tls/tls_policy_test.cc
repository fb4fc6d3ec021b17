// The decision table: one row per branch of decide_tls_policy(), in its order.
#include "tls/tls_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace fulmar::tls {
namespace {

using resolver::Security;
using resolver::TlsaStatus;
using ::testing::ElementsAre;

Domain name(const char* text) {
  return Domain::parse(text).value();
}

StsPolicy policy(StsMode mode, const char* listed) {
  return {mode, std::chrono::seconds(86'400), {MxPattern{name(listed), false}}};
}

StsPolicy listing(StsMode mode) {
  return policy(mode, "mx.example.net");
}
StsPolicy not_listing(StsMode mode) {
  return policy(mode, "other.example.net");
}

const resolver::TlsaRecord kRecord{3, 1, 1, std::string(32, 'x')};

void usable(TlsPolicyInputs& in) {
  in.tlsa.status = TlsaStatus::usable;
  in.tlsa.base = name("base.example.net");
  in.tlsa.published = {kRecord};
  in.tlsa.usable = {kRecord};
}

void failed(TlsPolicyInputs& in) {
  in.tlsa.status = TlsaStatus::lookup_failed;
  in.tlsa.error = make_error(Errc::dane_lookup, "SERVFAIL");
}

/// A secure MX record to a host about which nothing else is known.
TlsPolicyInputs ordinary() {
  TlsPolicyInputs in;
  in.policy_domain = name("example.com");
  in.policy_domain_expanded = name("example.com");
  in.mx_security = Security::secure;
  in.host = name("mx.example.net");
  return in;
}

struct Want {
  std::string_view rule;
  HostAction action = HostAction::use;
  TlsLevel level = TlsLevel::opportunistic;
  const char* sni = "mx.example.net";
  std::vector<std::string> names = {};
  bool must_pass = false;
  bool testing = false;
  bool testing_failure = false;
  std::optional<Errc> failure = std::nullopt;
};

struct Case {
  const char* name;
  std::function<void(TlsPolicyInputs&)> change;
  Want want;
};

class TlsPolicyTable : public ::testing::TestWithParam<Case> {};

TEST_P(TlsPolicyTable, Decides) {
  TlsPolicyInputs in = ordinary();
  GetParam().change(in);
  const Want& want = GetParam().want;
  const TlsDecision got = decide_tls_policy(in);
  EXPECT_EQ(got.rule, want.rule);
  EXPECT_EQ(got.action, want.action);
  EXPECT_EQ(got.level, want.level);
  EXPECT_EQ(got.sni.str(), want.sni);
  std::vector<std::string> names;
  for (const Domain& reference : got.reference_names)
    names.push_back(reference.str());
  EXPECT_EQ(names, want.names);
  EXPECT_EQ(got.sts_must_pass, want.must_pass);
  EXPECT_EQ(got.sts_testing, want.testing);
  EXPECT_EQ(got.sts_testing_failure.has_value(), want.testing_failure);
  ASSERT_EQ(got.failure.has_value(), want.failure.has_value());
  if (got.failure) {
    EXPECT_EQ(got.failure->code, *want.failure);
  }
  EXPECT_FALSE(got.reason.empty());
  EXPECT_FALSE(got.reference.empty());
}

const std::vector<Case> kRows = {
    // row 1
    {"STS_02_DANE_34_an_address_literal_has_no_policy",
     [](TlsPolicyInputs& in) {
       in.kind = NextHopKind::address_literal;
       usable(in);
       in.sts = not_listing(StsMode::enforce);
     },
     {.rule = "address-literal", .sni = ""}},
    // row 2
    {"pitfall_31_a_failed_TLSA_lookup_skips_the_host",
     failed,
     {.rule = "tlsa-lookup-failed",
      .action = HostAction::skip,
      .level = TlsLevel::dane,
      .failure = Errc::dane_lookup}},
    {"STS_40_DANE_57_a_failed_TLSA_lookup_skips_the_host_even_when_MTA_STS_would_pass",
     [](TlsPolicyInputs& in) {
       failed(in);
       in.sts = listing(StsMode::enforce);
     },
     {.rule = "tlsa-lookup-failed",
      .action = HostAction::skip,
      .level = TlsLevel::dane,
      .failure = Errc::dane_lookup}},
    {"a_failed_TLSA_lookup_skips_the_host_behind_an_insecure_MX",
     [](TlsPolicyInputs& in) {
       failed(in);
       in.mx_security = Security::insecure;
     },
     {.rule = "tlsa-lookup-failed",
      .action = HostAction::skip,
      .level = TlsLevel::dane,
      .failure = Errc::dane_lookup}},
    {"a_failed_TLSA_lookup_without_a_reason_is_still_a_failure",
     [](TlsPolicyInputs& in) { in.tlsa.status = TlsaStatus::lookup_failed; },
     {.rule = "tlsa-lookup-failed",
      .action = HostAction::skip,
      .level = TlsLevel::dane,
      .failure = Errc::dane_lookup}},
    {"DANE_switched_off_makes_TLSA_of_no_account",
     [](TlsPolicyInputs& in) {
       failed(in);
       in.dane_enabled = false;
     },
     {.rule = "opportunistic"}},
    // row 3
    {"DANE_31_DANE_47_usable_records_and_a_secure_MX_mean_DANE",
     usable,
     {.rule = "dane",
      .level = TlsLevel::dane,
      .sni = "base.example.net",
      .names = {"base.example.net", "example.com"}}},
    {"DANE_44_the_CNAME_expanded_domain_is_a_reference_name_too",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.policy_domain_expanded = name("expanded.example.org");
     },
     {.rule = "dane",
      .level = TlsLevel::dane,
      .sni = "base.example.net",
      .names = {"base.example.net", "example.com", "expanded.example.org"}}},
    {"DANE_56_pitfall_28_DANE_alone_decides_when_MTA_STS_does_not_list_the_host",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.sts = not_listing(StsMode::enforce);
     },
     {.rule = "dane",
      .level = TlsLevel::dane,
      .sni = "base.example.net",
      .names = {"base.example.net", "example.com"}}},
    {"STS_35_a_testing_policy_does_not_switch_DANE_off",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.sts = not_listing(StsMode::testing);
     },
     {.rule = "dane",
      .level = TlsLevel::dane,
      .sni = "base.example.net",
      .names = {"base.example.net", "example.com"}}},
    {"pitfall_36_an_implicit_MX_with_secure_denial_gets_DANE",
     [](TlsPolicyInputs& in) {
       in.kind = NextHopKind::implicit_mx;
       in.host = in.policy_domain;
       usable(in);
       in.tlsa.base = in.policy_domain;
     },
     {.rule = "dane", .level = TlsLevel::dane, .sni = "example.com", .names = {"example.com"}}},
    // row 4
    {"STS_32_an_enforced_policy_that_does_not_list_the_host_skips_it",
     [](TlsPolicyInputs& in) { in.sts = not_listing(StsMode::enforce); },
     {.rule = "sts-mx-mismatch",
      .action = HostAction::skip,
      .level = TlsLevel::sts,
      .failure = Errc::sts_mx_mismatch}},
    {"DANE_59_an_insecure_MX_to_an_attackers_DANE_host_is_skipped_when_not_listed",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.mx_security = Security::insecure;
       in.sts = not_listing(StsMode::enforce);
     },
     {.rule = "sts-mx-mismatch",
      .action = HostAction::skip,
      .level = TlsLevel::sts,
      .failure = Errc::sts_mx_mismatch}},
    {"unusable_records_do_not_save_a_host_that_is_not_listed",
     [](TlsPolicyInputs& in) {
       in.tlsa.status = TlsaStatus::unusable;
       in.sts = not_listing(StsMode::enforce);
     },
     {.rule = "sts-mx-mismatch",
      .action = HostAction::skip,
      .level = TlsLevel::sts,
      .failure = Errc::sts_mx_mismatch}},
    {"STS_30_an_implicit_MX_not_listed_is_skipped",
     [](TlsPolicyInputs& in) {
       in.kind = NextHopKind::implicit_mx;
       in.host = in.policy_domain;
       in.sts = listing(StsMode::enforce);
     },
     {.rule = "sts-mx-mismatch",
      .action = HostAction::skip,
      .level = TlsLevel::sts,
      .sni = "example.com",
      .failure = Errc::sts_mx_mismatch}},
    // row 5
    {"pitfall_35_usable_records_behind_an_insecure_MX_prove_the_host_only",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.mx_security = Security::insecure;
     },
     {.rule = "dane-host-only",
      .level = TlsLevel::dane_host_only,
      .sni = "base.example.net",
      .names = {"base.example.net"}}},
    {"DANE_59_an_insecure_MX_under_an_enforced_policy_owes_both",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.mx_security = Security::insecure;
       in.sts = listing(StsMode::enforce);
     },
     {.rule = "dane-host-only",
      .level = TlsLevel::dane_host_only,
      .sni = "base.example.net",
      .names = {"base.example.net"},
      .must_pass = true}},
    {"a_testing_policy_beside_DANE_host_only_is_evaluated",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.mx_security = Security::insecure;
       in.sts = not_listing(StsMode::testing);
     },
     {.rule = "dane-host-only",
      .level = TlsLevel::dane_host_only,
      .sni = "base.example.net",
      .names = {"base.example.net"},
      .testing = true,
      .testing_failure = true}},
    // row 6
    {"DANE_58_all_records_unusable_under_an_enforced_policy_is_MTA_STS",
     [](TlsPolicyInputs& in) {
       in.tlsa.status = TlsaStatus::unusable;
       in.sts = listing(StsMode::enforce);
     },
     {.rule = "tlsa-unusable-sts-enforce", .level = TlsLevel::sts, .names = {"mx.example.net"}}},
    // row 7
    {"DANE_32_all_unusable_means_encrypt",
     [](TlsPolicyInputs& in) { in.tlsa.status = TlsaStatus::unusable; },
     {.rule = "tlsa-unusable", .level = TlsLevel::encrypt}},
    {"all_unusable_behind_an_insecure_MX_means_encrypt",
     [](TlsPolicyInputs& in) {
       in.tlsa.status = TlsaStatus::unusable;
       in.mx_security = Security::insecure;
     },
     {.rule = "tlsa-unusable", .level = TlsLevel::encrypt}},
    {"a_testing_policy_beside_unusable_records_is_evaluated",
     [](TlsPolicyInputs& in) {
       in.tlsa.status = TlsaStatus::unusable;
       in.sts = listing(StsMode::testing);
     },
     {.rule = "tlsa-unusable", .level = TlsLevel::encrypt, .testing = true}},
    // row 8
    {"pitfall_29_a_host_without_TLSA_is_held_to_the_enforced_policy",
     [](TlsPolicyInputs& in) { in.sts = listing(StsMode::enforce); },
     {.rule = "sts-enforce", .level = TlsLevel::sts, .names = {"mx.example.net"}}},
    {"DANE_switched_off_leaves_the_enforced_policy",
     [](TlsPolicyInputs& in) {
       usable(in);
       in.dane_enabled = false;
       in.sts = listing(StsMode::enforce);
     },
     {.rule = "sts-enforce", .level = TlsLevel::sts, .names = {"mx.example.net"}}},
    {"STS_30_an_implicit_MX_that_is_listed_is_held_to_the_policy",
     [](TlsPolicyInputs& in) {
       in.kind = NextHopKind::implicit_mx;
       in.host = in.policy_domain;
       in.sts = policy(StsMode::enforce, "example.com");
     },
     {.rule = "sts-enforce",
      .level = TlsLevel::sts,
      .sni = "example.com",
      .names = {"example.com"}}},
    // row 9
    {"STS_35_a_testing_policy_is_opportunistic_and_evaluated",
     [](TlsPolicyInputs& in) { in.sts = listing(StsMode::testing); },
     {.rule = "sts-testing", .testing = true}},
    {"pitfall_22_a_testing_policy_that_does_not_list_the_host_holds_nothing_back",
     [](TlsPolicyInputs& in) { in.sts = not_listing(StsMode::testing); },
     {.rule = "sts-testing", .testing = true, .testing_failure = true}},
    // row 10
    {"DANE_33_nothing_known_is_opportunistic", [](TlsPolicyInputs&) {}, {.rule = "opportunistic"}},
    {"STS_36_mode_none_is_as_no_policy",
     [](TlsPolicyInputs& in) { in.sts = not_listing(StsMode::none); },
     {.rule = "opportunistic"}},
};

INSTANTIATE_TEST_SUITE_P(TlsPolicy, TlsPolicyTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(TlsPolicy, DANE_31_the_usable_records_are_what_verification_gets) {
  TlsPolicyInputs in = ordinary();
  usable(in);
  in.tlsa.published.push_back({1, 1, 1, std::string(32, 'y')});
  EXPECT_THAT(decide_tls_policy(in).tlsa, ElementsAre(kRecord));
}

TEST(TlsPolicy, the_error_of_the_TLSA_lookup_is_passed_on_word_for_word) {
  TlsPolicyInputs in = ordinary();
  failed(in);
  EXPECT_EQ(decide_tls_policy(in).failure, in.tlsa.error);
}

TEST(TlsPolicy, no_TLS_is_named_after_what_owes_it) {
  TlsPolicyInputs in = ordinary();
  in.sts = listing(StsMode::enforce);
  EXPECT_EQ(no_tls_failure(decide_tls_policy(in)), Errc::sts_no_tls);
  in.tlsa.status = TlsaStatus::unusable;
  in.sts.reset();
  EXPECT_EQ(no_tls_failure(decide_tls_policy(in)), Errc::dane_no_tls);
  usable(in);
  EXPECT_EQ(no_tls_failure(decide_tls_policy(in)), Errc::dane_no_tls);
}

/// Every combination of inputs.
std::vector<TlsPolicyInputs> all_inputs() {
  std::vector<std::optional<StsPolicy>> policies{std::nullopt};
  for (const StsMode mode : {StsMode::none, StsMode::testing, StsMode::enforce}) {
    policies.emplace_back(listing(mode));
    policies.emplace_back(not_listing(mode));
  }
  std::vector<TlsPolicyInputs> all;
  for (const auto kind : {NextHopKind::mx, NextHopKind::implicit_mx}) {
    for (const auto security : {Security::insecure, Security::secure}) {
      for (const auto status : {TlsaStatus::not_applicable, TlsaStatus::usable,
                                TlsaStatus::unusable, TlsaStatus::lookup_failed}) {
        for (const auto& sts : policies) {
          TlsPolicyInputs in = ordinary();
          in.kind = kind;
          in.mx_security = security;
          in.tlsa.status = status;
          if (status == TlsaStatus::usable) usable(in);
          in.sts = sts;
          all.push_back(in);
        }
      }
    }
  }
  return all;
}

TEST(TlsPolicy, no_combination_of_inputs_lowers_what_is_owed) {
  for (const TlsPolicyInputs& in : all_inputs()) {
    const TlsDecision got = decide_tls_policy(in);
    SCOPED_TRACE(std::string(got.rule));
    EXPECT_EQ(got.failure.has_value(), got.action == HostAction::skip);
    const bool enforce = in.sts && in.sts->mode == StsMode::enforce;
    const bool dane_alone =
        in.tlsa.status == TlsaStatus::usable && in.mx_security == Security::secure;
    if (in.tlsa.status == TlsaStatus::lookup_failed) {
      EXPECT_EQ(got.action, HostAction::skip);
    }
    if (in.tlsa.status != TlsaStatus::not_applicable) {
      EXPECT_TRUE(got.tls_required());
    }
    if (in.tlsa.status == TlsaStatus::usable && got.action == HostAction::use) {
      EXPECT_GE(got.level, TlsLevel::dane_host_only);
      EXPECT_FALSE(got.tlsa.empty());
      EXPECT_FALSE(got.reference_names.empty());
    }
    if (enforce && got.action == HostAction::use && !dane_alone) {
      EXPECT_TRUE(matches(*in.sts, in.host));
      EXPECT_TRUE(got.level == TlsLevel::sts || got.sts_must_pass);
    }
    if (enforce) {
      EXPECT_TRUE(got.tls_required());
    }
  }
}

TEST(TlsPolicy, a_policy_in_force_never_gives_a_lower_level_than_none) {
  for (const TlsPolicyInputs& in : all_inputs()) {
    TlsPolicyInputs without = in;
    without.sts.reset();
    const TlsDecision got = decide_tls_policy(in);
    if (got.action == HostAction::skip) continue;
    EXPECT_GE(got.level, decide_tls_policy(without).level) << got.rule;
  }
}

}  // namespace
}  // namespace fulmar::tls
