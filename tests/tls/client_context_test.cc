// What the client offers and accepts before any certificate is judged.
#include "tls/client_context.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "tests/tls/handshake.h"
#include "tls/verify.h"

namespace fulmar::tls {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHost = "mx.example.net";

Domain name(const char* text) {
  return Domain::parse(text).value();
}

TlsDecision at(TlsLevel level) {
  TlsDecision decision;
  decision.level = level;
  decision.host = decision.sni = name(kHost);
  decision.reference_names = {name(kHost)};
  return decision;
}

std::string write_ca(const std::string& pem) {
  const std::string path =
      ::testing::TempDir() + "fulmar_client_context_" + std::to_string(getpid()) + ".pem";
  fakes::write_pem(path, pem);
  return path;
}

class ClientContextTest : public ::testing::Test {
 protected:
  ClientContextTest()
      : root_(fakes::make_root()), leaf_(issue(root_, {.dns_names = {kHost}})), server_(leaf_) {}

  std::unique_ptr<ClientContext> make(std::string min_version = "1.2") {
    return ClientContext::create({.ca_file = write_ca(root_.certificate_pem()),
                                  .min_version = std::move(min_version)})
        .value();
  }

  bool handshake(const ClientContext& context, const TlsDecision& decision,
                 Groups groups = Groups::preferred) {
    client_ = context.new_smtp_session(decision, groups).value();
    session_ = server_.new_session();
    const bool done = shake_hands(client_.get(), session_.get());
    ERR_clear_error();
    return done;
  }

