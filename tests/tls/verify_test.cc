// DANE and PKIX verification over handshakes in memory, with certificates made on the spot.
#include "tls/verify.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/tls/handshake.h"

namespace fulmar::tls {
namespace {

using fakes::CertificateSpec;
using fakes::Identity;
using resolver::TlsaRecord;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kHost = "mx.example.net";

Domain name(const char* text) {
  return Domain::parse(text).value();
}

std::string digest(const std::string& octets, const EVP_MD* algorithm) {
  std::string out(static_cast<std::size_t>(EVP_MD_get_size(algorithm)), '\0');
  EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr,
             algorithm, nullptr);
  return out;
}

TlsaRecord record(std::uint8_t usage, std::uint8_t selector, std::uint8_t type,
                  const Identity& of) {
  const std::string octets = selector == 0 ? of.certificate_der() : of.spki_der();
  if (type == 0) return {usage, selector, type, octets};
  return {usage, selector, type, digest(octets, type == 1 ? EVP_sha256() : EVP_sha512())};
}

TlsDecision dane(std::vector<TlsaRecord> records) {
  TlsDecision decision;
  decision.level = TlsLevel::dane;
  decision.host = decision.sni = name(kHost);
  decision.reference_names = {name(kHost), name("example.com")};
  decision.tlsa = std::move(records);
  return decision;
}

TlsDecision sts() {
  TlsDecision decision;
  decision.level = TlsLevel::sts;
  decision.host = decision.sni = name(kHost);
  decision.reference_names = {name(kHost)};
  return decision;
}

/// One public root, which the client trusts, and one private root, which only TLSA can vouch for.
class Verify : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    public_root_ = new Identity(fakes::make_root("public root"));
    private_root_ = new Identity(fakes::make_root("private root"));
    const std::string path =
        ::testing::TempDir() + "fulmar_verify_test_" + std::to_string(getpid()) + ".pem";
    fakes::write_pem(path, public_root_->certificate_pem());
    context_ = ClientContext::create({.ca_file = path}).value().release();
  }
  static void TearDownTestSuite() {
    delete context_;
    delete private_root_;
    delete public_root_;
  }

  static Identity leaf(const Identity& issuer, CertificateSpec spec = {.dns_names = {kHost}}) {
    return issue(issuer, spec);
  }

  static VerifyOutcome verify(const TestServer& server, const TlsDecision& decision) {
    const SslPtr client = context_->new_smtp_session(decision).value();
    const SslPtr session = server.new_session();
    EXPECT_TRUE(shake_hands(client.get(), session.get()));
    return verify_session(client.get(), decision, *context_);
  }

  static void expect_verified(const VerifyOutcome& outcome, TlsLevel level) {
    EXPECT_FALSE(outcome.failure) << to_string(*outcome.failure);
    EXPECT_EQ(outcome.achieved, level);
  }
  static void expect_failed(const VerifyOutcome& outcome, Errc code, const char* detail) {
    ASSERT_TRUE(outcome.failure);
    EXPECT_EQ(outcome.failure->code, code);
    EXPECT_THAT(outcome.failure->detail, HasSubstr(detail));
    EXPECT_EQ(outcome.achieved, TlsLevel::encrypt);
  }

  static inline Identity* public_root_ = nullptr;
  static inline Identity* private_root_ = nullptr;
  static inline ClientContext* context_ = nullptr;
};

// ---- DANE-EE ----

TEST_F(Verify, DANE_37_every_form_of_DANE_EE_matches) {
  const Identity end = leaf(*private_root_);
  const TestServer server(end);
  for (const std::uint8_t selector : {0, 1}) {
    for (const std::uint8_t type : {0, 1, 2}) {
      SCOPED_TRACE("3 " + std::to_string(selector) + ' ' + std::to_string(type));
      const TlsaRecord good = record(3, selector, type, end);
      const VerifyOutcome outcome = verify(server, dane({good}));
      expect_verified(outcome, TlsLevel::dane);
      EXPECT_EQ(outcome.matched_record, resolver::to_string(good));
    }
  }
}

