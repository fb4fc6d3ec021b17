// Which failure of many is told, and whether waiting may still help.
#include "mta/delivery/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fulmar::delivery {
namespace {

HostFailure failed(Errc code) {
  return {.error = make_error(code, "detail"), .host = std::string(to_string(code)), .reply = {}};
}

struct Case {
  std::string name;
  std::vector<Errc> failures;
  Errc told;
  std::string status;
};

class MostTelling : public ::testing::TestWithParam<Case> {};

TEST_P(MostTelling, is_told_whatever_the_order) {
  const Case& row = GetParam();
  std::vector<HostFailure> failures;
  for (const Errc code : row.failures)
    failures.push_back(failed(code));
  for (std::size_t turn = 0; turn < failures.size(); ++turn) {
    std::ranges::rotate(failures, failures.begin() + 1);
    const HostFailure told = most_telling(failures, {});
    EXPECT_EQ(to_string(told.error.code), to_string(row.told));
    EXPECT_EQ(to_string(told.error.status), row.status);
    EXPECT_EQ(told.error.retry, row.status.starts_with('5') ? Retry::never : Retry::later);
    EXPECT_EQ(told.host, to_string(row.told)) << "all facts must be of the same host";
  }
}

INSTANTIATE_TEST_SUITE_P(
    table, MostTelling,
    ::testing::ValuesIn(std::vector<Case>{
        {"owed_protection_before_a_servers_word",
         {Errc::remote_temporary, Errc::dane_mismatch},
         Errc::dane_mismatch,
         "4.7.5"},
        {"owed_protection_before_a_lost_connection",
         {Errc::connection_lost, Errc::sts_certificate},
         Errc::sts_certificate,
         "4.7.5"},
        {"owed_protection_before_dns",
         {Errc::dns_bogus, Errc::dane_lookup},
         Errc::dane_lookup,
         "4.7.5"},
        {"a_servers_word_before_a_lost_connection",
         {Errc::connection_lost, Errc::remote_temporary},
         Errc::remote_temporary,
         "4.0.0"},
        {"a_refused_password_counts_as_a_servers_word",
         {Errc::connect_failed, Errc::relay_auth},
         Errc::relay_auth,
         "4.7.8"},
        {"a_failed_handshake_counts_as_a_servers_word",
         {Errc::connection_lost, Errc::tls_handshake},
         Errc::tls_handshake,
         "4.7.5"},
        {"a_lost_connection_before_a_failed_one",
         {Errc::connect_failed, Errc::connection_lost},
         Errc::connection_lost,
         "4.4.2"},
        {"a_timeout_before_a_failed_connection",
         {Errc::connect_failed, Errc::timeout},
         Errc::timeout,
         "4.4.0"},
        {"a_failed_connection_before_dns",
         {Errc::dns_timeout, Errc::connect_failed},
         Errc::connect_failed,
         "4.4.1"},
        {"hope_at_one_host_outranks_the_hopeless_ones",
         {Errc::message_too_big, Errc::address_refused, Errc::dns_servfail},
         Errc::dns_servfail,
         "4.4.3"},
        {"hope_by_a_failed_connection_outranks_the_hopeless_ones",
         {Errc::no_addresses, Errc::connect_failed},
         Errc::connect_failed,
         "4.4.1"},
        {"no_host_has_an_address", {Errc::no_addresses}, Errc::no_addresses, "5.4.4"},
        {"every_address_is_refused", {Errc::address_refused}, Errc::address_refused, "5.4.6"},
        {"a_refused_address_says_more_than_none",
         {Errc::no_addresses, Errc::address_refused},
         Errc::address_refused,
         "5.4.6"},
        {"a_missing_extension_says_more_than_a_refused_address",
         {Errc::address_refused, Errc::eight_bit_unsupported},
         Errc::eight_bit_unsupported,
         "5.6.3"},
        {"too_big_for_every_host", {Errc::message_too_big}, Errc::message_too_big, "5.3.4"},
        {"no_host_knows_smtputf8",
         {Errc::smtputf8_unsupported},
         Errc::smtputf8_unsupported,
         "5.6.7"},
        {"the_domain_does_not_exist", {Errc::domain_not_found}, Errc::domain_not_found, "5.1.2"},
        {"the_domain_takes_no_mail", {Errc::null_mx}, Errc::null_mx, "5.1.10"},
        {"dns_trouble_alone", {Errc::dns_servfail}, Errc::dns_servfail, "4.4.3"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(Verdict, DANE_53_STS_33_owed_protection_never_ends_the_matter) {
  for (const Errc code : {Errc::dane_lookup, Errc::dane_mismatch, Errc::dane_no_tls,
                          Errc::sts_mx_mismatch, Errc::sts_certificate, Errc::sts_no_tls}) {
    const HostFailure told =
        most_telling({failed(code), failed(Errc::no_addresses), failed(Errc::message_too_big)}, {});
    EXPECT_EQ(to_string(told.error.code), to_string(code));
    EXPECT_EQ(told.error.retry, Retry::later) << to_string(code);
    EXPECT_EQ(told.error.status.klass, 4) << to_string(code);
  }
}

TEST(Verdict, a_5yz_greeting_at_every_host_is_never_final) {
  HostFailure greeting = failed(Errc::remote_permanent);
  greeting.error.retry = Retry::next_host;
  greeting.error.status = {5, 3, 2};
  const HostFailure told = most_telling({greeting, greeting}, {});
  EXPECT_EQ(told.error.retry, Retry::later);
  EXPECT_EQ(to_string(told.error.status), "4.3.2");
}

TEST(Verdict, of_equal_ones_the_first_host_is_told) {
  HostFailure first = failed(Errc::connect_failed);
  first.host = "mx1";
  HostFailure second = failed(Errc::connect_failed);
  second.host = "mx2";
  EXPECT_EQ(most_telling({first, second}, {}).host, "mx1");
  EXPECT_EQ(most_telling({second, first}, {}).host, "mx2");
}

TEST(Verdict, keeps_the_words_of_the_host_it_chose) {
  HostFailure words{.error = make_error(Errc::remote_temporary, "busy"),
                    .host = "mx1.b.example[192.0.2.7]:25",
                    .reply = "451 4.3.2 busy",
                    .tls = "dane"};
  words.error.status = {4, 3, 2};
  HostFailure told = most_telling({failed(Errc::connect_failed), words}, {});
  EXPECT_EQ(told, words) << "only retry and class may be changed, and both are right already";
}

TEST(Verdict, REQ_05_REQUIRETLS_that_no_host_can_do_is_final_unless_trouble_may_pass) {
  const HostFailure told =
      most_telling({failed(Errc::requiretls_unmet), failed(Errc::requiretls_unsupported)}, {});
  EXPECT_EQ(told.error.retry, Retry::never);
  EXPECT_EQ(told.error.status.klass, 5);
  const HostFailure waiting =
      most_telling({failed(Errc::requiretls_unsupported), failed(Errc::connect_failed)}, {});
  EXPECT_EQ(waiting.error.retry, Retry::later);
  EXPECT_EQ(to_string(waiting.error.code), "connect-failed");
}

TEST(Verdict, an_operator_may_have_mail_returned_at_once) {
  conf::Failure rules;
  rules.dane_mismatch.action = conf::FailureAction::bounce;
  const HostFailure told = most_telling({failed(Errc::dane_mismatch)}, rules);
  EXPECT_EQ(told.error.retry, Retry::never);
  EXPECT_EQ(to_string(told.error.status), "5.7.5");
  EXPECT_EQ(
      most_telling({failed(Errc::dane_mismatch), failed(Errc::dane_lookup)}, rules).error.retry,
      Retry::later)
      << "another host may still do";
  rules.requiretls.action = conf::FailureAction::defer;
  const HostFailure deferred = most_telling({failed(Errc::requiretls_unmet)}, rules);
  EXPECT_EQ(deferred.error.retry, Retry::later);
  EXPECT_EQ(to_string(deferred.error.status), "4.7.10");
}

}  // namespace
}  // namespace fulmar::delivery