  fakes::Identity root_;
  fakes::Identity leaf_;
  TestServer server_;
  SslPtr client_;
  SslPtr session_;
};

TEST_F(ClientContextTest, pitfall_26_a_missing_or_empty_bundle_is_an_error_with_the_path) {
  const auto missing = ClientContext::create({.ca_file = "/nonexistent/ca.pem"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::io);
  EXPECT_THAT(missing.error().detail, HasSubstr("/nonexistent/ca.pem"));
  for (const char* text : {"", "no certificate\n"}) {
    const auto empty = ClientContext::create({.ca_file = write_ca(text)});
    ASSERT_FALSE(empty);
    EXPECT_EQ(empty.error().code, Errc::io);
  }
}

TEST_F(ClientContextTest, STS_38_DANE_47_SNI_follows_the_decision) {
  const auto context = make();
  for (const TlsLevel level : {TlsLevel::opportunistic, TlsLevel::sts, TlsLevel::dane}) {
    TlsDecision decision = at(level);
    decision.sni = name("base.example.net");
    ASSERT_TRUE(handshake(*context, decision));
    EXPECT_STREQ(SSL_get_servername(session_.get(), TLSEXT_NAMETYPE_host_name), "base.example.net");
  }
}

TEST_F(ClientContextTest, pitfall_27_no_SNI_for_an_address_literal) {
  const auto context = make();
  ASSERT_TRUE(handshake(*context, TlsDecision{}));
  EXPECT_EQ(SSL_get_servername(session_.get(), TLSEXT_NAMETYPE_host_name), nullptr);
}

TEST_F(ClientContextTest, BCP_01_TLS_1_1_is_never_negotiated) {
  const auto context = make();
  SSL_CTX_set_min_proto_version(server_.context(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(server_.context(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(server_.context(), "ALL:@SECLEVEL=0");
  EXPECT_FALSE(handshake(*context, at(TlsLevel::opportunistic)));
  EXPECT_FALSE(handshake(*context, at(TlsLevel::sts)));
}

TEST_F(ClientContextTest, pitfall_64_groups_are_configurable_and_classical_ones_always_there) {
  conf::Tls config{.ca_file = write_ca(root_.certificate_pem())};
  config.groups = "P-521";
  const auto context = ClientContext::create(config).value();
  SSL_CTX_set1_groups_list(server_.context(), "P-256");
  EXPECT_FALSE(handshake(*context, at(TlsLevel::opportunistic)));
  EXPECT_TRUE(handshake(*context, at(TlsLevel::opportunistic), Groups::classical));
  config.groups = "P-521:nonsense";
  const auto refused = ClientContext::create(config);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_THAT(refused.error().detail, HasSubstr("tls.groups"));
}

TEST_F(ClientContextTest, min_version_is_the_floor_of_the_verified_levels_alone) {
  const auto context = make("1.3");
  EXPECT_TRUE(handshake(*context, at(TlsLevel::sts)));
  SSL_CTX_set_max_proto_version(server_.context(), TLS1_2_VERSION);
  EXPECT_FALSE(handshake(*context, at(TlsLevel::sts)));
  EXPECT_FALSE(handshake(*context, at(TlsLevel::encrypt)));
  EXPECT_TRUE(handshake(*context, at(TlsLevel::opportunistic)));
}

TEST_F(ClientContextTest, BCP_03_verified_levels_want_AEAD) {
  const auto context = make();
  SSL_CTX_set_max_proto_version(server_.context(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(server_.context(), "ECDHE-ECDSA-AES128-SHA");
  EXPECT_FALSE(handshake(*context, at(TlsLevel::sts)));
  EXPECT_FALSE(handshake(*context, at(TlsLevel::dane)));
  EXPECT_TRUE(handshake(*context, at(TlsLevel::opportunistic)));
}

TEST_F(ClientContextTest, DANE_48_anonymous_ciphers_are_never_offered) {
  const auto context = make();
  for (const TlsLevel level : {TlsLevel::opportunistic, TlsLevel::sts}) {
    const SslPtr client = context->new_smtp_session(at(level)).value();
    const STACK_OF(SSL_CIPHER)* offered = SSL_get_ciphers(client.get());
    ASSERT_GT(sk_SSL_CIPHER_num(offered), 0);
    for (int i = 0; i < sk_SSL_CIPHER_num(offered); ++i) {
      const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(offered, i);
      EXPECT_NE(SSL_CIPHER_get_auth_nid(cipher), NID_auth_null) << SSL_CIPHER_get_name(cipher);
      EXPECT_GE(SSL_CIPHER_get_bits(cipher, nullptr), 112) << SSL_CIPHER_get_name(cipher);
    }
  }
}

/// A server as old as they come: RSA 1024, a short DH group.
class WeakServer {
 public:
  WeakServer() : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_set_cipher_list(context_.get(), "DHE-RSA-AES128-SHA:@SECLEVEL=0");
    SSL_CTX_set_max_proto_version(context_.get(), TLS1_2_VERSION);
    EvpKeyPtr key(EVP_RSA_gen(1024));
    X509Ptr certificate(X509_new());
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    FULMAR_CHECK(X509_sign(certificate.get(), key.get(), EVP_sha1()) > 0);
    FULMAR_CHECK(SSL_CTX_use_certificate(context_.get(), certificate.get()) == 1);
    FULMAR_CHECK(SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1);
    SSL_CTX_set_dh_auto(context_.get(), 2);  // 1024 bits always
  }
  [[nodiscard]] SslPtr new_session() const {
    SslPtr ssl(SSL_new(context_.get()));
    SSL_set_accept_state(ssl.get());
    return ssl;
  }

 private:
  SslCtxPtr context_;
};

TEST_F(ClientContextTest, pitfall_60_BCP_02_weak_TLS_beats_clear_text_where_nothing_is_owed) {
  const auto context = make();
  const WeakServer weak;
  client_ = context->new_smtp_session(at(TlsLevel::opportunistic)).value();
  session_ = weak.new_session();
  EXPECT_TRUE(shake_hands(client_.get(), session_.get())) << take_openssl_error();
  client_ = context->new_smtp_session(at(TlsLevel::sts)).value();
  session_ = weak.new_session();
  EXPECT_FALSE(shake_hands(client_.get(), session_.get()));
  ERR_clear_error();
}

TEST_F(ClientContextTest, BCP_07_pitfall_65_sessions_are_not_resumed) {
  const auto context = make();
  ASSERT_TRUE(handshake(*context, at(TlsLevel::opportunistic)));
  const SslPtr first = std::move(client_);
  ASSERT_TRUE(handshake(*context, at(TlsLevel::opportunistic)));
  EXPECT_EQ(SSL_session_reused(client_.get()), 0);
  EXPECT_TRUE(SSL_get_options(client_.get()) & SSL_OP_NO_TICKET);
  EXPECT_TRUE(SSL_get_options(client_.get()) & SSL_OP_NO_RENEGOTIATION);
  EXPECT_TRUE(SSL_get_options(client_.get()) & SSL_OP_NO_COMPRESSION);
}

TEST_F(ClientContextTest, a_DANE_session_without_a_name_is_refused) {
  const auto context = make();
  TlsDecision decision = at(TlsLevel::dane);
  decision.reference_names = {Domain{}};
  EXPECT_FALSE(context->new_smtp_session(decision));
  decision.reference_names.clear();
  EXPECT_FALSE(context->new_smtp_session(decision));
}

struct HttpsCase {
  const char* name;
  fakes::CertificateSpec certificate;
  bool trusted = true;
  bool accepted = false;
};

class HttpsSession : public ClientContextTest, public ::testing::WithParamInterface<HttpsCase> {};

TEST_P(HttpsSession, STS_12_pitfall_9_the_policy_host_is_fully_verified) {
  const auto context = make();
  const fakes::Identity stranger = fakes::make_root("stranger");
  const fakes::Identity leaf = issue(GetParam().trusted ? root_ : stranger, GetParam().certificate);
  const TestServer server(leaf);
  const SslPtr client = context->new_https_session(name("mta-sts.example.com")).value();
  const SslPtr session = server.new_session();
  EXPECT_EQ(shake_hands(client.get(), session.get()), GetParam().accepted);
  ERR_clear_error();
  if (GetParam().accepted) {
    EXPECT_STREQ(SSL_get_servername(session.get(), TLSEXT_NAMETYPE_host_name),
                 "mta-sts.example.com");  // STS-11
  } else {
    EXPECT_NE(SSL_get_verify_result(client.get()), X509_V_OK);
  }
}

INSTANTIATE_TEST_SUITE_P(
    ClientContext, HttpsSession,
    ::testing::Values(HttpsCase{"good", {.dns_names = {"mta-sts.example.com"}}, true, true},
                      HttpsCase{"wildcard", {.dns_names = {"*.example.com"}}, true, true},
                      HttpsCase{"partial_wildcard", {.dns_names = {"mta*.example.com"}}},
                      HttpsCase{"provider_name", {.dns_names = {"provider.example"}}},
                      HttpsCase{"CN_only", {.common_name = "mta-sts.example.com", .dns_names = {}}},
                      HttpsCase{"expired",
                                {.dns_names = {"mta-sts.example.com"},
                                 .ends_in = std::chrono::seconds(-60)}},
                      HttpsCase{"untrusted", {.dns_names = {"mta-sts.example.com"}}, false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(ClientContextTest, an_HTTPS_session_without_a_name_is_refused) {
  EXPECT_FALSE(make()->new_https_session(Domain{}));
}

}  // namespace
}  // namespace fulmar::tls