TEST_F(Verify, DANE_31_a_record_for_another_key_is_a_mismatch_that_shows_both) {
  const Identity end = leaf(*private_root_);
  const VerifyOutcome outcome =
      verify(TestServer(end), dane({record(3, 1, 1, leaf(*private_root_))}));
  expect_failed(outcome, Errc::dane_mismatch, "no TLSA record matches; published \"3 1 1 ");
  EXPECT_THAT(outcome.failure->detail, HasSubstr(outcome.chain.front().spki_sha256));
  EXPECT_TRUE(outcome.matched_record.empty());
}

TEST_F(Verify, DANE_39_pitfall_40_DANE_EE_ignores_names_and_dates) {
  const Identity end =
      leaf(*private_root_,
           {.dns_names = {"wrong.example"}, .begins_in = -hours(48), .ends_in = -hours(24)});
  expect_verified(verify(TestServer(end), dane({record(3, 1, 1, end)})), TlsLevel::dane);
  const Identity early = leaf(*private_root_, {.begins_in = hours(24), .ends_in = hours(48)});
  expect_verified(verify(TestServer(early), dane({record(3, 0, 1, early)})), TlsLevel::dane);
}

TEST_F(Verify, DANE_39_a_self_signed_leaf_is_good_under_DANE_EE) {
  const Identity end = fakes::make_self_signed({.dns_names = {}});
  expect_verified(verify(TestServer(end), dane({record(3, 1, 1, end)})), TlsLevel::dane);
}

TEST_F(Verify, DANE_50_rollover_records_match_with_either_key) {
  const Identity old_key = leaf(*private_root_);
  const Identity new_key = leaf(*private_root_);
  const TlsDecision both = dane({record(3, 1, 1, old_key), record(3, 1, 1, new_key)});
  expect_verified(verify(TestServer(old_key), both), TlsLevel::dane);
  expect_verified(verify(TestServer(new_key), both), TlsLevel::dane);
}

// ---- DANE-TA ----

TEST_F(Verify, DANE_40_every_form_of_DANE_TA_matches_a_private_root) {
  const Identity end = leaf(*private_root_);
  const TestServer server(end, {private_root_});
  for (const std::uint8_t selector : {0, 1}) {
    for (const std::uint8_t type : {0, 1, 2}) {
      SCOPED_TRACE("2 " + std::to_string(selector) + ' ' + std::to_string(type));
      expect_verified(verify(server, dane({record(2, selector, type, *private_root_)})),
                      TlsLevel::dane);
    }
  }
}

TEST_F(Verify, DANE_41_full_trust_anchors_need_not_be_sent) {
  const Identity end = leaf(*private_root_);
  const TestServer server(end);
  expect_verified(verify(server, dane({record(2, 0, 0, *private_root_)})), TlsLevel::dane);
  expect_verified(verify(server, dane({record(2, 1, 0, *private_root_)})), TlsLevel::dane);
  expect_failed(verify(server, dane({record(2, 1, 1, *private_root_)})), Errc::dane_mismatch,
                "no TLSA record matches");
}

TEST_F(Verify, pitfall_39_the_anchor_may_be_any_issuer_in_a_long_chain) {
  const Identity upper = issue(*private_root_, {.common_name = "upper", .authority = true});
  const Identity lower = issue(upper, {.common_name = "lower", .authority = true});
  const Identity end = leaf(lower);
  const TestServer server(end, {&lower, &upper});
  expect_verified(verify(server, dane({record(2, 1, 1, lower)})), TlsLevel::dane);
  expect_verified(verify(server, dane({record(2, 0, 1, upper)})), TlsLevel::dane);
  expect_failed(verify(server, dane({record(2, 0, 1, *private_root_)})), Errc::dane_mismatch,
                "no TLSA record matches");
  const TestServer with_root(end, {&lower, &upper, private_root_});
  expect_verified(verify(with_root, dane({record(2, 0, 1, *private_root_)})), TlsLevel::dane);
}

