// The MTA-STS record and policy file: tables of what is accepted and what is not.
#include "tls/mta_sts_policy.h"

#include <gtest/gtest.h>

namespace fulmar::tls {
namespace {

Domain name(std::string_view text) {
  return Domain::parse(text).value();
}

// ---- the TXT record ----

struct RecordCase {
  const char* name;
  std::vector<resolver::TxtRecord> records;
  std::string id;  ///< Empty: no live record.
  Errc error = Errc::syntax;
};

class StsRecordTable : public ::testing::TestWithParam<RecordCase> {};

TEST_P(StsRecordTable, Parses) {
  const auto got = parse_sts_record(GetParam().records);
  ASSERT_EQ(got.has_value(), !GetParam().id.empty());
  if (got) {
    EXPECT_EQ(got->id, GetParam().id);
  } else {
    EXPECT_EQ(got.error().code, GetParam().error);
  }
}

const std::string k32(32, 'a');
const std::string k33(33, 'a');

INSTANTIATE_TEST_SUITE_P(
    StsRecord, StsRecordTable,
    ::testing::Values(
        RecordCase{"ordinary", {{"v=STSv1; id=20261121T000000;"}}, "20261121T000000"},
        RecordCase{"no_last_semicolon", {{"v=STSv1; id=1"}}, "1"},
        RecordCase{"no_blanks", {{"v=STSv1;id=1;"}}, "1"},
        RecordCase{"pitfall_2_blanks_and_tabs_around_semicolons", {{"v=STSv1;\t id=1 \t; "}}, "1"},
        RecordCase{
            "STS_05_blank_before_the_first_semicolon", {{"v=STSv1 ; id=1"}}, "", Errc::not_found},
        RecordCase{"STS_05_other_TXT_records_are_dropped",
                   {{"v=spf1 -all"}, {"v=STSv1; id=1"}, {"v=STSv2; id=2"}},
                   "1"},
        RecordCase{"pitfall_1_two_records", {{"v=STSv1; id=1"}, {"v=STSv1; id=1"}}, ""},
        RecordCase{"pitfall_1_two_records_of_which_one_is_malformed",
                   {{"v=STSv1; id=1"}, {"v=STSv1; nonsense"}},
                   ""},
        RecordCase{"no_records", {}, "", Errc::not_found},
        RecordCase{"only_others", {{"hello"}}, "", Errc::not_found},
        RecordCase{"STS_06_no_id", {{"v=STSv1;"}}, ""},
        RecordCase{"no_id_but_another_field", {{"v=STSv1; a=b;"}}, ""},
        RecordCase{"empty_id", {{"v=STSv1; id=;"}}, ""},
        RecordCase{"id_of_32", {{"v=STSv1; id=" + k32}}, k32},
        RecordCase{"id_of_33", {{"v=STSv1; id=" + k33}}, ""},
        RecordCase{"id_with_a_hyphen", {{"v=STSv1; id=2026-11"}}, ""},
        RecordCase{"id_with_a_blank", {{"v=STSv1; id=1 2;"}}, ""},
        RecordCase{"blank_after_the_equals_sign", {{"v=STSv1; id= 1;"}}, ""},
        RecordCase{"STS_07_the_first_id_counts", {{"v=STSv1; id=a; id=b; x=1"}}, "a"},
        RecordCase{"unknown_field_first", {{"v=STSv1; x.y-z_1=!~; id=7"}}, "7"},
        RecordCase{"field_name_of_32", {{"v=STSv1; id=7; " + k32 + "=1"}}, "7"},
        RecordCase{"field_name_of_33", {{"v=STSv1; id=7; " + k33 + "=1"}}, ""},
        RecordCase{"field_name_starting_with_a_dot", {{"v=STSv1; id=7; .x=1"}}, ""},
        RecordCase{"field_without_value", {{"v=STSv1; id=7; x="}}, ""},
        RecordCase{"field_without_equals_sign", {{"v=STSv1; id=7; x"}}, ""},
        RecordCase{"two_equals_signs", {{"v=STSv1; id=7; x=a=b"}}, ""},
        RecordCase{"control_character", {{"v=STSv1; id=7; x=\x01"}}, ""},
        RecordCase{"eight_bit_character", {{"v=STSv1; id=7; x=\xC3\xA9"}}, ""},
        RecordCase{"empty_field", {{"v=STSv1;; id=1"}}, ""},
        RecordCase{"blank_at_the_end_without_semicolon", {{"v=STSv1; id=1 "}}, ""},
        RecordCase{"lower_case_version", {{"v=stsv1; id=1"}}, "", Errc::not_found},
        RecordCase{"upper_case_id_key", {{"v=STSv1; ID=1"}}, ""},
        RecordCase{"leading_blank", {{" v=STSv1; id=1"}}, "", Errc::not_found}),
    [](const auto& row) { return std::string(row.param.name); });

// ---- the policy file ----

struct PolicyCase {
  const char* name;
  std::string body;
  bool valid = true;
  StsMode mode = StsMode::enforce;
  std::int64_t max_age = 86'400;
  std::vector<std::string> mx = {"mx.example.com"};
};

constexpr const char* kTail = "mx: mx.example.com\nmax_age: 86400\n";
std::string with_mode(const char* line) {
  return std::string("version: STSv1\n") + line + kTail;
}
std::string with_age(const std::string& age) {
  return "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: " + age + "\n";
}
std::string with_mx(const std::string& lines) {
  return "version: STSv1\nmode: enforce\n" + lines + "max_age: 86400\n";
}

class StsPolicyTable : public ::testing::TestWithParam<PolicyCase> {};

TEST_P(StsPolicyTable, Parses) {
  const auto got = parse_sts_policy(GetParam().body);
  ASSERT_EQ(got.has_value(), GetParam().valid) << (got ? "" : got.error().detail);
  if (!got) {
    EXPECT_EQ(got.error().code, Errc::syntax);
    return;
  }
  EXPECT_EQ(got->mode, GetParam().mode);
  EXPECT_EQ(got->max_age.count(), GetParam().max_age);
  std::vector<std::string> mx;
  for (const MxPattern& pattern : got->mx)
    mx.push_back(to_string(pattern));
  EXPECT_EQ(mx, GetParam().mx);
}

const std::vector<PolicyCase> kPolicies = {
    {"ordinary_LF", with_mode("mode: enforce\n")},
    {"STS_19_CRLF", "version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 86400\r\n"},
    {"both_line_ends", "version: STSv1\r\nmode: enforce\nmx: mx.example.com\r\nmax_age: 86400\n"},
    {"no_last_line_end", "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400"},
    {"STS_20_any_order", "max_age: 86400\nmx: mx.example.com\nmode: enforce\nversion: STSv1\n"},
    {"no_blank_after_the_colon", "version:STSv1\nmode:enforce\nmx:mx.example.com\nmax_age:86400\n"},
    {"tabs_and_trailing_blanks", with_mode("mode:\t enforce \t\n")},
    {"bare_CR_as_line_end", "version: STSv1\rmode: enforce\rmx: a.b\rmax_age: 1\r", false},
    {"bare_CR_at_the_end", "version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 86400\r", false},
    {"BOM", "\xEF\xBB\xBFversion: STSv1\nmode: enforce\nmx: a.b\nmax_age: 1\n", false},
    {"empty", "", false},
    {"blank_line", with_mode("mode: enforce\n\n"), false},
    {"line_without_colon", with_mode("mode: enforce\nhello\n"), false},
    {"blank_before_the_colon", with_mode("mode : enforce\n"), false},
    {"leading_blank", with_mode(" mode: enforce\n"), false},
    {"HTML", "<!DOCTYPE html>\n<html></html>\n", false},
    {"NUL", with_mode("mode: enforce\nx: a\0b\n") + std::string(1, '\0'), false},
    // keys and keyword values
    {"STS_20_no_version", "mode: enforce\nmx: a.b\nmax_age: 1\n", false},
    {"other_version", "version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1\n", false},
    {"no_mode", with_mode(""), false},
    {"no_max_age", "version: STSv1\nmode: enforce\nmx: mx.example.com\n", false},
    {"unknown_mode", with_mode("mode: report\n"), false},
    {"mode_in_another_case", with_mode("mode: Enforce\n"), false},
    {"key_in_another_case_is_unknown", with_mode("Mode: enforce\n"), false},
    {"testing", with_mode("mode: testing\n"), true, StsMode::testing},
    {"STS_21_the_first_mode_counts", with_mode("mode: enforce\nmode: testing\n")},
    {"a_bad_duplicate_is_ignored", with_mode("mode: enforce\nmode: nonsense\n")},
    {"the_first_version_counts", with_mode("mode: enforce\nversion: STSv9\n")},
    {"the_first_max_age_counts", with_mode("mode: enforce\n") + "max_age: 5\n"},
    {"unknown_keys_are_ignored", with_mode("mode: enforce\nx-1.y_z: two words\n")},
    {"STS_21_values_may_hold_UTF_8", with_mode("mode: enforce\nnote: caf\xC3\xA9\n")},
    {"invalid_UTF_8", with_mode("mode: enforce\nnote: \xC3\n"), false},
    {"unknown_key_without_value", with_mode("mode: enforce\nx:\n"), false},
    {"key_of_33_characters", with_mode(("mode: enforce\n" + k33 + ": 1\n").c_str()), false},
    // max_age
    {"STS_23_max_age_0", with_age("0"), true, StsMode::enforce, 0},
    {"max_age_1", with_age("1"), true, StsMode::enforce, 1},
    {"max_age_at_the_maximum", with_age("31557600"), true, StsMode::enforce, 31'557'600},
    {"max_age_over_the_maximum", with_age("31557601"), true, StsMode::enforce, 31'557'600},
    {"pitfall_17_max_age_of_ten_digits", with_age("9999999999"), true, StsMode::enforce,
     31'557'600},
    {"max_age_with_leading_zeros", with_age("0000000009"), true, StsMode::enforce, 9},
    {"max_age_of_eleven_digits", with_age("99999999999"), false},
    {"max_age_of_twenty_digits", with_age("99999999999999999999"), false},
    {"max_age_negative", with_age("-1"), false},
    {"max_age_with_a_sign", with_age("+1"), false},
    {"max_age_with_an_exponent", with_age("1e5"), false},
    {"max_age_with_a_unit", with_age("1d"), false},
    {"max_age_with_a_blank_inside", with_age("1 0"), false},
    // mx
    {"several_mx",
     with_mx("mx: a.example\nmx: *.b.example\n"),
     true,
     StsMode::enforce,
     86'400,
     {"a.example", "*.b.example"}},
    {"mx_in_upper_case", with_mx("mx: MX.Example.COM\n")},
    {"mx_with_a_trailing_dot", with_mx("mx: mx.example.com.\n")},
    {"no_mx", with_mx(""), false},
    {"pitfall_14_mistyped_mx", with_mx("nmx: mx.example.com\n"), false},
    {"pitfall_14_only_an_address", with_mx("mx: 192.0.2.1\n"), false},
    {"only_an_IPv6_address", with_mx("mx: 2001:db8::1\n"), false},
    {"pitfall_14_an_address_and_a_name", with_mx("mx: 192.0.2.1\nmx: mx.example.com\n")},
    {"STS_22_wildcard_inside", with_mx("mx: mail.*.example.com\n"), false},
    {"partial_wildcard", with_mx("mx: m*.example.com\n"), false},
    {"wildcard_alone", with_mx("mx: *\n"), false},
    {"wildcard_and_a_dot", with_mx("mx: *.\n"), false},
    {"wildcard_twice", with_mx("mx: *.*.example.com\n"), false},
    {"U_label",
     with_mx("mx: b\xC3\xBC"
             "cher.example\n"),
     false},
    {"A_label",
     with_mx("mx: xn--bcher-kva.example\n"),
     true,
     StsMode::enforce,
     86'400,
     {"xn--bcher-kva.example"}},
    {"two_names_on_a_line", with_mx("mx: a.example b.example\n"), false},
    {"pitfall_21_mode_none_needs_no_mx",
     "version: STSv1\nmode: none\nmax_age: 86400\n",
     true,
     StsMode::none,
     86'400,
     {}},
};

INSTANTIATE_TEST_SUITE_P(StsPolicy, StsPolicyTable, ::testing::ValuesIn(kPolicies),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(StsPolicy, the_error_names_the_line) {
  const auto got = parse_sts_policy("version: STSv1\nmode: maybe\n");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().detail, "MTA-STS policy, line 2: unknown mode");
}

TEST(StsPolicy, STS_17_a_body_over_64_KB_is_refused) {
  std::string body = with_mode("mode: enforce\n");
  body += "x: " + std::string(kMaxPolicyBody - body.size() - 4, 'x') + "\n";
  ASSERT_EQ(body.size(), kMaxPolicyBody);
  EXPECT_TRUE(parse_sts_policy(body));
  EXPECT_FALSE(parse_sts_policy(body + "y"));
}

TEST(StsPolicy, an_absurd_number_of_mx_lines_is_refused) {
  std::string lines;
  for (int i = 0; i < 1001; ++i)
    lines += "mx: a.example\n";
  EXPECT_FALSE(parse_sts_policy(with_mx(lines)));
}

// ---- matching ----

struct MatchCase {
  std::string_view pattern;
  std::string_view host;
  bool matches;
};

TEST(StsPolicy, STS_29_pitfall_23_a_wildcard_is_one_label) {
  const std::vector<MatchCase> cases = {
      {"mx.example.com", "mx.example.com", true},
      {"mx.example.com", "MX.EXAMPLE.com.", true},
      {"mx.example.com", "mx2.example.com", false},
      {"mx.example.com", "a.mx.example.com", false},
      {"*.example.com", "mx.example.com", true},
      {"*.example.com", "example.com", false},
      {"*.example.com", "a.b.example.com", false},
      {"*.example.com", "mxexample.com", false},
      {"*.example.com", "mx.example.net", false},
      {"*.com", "example.com", true},
      {"com", "com", true},
  };
  for (const MatchCase& row : cases) {
    SCOPED_TRACE(std::string(row.pattern) + " and " + std::string(row.host));
    const auto policy = parse_sts_policy(with_mx("mx: " + std::string(row.pattern) + "\n"));
    ASSERT_TRUE(policy);
    EXPECT_EQ(matches(*policy, name(row.host)), row.matches);
  }
}

TEST(StsPolicy, the_root_matches_nothing) {
  const auto policy = parse_sts_policy(with_mx("mx: *.com\n"));
  ASSERT_TRUE(policy);
  EXPECT_FALSE(matches(*policy, Domain{}));
}

}  // namespace
}  // namespace fulmar::tls
