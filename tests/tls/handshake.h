// A TLS handshake between two sessions in memory: no socket, no thread.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "base/check.h"
#include "tests/fakes/test_ca.h"
#include "tls/client_context.h"
#include "tls/openssl_ptr.h"

namespace fulmar::tls {

/// A TLS server with a given certificate and the issuers it sends along.
class TestServer {
 public:
  explicit TestServer(const fakes::Identity& leaf,
                      const std::vector<const fakes::Identity*>& issuers = {})
      : context_(SSL_CTX_new(TLS_server_method())) {
    FULMAR_CHECK(SSL_CTX_use_certificate(context_.get(), leaf.certificate.get()) == 1);
    FULMAR_CHECK(SSL_CTX_use_PrivateKey(context_.get(), leaf.key.get()) == 1);
    for (const fakes::Identity* issuer : issuers) {
      FULMAR_CHECK(SSL_CTX_add1_chain_cert(context_.get(), issuer->certificate.get()) == 1);
    }
  }

  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }
  [[nodiscard]] SslPtr new_session() const {
    SslPtr ssl(SSL_new(context_.get()));
    SSL_set_accept_state(ssl.get());
    return ssl;
  }

 private:
  SslCtxPtr context_;
};

/// True when both sides finish.
inline bool shake_hands(SSL* client, SSL* server) {
  BIO* client_end = nullptr;
  BIO* server_end = nullptr;
  FULMAR_CHECK(BIO_new_bio_pair(&client_end, 65'536, &server_end, 65'536) == 1);
  SSL_set_bio(client, client_end, client_end);
  SSL_set_bio(server, server_end, server_end);
  for (int round = 0; round < 20; ++round) {
    const int client_rc = SSL_do_handshake(client);
    if (client_rc != 1 && SSL_get_error(client, client_rc) != SSL_ERROR_WANT_READ) return false;
    const int server_rc = SSL_do_handshake(server);
    if (server_rc != 1 && SSL_get_error(server, server_rc) != SSL_ERROR_WANT_READ) return false;
    if (client_rc == 1 && server_rc == 1) return true;
  }
  return false;
}

}  // namespace fulmar::tls
