// The listener's certificate and key: what is loaded, and what is refused at start.
#include "tls/server_context.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "tests/tls/handshake.h"

namespace fulmar::tls {
namespace {

using ::testing::HasSubstr;

class ServerContextTest : public ::testing::Test {
 protected:
  static std::string path(const char* what) {
    return ::testing::TempDir() + "fulmar_server_context_" + std::to_string(getpid()) + what +
           ".pem";
  }
  static void write(const fakes::Identity& identity, const std::string& issuers = "") {
    fakes::write_pem(path("cert"), identity.certificate_pem() + issuers);
    fakes::write_pem(path("key"), identity.key_pem());
  }
  static auto create() { return ServerContext::create(path("cert"), path("key"), ""); }

  /// A client that takes any certificate.
  static SslPtr make_client(const SslCtxPtr& context) {
    SslPtr client(SSL_new(context.get()));
    SSL_set_connect_state(client.get());
    return client;
  }
  SslCtxPtr any_ = SslCtxPtr(SSL_CTX_new(TLS_client_method()));
};

TEST_F(ServerContextTest, the_chain_is_sent_leaf_first) {
  const fakes::Identity root = fakes::make_root();
  const fakes::Identity middle = issue(root, {.common_name = "middle", .authority = true});
  write(issue(middle, {.common_name = "leaf", .dns_names = {"relay.example.com"}}),
        middle.certificate_pem());
  const auto context = create();
  ASSERT_TRUE(context) << context.error().detail;
  const SslPtr client = make_client(any_);
  const SslPtr session = (*context)->new_session().value();
  ASSERT_TRUE(shake_hands(client.get(), session.get()));
  EXPECT_STREQ(SSL_get_version(client.get()), "TLSv1.3");
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(client.get())), 2);
}