TEST_F(Verify, DANE_40_DANE_TA_checks_dates) {
  const Identity end = leaf(*private_root_, {.dns_names = {kHost}, .ends_in = -hours(1)});
  expect_failed(verify(TestServer(end, {private_root_}), dane({record(2, 1, 1, *private_root_)})),
                Errc::dane_mismatch, "expired");
}

TEST_F(Verify, DANE_42_DANE_TA_keeps_the_path_length) {
  const Identity top =
      fakes::make_self_signed({.common_name = "top", .authority = true, .path_length = 0});
  const Identity middle = issue(top, {.common_name = "middle", .authority = true});
  const Identity end = leaf(middle);
  const VerifyOutcome outcome =
      verify(TestServer(end, {&middle, &top}), dane({record(2, 0, 1, top)}));
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->code, Errc::dane_mismatch);
}

struct NameCase {
  const char* name;
  CertificateSpec certificate;
  bool dane_ta;
  bool pkix;
};

class VerifyNames : public Verify, public ::testing::WithParamInterface<NameCase> {};

// The reference names are mx.example.net and example.com under DANE-TA, mx.example.net alone under
// MTA-STS.
TEST_P(VerifyNames, DaneTa) {
  const Identity end = leaf(*private_root_, GetParam().certificate);
  const VerifyOutcome outcome =
      verify(TestServer(end, {private_root_}), dane({record(2, 1, 1, *private_root_)}));
  if (GetParam().dane_ta) return expect_verified(outcome, TlsLevel::dane);
  expect_failed(outcome, Errc::dane_mismatch, "names none of mx.example.net, example.com");
}

TEST_P(VerifyNames, Pkix) {
  const Identity end = leaf(*public_root_, GetParam().certificate);
  const VerifyOutcome outcome = verify(TestServer(end), sts());
  if (GetParam().pkix) return expect_verified(outcome, TlsLevel::sts);
  expect_failed(outcome, Errc::sts_certificate, "ostname mismatch");
}

INSTANTIATE_TEST_SUITE_P(
    Verify, VerifyNames,
    ::testing::Values(
        NameCase{"the_host", {.dns_names = {kHost}}, true, true},
        NameCase{"NAM_01_in_another_case", {.dns_names = {"MX.Example.NET"}}, true, true},
        NameCase{"one_of_several", {.dns_names = {"a.example", kHost}}, true, true},
        NameCase{
            "DANE_44_pitfall_41_the_next_hop_domain", {.dns_names = {"example.com"}}, true, false},
        NameCase{"a_third_name", {.dns_names = {"example.net"}}, false, false},
        NameCase{"DANE_46_NAM_02_a_wildcard_for_one_label",
                 {.dns_names = {"*.example.net"}},
                 true,
                 true},
        NameCase{"NAM_02_a_wildcard_for_two_labels", {.dns_names = {"*.net"}}, false, false},
        NameCase{"NAM_02_a_partial_wildcard", {.dns_names = {"m*.example.net"}}, false, false},
        NameCase{"NAM_02_a_wildcard_not_left_most", {.dns_names = {"mx.*.net"}}, false, false},
        NameCase{"DANE_45_STS_31_pitfall_27_the_CN_alone",
                 {.common_name = kHost, .dns_names = {}},
                 true,
                 false},
        NameCase{"DANE_45_the_CN_beside_another_SAN",
                 {.common_name = kHost, .dns_names = {"a.example"}},
                 false,
                 false}),
    [](const auto& row) { return std::string(row.param.name); });

// ---- sets of records ----

TEST_F(Verify, DANE_43_pitfall_38_EE_and_TA_records_are_alternatives) {
  const Identity end = leaf(*private_root_);
  const TestServer server(end, {private_root_});
  const TlsaRecord other_ee = record(3, 1, 1, leaf(*public_root_));
  const TlsaRecord other_ta = record(2, 1, 1, *public_root_);
  expect_verified(verify(server, dane({other_ee, record(2, 1, 1, *private_root_)})),
                  TlsLevel::dane);
  expect_verified(verify(server, dane({other_ta, record(3, 1, 1, end)})), TlsLevel::dane);
  expect_failed(verify(server, dane({other_ta, other_ee})), Errc::dane_mismatch,
                "no TLSA record matches");
}

