#include "base/error.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

TEST(EnhancedStatus, ESC_03_syntax_is_strict) {
  EXPECT_EQ(parse_enhanced_status("4.7.5"), (EnhancedStatus{4, 7, 5}));
  EXPECT_EQ(parse_enhanced_status("5.1.10"), (EnhancedStatus{5, 1, 10}));
  EXPECT_EQ(parse_enhanced_status("2.0.0"), (EnhancedStatus{2, 0, 0}));
  for (const char* bad : {"", "4", "4.7", "4.7.", "3.0.0", "4.07.5", "4.7.05", "4.7.1000", "44.7.5",
                          "4.7.5 ", " 4.7.5", "4.-7.5", "4.7.5.1", "4,7,5"}) {
    EXPECT_EQ(parse_enhanced_status(bad), std::nullopt) << bad;
  }
}

TEST(EnhancedStatus, pitfall_104_keeps_its_cause_when_waiting_ends) {
  EXPECT_EQ(as_permanent({4, 7, 5}), (EnhancedStatus{5, 7, 5}));
  EXPECT_EQ(as_permanent({5, 1, 2}), (EnhancedStatus{5, 1, 2}));
  EXPECT_EQ(as_permanent({2, 0, 0}), (EnhancedStatus{2, 0, 0}));
}

TEST(Errc, every_class_has_a_unique_name_that_parses_back) {
  for (int value = 0; value <= static_cast<int>(Errc::administrative); ++value) {
    const auto code = static_cast<Errc>(value);
    EXPECT_EQ(parse_errc(to_string(code)), code) << to_string(code);
  }
  EXPECT_EQ(parse_errc("no-such-class"), std::nullopt);
}

// What each class means for the sender. ESC-05, ESC-06
TEST(Errc, ESC_05_ESC_06_classes_have_the_documented_status_and_retry) {
  struct Case {
    Errc code;
    EnhancedStatus status;
    Retry retry;
  };
  const Case cases[] = {
      {Errc::domain_not_found, {5, 1, 2}, Retry::never},
      {Errc::null_mx, {5, 1, 10}, Retry::never},
      {Errc::no_addresses, {5, 4, 4}, Retry::never},
      {Errc::mail_loop, {5, 4, 6}, Retry::never},
      {Errc::dns_servfail, {4, 4, 3}, Retry::later},
      {Errc::dns_bogus, {4, 4, 3}, Retry::later},
      {Errc::connect_failed, {4, 4, 1}, Retry::next_host},
      {Errc::connection_lost, {4, 4, 2}, Retry::next_host},
      {Errc::dane_lookup, {4, 7, 5}, Retry::next_host},
      {Errc::dane_mismatch, {4, 7, 5}, Retry::next_host},
      {Errc::dane_no_tls, {4, 7, 4}, Retry::next_host},
      {Errc::sts_no_tls, {4, 7, 4}, Retry::next_host},
      {Errc::sts_mx_mismatch, {4, 7, 5}, Retry::next_host},
      {Errc::sts_certificate, {4, 7, 5}, Retry::next_host},
      {Errc::dane_required, {4, 7, 5}, Retry::next_host},
      {Errc::sts_unknown, {4, 7, 5}, Retry::next_host},
      {Errc::sts_required, {4, 7, 5}, Retry::next_host},
      {Errc::relay_unusable, {4, 4, 3}, Retry::next_host},
      {Errc::rule_certificate, {4, 7, 5}, Retry::next_host},
      {Errc::rule_no_tls, {4, 7, 4}, Retry::next_host},
      {Errc::requiretls_unsupported, {5, 7, 30}, Retry::next_host},
      {Errc::requiretls_unmet, {5, 7, 10}, Retry::next_host},
      {Errc::relay_auth, {4, 7, 8}, Retry::next_host},
      {Errc::store_failed, {4, 3, 0}, Retry::later},
      {Errc::store_full, {4, 3, 1}, Retry::later},
      {Errc::smtputf8_unsupported, {5, 6, 7}, Retry::next_host},
      {Errc::eight_bit_unsupported, {5, 6, 3}, Retry::next_host},
      {Errc::message_too_big, {5, 3, 4}, Retry::next_host},
  };
  for (const Case& row : cases) {
    const Error error = make_error(row.code, "x");
    EXPECT_EQ(error.status, row.status) << to_string(row.code);
    EXPECT_EQ(error.retry, row.retry) << to_string(row.code);
  }
}

// DANE-53, STS-33: owed protection that cannot be had defers; it never bounces at once. What a
// sender demands of us is answered at once (RFC 8689 §4.2.1).
TEST(Errc, DANE_53_STS_33_security_failures_are_transient) {
  for (int value = 0; value <= static_cast<int>(Errc::administrative); ++value) {
    const auto code = static_cast<Errc>(value);
    const bool demanded = code == Errc::requiretls_unsupported || code == Errc::requiretls_unmet;
    if (!is_security_failure(code) || demanded) continue;
    EXPECT_EQ(make_error(code, "").status.klass, 4) << to_string(code);
    EXPECT_NE(make_error(code, "").retry, Retry::never) << to_string(code);
  }
}

}  // namespace
}  // namespace fulmar
