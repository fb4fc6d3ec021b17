#include "resolver/lookup_result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "resolver/rdata.h"

namespace fulmar::resolver {
namespace {

using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

const Question kMx{Domain::parse("b.test").value(), RecordType::mx};
const std::string kGoodMx = "\0\x0a\2mx\1b\4test\0"s;

LookupResult good() {
  return {.secure = true, .ttl = 300, .rdata = {kGoodMx}};
}

TEST(LookupResult, a_secure_answer) {
  const auto answer = decode(kMx, judge(kMx, good()).value(), parse_mx_rdata).value();
  EXPECT_EQ(answer.existence, Existence::records);
  EXPECT_TRUE(answer.secure());
  EXPECT_EQ(answer.records.size(), 1U);
  EXPECT_EQ(answer.canonical.str(), "b.test");
  EXPECT_EQ(answer.ttl, std::chrono::seconds(300));
}

TEST(LookupResult, canonical_name_of_an_alias) {
  auto result = good();
  result.canonical = "C.Test.";
  EXPECT_EQ(judge(kMx, result).value().canonical.str(), "c.test");
  result.canonical = "c?.test.";
  EXPECT_EQ(judge(kMx, result).error().code, Errc::dns_malformed);
}

TEST(LookupResult, DANE_03_errors_are_kept_apart) {
  struct Case {
    int rcode;
    Errc want;
    const char* detail;
  };
  const Case cases[] = {
      {1, Errc::dns_servfail, "FORMERR"}, {2, Errc::dns_servfail, "SERVFAIL"},
      {4, Errc::dns_servfail, "NOTIMP"},  {5, Errc::dns_servfail, "REFUSED"},
      {9, Errc::dns_servfail, "RCODE 9"},
  };
  for (const auto& c : cases) {
    const auto error = judge(kMx, {.rcode = c.rcode}).error();
    EXPECT_EQ(error.code, c.want) << c.rcode;
    EXPECT_THAT(error.detail, AllOf(HasSubstr("MX b.test"), HasSubstr(c.detail)));
    EXPECT_EQ(error.retry, Retry::later);
  }
}

TEST(LookupResult, pitfall_47_bogus_says_name_type_and_reason) {
  auto result = good();
  result.secure = false;
  result.bogus = true;
  result.why_bogus = "signature expired";
  const auto error = judge(kMx, result).error();
  EXPECT_EQ(error.code, Errc::dns_bogus);
  EXPECT_THAT(error.detail, AllOf(HasSubstr("MX b.test"), HasSubstr("signature expired")));
}

TEST(LookupResult, bogus_wins_over_every_rcode) {
  for (const int rcode : {0, 2, 3}) {
    EXPECT_EQ(judge(kMx, {.rcode = rcode, .bogus = true}).error().code, Errc::dns_bogus);
  }
}

TEST(LookupResult, DANE_04_denials_are_answers) {
  for (const bool secure : {false, true}) {
    const auto nxdomain = judge(kMx, {.rcode = 3, .secure = secure}).value();
    EXPECT_EQ(nxdomain.existence, Existence::no_domain);
    EXPECT_EQ(nxdomain.secure(), secure);
    const auto nodata = judge(kMx, {.rcode = 0, .secure = secure}).value();
    EXPECT_EQ(nodata.existence, Existence::no_data);
    EXPECT_EQ(nodata.secure(), secure);
  }
}

TEST(LookupResult, pitfall_30_one_odd_record_does_not_spoil_the_others) {
  auto result = good();
  result.rdata.insert(result.rdata.begin(), "\0\x0a\3m x\0"s);
  const auto answer = decode(kMx, judge(kMx, result).value(), parse_mx_rdata).value();
  EXPECT_EQ(answer.records.size(), 1U);
}

TEST(LookupResult, SMTP_09_only_odd_mx_records_are_an_error_not_an_absence) {
  const auto raw = judge(kMx, {.rdata = {"\0\x0a\3m x\0"s}}).value();
  const auto answer = decode(kMx, raw, parse_mx_rdata);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::dns_malformed);
  EXPECT_THAT(answer.error().detail, HasSubstr("MX b.test"));
}

TEST(LookupResult, DANE_32_only_undecodable_tlsa_records_are_a_presence) {
  const Question question{Domain::parse("_25._tcp.mx.b.test").value(), RecordType::tlsa};
  const auto raw = judge(question, {.secure = true, .rdata = {"\3"s, "\3\1"s}}).value();
  const auto answer =
      decode(question, raw, parse_tlsa_rdata, Undecodable::is_empty_presence).value();
  EXPECT_EQ(answer.existence, Existence::records);
  EXPECT_TRUE(answer.secure());
  EXPECT_TRUE(answer.records.empty());
}

}  // namespace
}  // namespace fulmar::resolver