TEST_F(Verify, pitfall_37_a_public_chain_without_usable_records_never_passes_as_DANE) {
  const Identity end = leaf(*public_root_);
  const TestServer server(end, {public_root_});
  const TlsaRecord broken_full{3, 0, 0, "not a certificate"};
  const TlsaRecord pkix_ee = record(1, 1, 1, end);
  const TlsaRecord pkix_ta = record(0, 0, 1, *public_root_);
  const TlsaRecord short_digest{3, 1, 1, "abc"};
  const TlsaRecord unknown_type{3, 1, 9, std::string(32, 'x')};
  const TlsaRecord unknown_selector{3, 7, 1, std::string(32, 'x')};
  expect_failed(verify(server, dane({})), Errc::dane_mismatch, "no TLSA record matches");
  for (const TlsaRecord& bad :
       {broken_full, pkix_ee, pkix_ta, short_digest, unknown_type, unknown_selector}) {
    SCOPED_TRACE(resolver::to_string(bad));
    expect_failed(verify(server, dane({bad})), Errc::dane_mismatch, "no TLSA record matches");
    expect_verified(verify(server, dane({bad, record(3, 1, 1, end)})), TlsLevel::dane);
  }
}

TEST_F(Verify, pitfall_39_a_public_root_is_no_trust_anchor_for_DANE) {
  const Identity end = leaf(*public_root_);
  expect_failed(verify(TestServer(end, {public_root_}), dane({record(2, 1, 1, *private_root_)})),
                Errc::dane_mismatch, "no TLSA record matches");
}

// ---- PKIX for MTA-STS ----

TEST_F(Verify, STS_31_a_trusted_chain_that_names_the_host_passes) {
  const Identity middle = issue(*public_root_, {.common_name = "middle", .authority = true});
  const Identity end = leaf(middle);
  const VerifyOutcome outcome = verify(TestServer(end, {&middle}), sts());
  expect_verified(outcome, TlsLevel::sts);
  ASSERT_EQ(outcome.chain.size(), 2U);
  EXPECT_EQ(outcome.chain[0].issuer, "CN=middle");
  EXPECT_EQ(outcome.chain[1].subject, "CN=middle");
}

TEST_F(Verify, STS_31_an_untrusted_chain_fails_and_the_issuer_is_named) {
  const Identity end = leaf(*private_root_);
  expect_failed(verify(TestServer(end), sts()), Errc::sts_certificate,
                "issuer \"CN=private root\"");
  expect_failed(verify(TestServer(end, {private_root_}), sts()), Errc::sts_certificate,
                "self-signed certificate in certificate chain");
  const Identity alone = fakes::make_self_signed({.dns_names = {kHost}});
  expect_failed(verify(TestServer(alone), sts()), Errc::sts_certificate, "self-signed");
}

TEST_F(Verify, STS_31_dates_count) {
  const Identity old = leaf(*public_root_, {.dns_names = {kHost}, .ends_in = -hours(1)});
  expect_failed(verify(TestServer(old), sts()), Errc::sts_certificate, "expired");
  const Identity early = leaf(*public_root_, {.dns_names = {kHost}, .begins_in = hours(1)});
  expect_failed(verify(TestServer(early), sts()), Errc::sts_certificate, "not yet valid");
}

TEST_F(Verify, pitfall_26_an_expired_cross_signature_does_not_hide_a_trusted_root) {
  Identity old_root = fakes::make_root("gone root");
  const Identity end = leaf(*public_root_);
  // The same name and key as the trusted root, signed by a root nobody trusts, and expired.
  X509Ptr cross(X509_dup(public_root_->certificate.get()));
  X509_set_issuer_name(cross.get(), X509_get_subject_name(old_root.certificate.get()));
  X509_gmtime_adj(X509_getm_notAfter(cross.get()), -3600);
  ASSERT_GT(X509_sign(cross.get(), old_root.key.get(), EVP_sha256()), 0);
  const Identity crossed{std::move(cross), nullptr};
  expect_verified(verify(TestServer(end, {&crossed}), sts()), TlsLevel::sts);
}