TEST_F(ServerContextTest, BCP_01_TLS_1_1_is_refused_and_1_2_is_served) {
  write(fakes::make_self_signed({.dns_names = {"relay.example.com"}}));
  const auto context = create();
  ASSERT_TRUE(context);
  SSL_CTX_set_max_proto_version(any_.get(), TLS1_2_VERSION);
  const SslPtr modern = make_client(any_);
  const SslPtr good = (*context)->new_session().value();
  EXPECT_TRUE(shake_hands(modern.get(), good.get()));
  SSL_CTX_set_min_proto_version(any_.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(any_.get(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(any_.get(), "ALL:@SECLEVEL=0");
  const SslPtr old = make_client(any_);
  const SslPtr bad = (*context)->new_session().value();
  EXPECT_FALSE(shake_hands(old.get(), bad.get()));
  ERR_clear_error();
}

TEST_F(ServerContextTest, a_file_that_cannot_be_read_is_named) {
  write(fakes::make_self_signed({.dns_names = {}}));
  const auto no_certificate = ServerContext::create("/nonexistent/cert.pem", path("key"), "");
  ASSERT_FALSE(no_certificate);
  EXPECT_EQ(no_certificate.error().code, Errc::io);
  EXPECT_THAT(no_certificate.error().detail, HasSubstr("/nonexistent/cert.pem"));
  const auto no_key = ServerContext::create(path("cert"), "/nonexistent/key.pem", "");
  ASSERT_FALSE(no_key);
  EXPECT_EQ(no_key.error().code, Errc::io);
  EXPECT_THAT(no_key.error().detail, HasSubstr("/nonexistent/key.pem"));
}

TEST_F(ServerContextTest, a_key_of_another_certificate_is_refused) {
  write(fakes::make_self_signed({.dns_names = {}}));
  fakes::write_pem(path("key"), fakes::make_self_signed({.dns_names = {}}).key_pem());
  const auto context = create();
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().code, Errc::invalid_argument);
  EXPECT_THAT(context.error().detail, HasSubstr("does not belong"));
}

TEST_F(ServerContextTest, when_the_certificate_expires_is_known) {
  write(fakes::make_self_signed({.dns_names = {}, .ends_in = std::chrono::hours(100)}));
  const auto left = create().value()->not_after() - SystemClock().utc_now();
  EXPECT_GT(left, std::chrono::hours(99));
  EXPECT_LE(left, std::chrono::hours(100));
}

TEST_F(ServerContextTest, an_expired_certificate_is_refused) {
  write(fakes::make_self_signed({.dns_names = {}, .ends_in = std::chrono::seconds(-60)}));
  const auto context = create();
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().code, Errc::invalid_argument);
  EXPECT_THAT(context.error().detail, HasSubstr("expired"));
}

TEST_F(ServerContextTest, whom_a_client_certificate_names) {
  const fakes::Identity ours = fakes::make_root();
  const fakes::Identity foreign = fakes::make_root();
  write(fakes::make_self_signed({.dns_names = {"relay.example.com"}}));
  fakes::write_pem(path("clients"), ours.certificate_pem());
  const auto context = ServerContext::create(path("cert"), path("key"), path("clients"));
  ASSERT_TRUE(context) << context.error().detail;
  const fakes::Identity device =
      issue(ours, {.common_name = "name", .dns_names = {"device.example.com", "other.example"}});
  const fakes::Identity plain = issue(ours, {.common_name = "printer-3"});
  const fakes::Identity spaced = issue(ours, {.common_name = "two words"});
  const fakes::Identity old =
      issue(ours, {.common_name = "old", .ends_in = std::chrono::seconds(-60)});
  const fakes::Identity stranger = issue(foreign, {.common_name = "printer-3"});
  struct Row {
    const fakes::Identity* shown;
    std::string want;  // empty: nobody
  };
  for (const Row& row : {Row{&device, "device.example.com"}, Row{&plain, "printer-3"},
                         Row{&spaced, ""}, Row{&old, ""}, Row{&stranger, ""}, Row{nullptr, ""}}) {
    const SslPtr client = make_client(any_);
    if (row.shown != nullptr) {
      ASSERT_EQ(SSL_use_certificate(client.get(), row.shown->certificate.get()), 1);
      ASSERT_EQ(SSL_use_PrivateKey(client.get(), row.shown->key.get()), 1);
    }
    const SslPtr session = (*context)->new_session().value();
    ASSERT_TRUE(shake_hands(client.get(), session.get())) << "nobody is turned away for it";
    EXPECT_EQ(client_identity(session.get()).value_or(""), row.want);
    EXPECT_EQ(cipher_suite(session.get()), "TLS_AES_256_GCM_SHA384");
  }
}

TEST_F(ServerContextTest, without_an_authority_no_certificate_is_asked_for) {
  const fakes::Identity root = fakes::make_root();
  const fakes::Identity device = issue(root, {.common_name = "printer-3"});
  write(fakes::make_self_signed({.dns_names = {"relay.example.com"}}));
  const auto context = create();
  ASSERT_TRUE(context);
  const SslPtr client = make_client(any_);
  ASSERT_EQ(SSL_use_certificate(client.get(), device.certificate.get()), 1);
  ASSERT_EQ(SSL_use_PrivateKey(client.get(), device.key.get()), 1);
  const SslPtr session = (*context)->new_session().value();
  ASSERT_TRUE(shake_hands(client.get(), session.get()));
  EXPECT_FALSE(client_identity(session.get()));
}

TEST_F(ServerContextTest, an_authority_that_cannot_be_read_is_named) {
  write(fakes::make_self_signed({.dns_names = {"relay.example.com"}}));
  const auto context = ServerContext::create(path("cert"), path("key"), "/nonexistent/ca.pem");
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().code, Errc::io);
  EXPECT_THAT(context.error().detail, HasSubstr("/nonexistent/ca.pem"));
}

}  // namespace
}  // namespace fulmar::tls