TEST_F(Verify, DANE_58_level_encrypt_and_opportunistic_verify_nothing) {
  const Identity end = fakes::make_self_signed({.dns_names = {}});
  TlsDecision decision = sts();
  decision.level = TlsLevel::encrypt;
  expect_verified(verify(TestServer(end), decision), TlsLevel::encrypt);
  decision.level = TlsLevel::opportunistic;
  expect_verified(verify(TestServer(end), decision), TlsLevel::encrypt);
}

// ---- an operator's names, REQUIRETLS, waived ----

conf::DomainPattern pattern(const char* text) {
  return conf::DomainPattern::parse(text).value();
}

TlsDecision secure(std::vector<conf::DomainPattern> names) {
  TlsDecision decision;
  decision.level = TlsLevel::secure;
  decision.host = decision.sni = name(kHost);
  decision.pkix_names = std::move(names);
  return decision;
}

TEST_F(Verify, secure_accepts_any_name_on_the_list_and_no_other) {
  const TestServer server(leaf(*public_root_, {.dns_names = {"relay.partner.example"}}));
  expect_verified(verify(server, secure({pattern("relay.partner.example")})), TlsLevel::secure);
  expect_verified(verify(server, secure({pattern("other.example"), pattern(".partner.example")})),
                  TlsLevel::secure);
  for (const char* other :
       {"partner.example", kHost, ".relay.partner.example", "lay.partner.example"}) {
    expect_failed(verify(server, secure({pattern(other)})), Errc::rule_certificate,
                  "ostname mismatch");
  }
}

TEST_F(Verify, secure_needs_a_public_authority_and_a_list) {
  const TestServer unknown(leaf(*private_root_));
  expect_failed(verify(unknown, secure({pattern(kHost)})), Errc::rule_certificate,
                "does not verify");
  const TestServer known(leaf(*public_root_));
  expect_failed(verify(known, secure({})), Errc::rule_certificate, "not verified");
  expect_failed(verify(known, secure({pattern("*")})), Errc::rule_certificate, "not verified");
}

TEST_F(Verify, REQ_04_what_fails_under_REQUIRETLS_is_its_failure) {
  const Identity end = leaf(*private_root_);
  TlsDecision decision = dane({record(3, 1, 1, leaf(*private_root_))});
  decision.requiretls = true;
  expect_failed(verify(TestServer(end), decision), Errc::requiretls_unmet, "dane-mismatch: ");
  decision = sts();
  decision.requiretls = true;
  expect_failed(verify(TestServer(end), decision), Errc::requiretls_unmet, "sts-certificate: ");
}

TEST_F(Verify, REQ_08_what_is_waived_is_recorded_and_holds_nothing_back) {
  const Identity end = leaf(*private_root_);
  TlsDecision decision = dane({record(3, 1, 1, leaf(*private_root_))});
  decision.enforced = false;
  const VerifyOutcome outcome = verify(TestServer(end), decision);
  EXPECT_FALSE(outcome.failure);
  ASSERT_TRUE(outcome.waived);
  EXPECT_EQ(outcome.waived->code, Errc::dane_mismatch);
  EXPECT_EQ(outcome.achieved, TlsLevel::encrypt) << "no better name than it earned";
  decision.tlsa = {record(3, 1, 1, end)};
  expect_verified(verify(TestServer(end), decision), TlsLevel::dane);
}

TEST_F(Verify, BCP_04_verified_TLS_1_2_needs_extended_master_secret) {
  const Identity end = leaf(*public_root_);
  const TestServer server(end);
  SSL_CTX_set_max_proto_version(server.context(), TLS1_2_VERSION);
  expect_verified(verify(server, sts()), TlsLevel::sts);
  SSL_CTX_set_options(server.context(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  expect_failed(verify(server, sts()), Errc::sts_no_tls, "extended_master_secret");
  expect_failed(verify(server, dane({record(3, 1, 1, end)})), Errc::dane_no_tls,
                "extended_master_secret");
  TlsDecision decision = sts();
  decision.level = TlsLevel::encrypt;
  expect_verified(verify(server, decision), TlsLevel::encrypt);
}

// ---- both, and testing ----

TEST_F(Verify, DANE_59_when_both_are_owed_both_must_hold) {
  const Identity trusted = leaf(*public_root_);
  const Identity untrusted = leaf(*private_root_);
  TlsDecision decision = dane({record(3, 1, 1, trusted)});
  decision.level = TlsLevel::dane_host_only;
  decision.sts_must_pass = true;
  expect_verified(verify(TestServer(trusted), decision), TlsLevel::dane_host_only);
  expect_failed(verify(TestServer(untrusted), decision), Errc::dane_mismatch, "no TLSA");
  decision.tlsa = {record(3, 1, 1, untrusted)};
  expect_failed(verify(TestServer(untrusted), decision), Errc::sts_certificate, "does not verify");
}

TEST_F(Verify, DANE_59_PKIX_is_about_the_MX_host_even_when_the_TLSA_base_differs) {
  const Identity end = leaf(*public_root_, {.dns_names = {"base.example.net"}});
  TlsDecision decision = dane({record(3, 1, 1, end)});
  decision.level = TlsLevel::dane_host_only;
  decision.sni = name("base.example.net");
  decision.reference_names = {name("base.example.net")};
  decision.sts_must_pass = true;
  expect_failed(verify(TestServer(end), decision), Errc::sts_certificate, "ostname mismatch");
}

TEST_F(Verify, STS_35_under_testing_a_bad_certificate_is_recorded_and_no_failure) {
  const Identity end = leaf(*private_root_);
  TlsDecision decision = sts();
  decision.level = TlsLevel::opportunistic;
  decision.reference_names.clear();
  decision.sts_testing = true;
  VerifyOutcome outcome = verify(TestServer(end), decision);
  EXPECT_FALSE(outcome.failure);
  ASSERT_TRUE(outcome.testing_failure);
  EXPECT_EQ(outcome.testing_failure->code, Errc::sts_certificate);
  EXPECT_EQ(outcome.achieved, TlsLevel::encrypt);

  EXPECT_FALSE(verify(TestServer(leaf(*public_root_)), decision).testing_failure);

  decision.sts_testing_failure = make_error(Errc::sts_mx_mismatch, "not listed");
  outcome = verify(TestServer(leaf(*public_root_)), decision);
  ASSERT_TRUE(outcome.testing_failure);
  EXPECT_EQ(outcome.testing_failure->code, Errc::sts_mx_mismatch);
}

// ---- facts ----

TEST_F(Verify, the_facts_of_the_certificate_are_kept) {
  const Identity end =
      leaf(*private_root_, {.common_name = "two\nlines", .dns_names = {kHost, "b.example"}});
  const VerifyOutcome outcome = verify(TestServer(end), dane({record(3, 1, 1, end)}));
  ASSERT_EQ(outcome.chain.size(), 1U);
  const CertificateFacts& facts = outcome.chain.front();
  EXPECT_EQ(facts.issuer, "CN=private root");
  EXPECT_EQ(facts.subject.find('\n'), std::string::npos);
  EXPECT_THAT(facts.names, ElementsAre(kHost, "b.example"));
  EXPECT_EQ(facts.not_after - facts.not_before, hours(48));
  EXPECT_EQ("3 1 1 " + facts.spki_sha256, outcome.matched_record);
  EXPECT_EQ(outcome.protocol, "TLSv1.3");
  EXPECT_FALSE(outcome.cipher.empty());
}

TEST_F(Verify, pitfall_75_long_and_many_names_are_cut) {
  CertificateSpec spec{.dns_names = {}};
  for (int i = 0; i < 40; ++i)
    spec.dns_names.push_back("n" + std::to_string(i) + ".example");
  const VerifyOutcome outcome = verify(TestServer(leaf(*public_root_, spec)), sts());
  EXPECT_EQ(outcome.chain.front().names.size(), 20U);
  ASSERT_TRUE(outcome.failure);
  EXPECT_LT(outcome.failure->detail.size(), 600U);
}

}  // namespace
}  // namespace fulmar::tls
