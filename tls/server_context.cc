#include "tls/server_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

#include "tls/openssl_ptr.h"

namespace fulmar::tls {
namespace {

// TLS 1.2 suites of RFC 9325 §4.2, and CBC ones with forward secrecy for old devices that submit
// mail.
constexpr const char* kCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!PSK:!SRP:@SECLEVEL=1";

Result<SslCtxPtr> make_context() {
  SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return fail(Errc::internal, "TLS context: " + take_openssl_error());
  // RFC 9325 §3.3, §3.5; 0-RTT stays off, as nothing gives SMTP a profile for it (§3.10).
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_set_max_early_data(context.get(), 0) != 1 ||
      SSL_CTX_set_num_tickets(context.get(), 0) != 1 ||
      SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1) {
    return fail(Errc::internal, "TLS settings: " + take_openssl_error());
  }
  return context;
}

}  // namespace

struct ServerContext::Handle {
  SslCtxPtr context;
};

Result<std::unique_ptr<ServerContext>> ServerContext::create(const std::string& certificate_file,
                                                             const std::string& key_file) {
  FULMAR_TRY(SslCtxPtr context, make_context());
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    return fail(Errc::io, "certificate " + certificate_file + ": " + take_openssl_error());
  }
  const X509* leaf = SSL_CTX_get0_certificate(context.get());
  if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0) {
    return fail(Errc::invalid_argument, "certificate " + certificate_file + " has expired");
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    // OpenSSL compares the key with the certificate at once, so a pair that does not fit ends here
    // too.
    const unsigned long code = ERR_peek_last_error();
    const bool mismatch =
        ERR_GET_LIB(code) == ERR_LIB_X509 && (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
                                              ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH);
    const std::string reason = take_openssl_error();
    if (mismatch) {
      return fail(Errc::invalid_argument, "key " + key_file + " does not belong to certificate " +
                                              certificate_file + ": " + reason);
    }
    return fail(Errc::io, "key " + key_file + ": " + reason);
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return fail(Errc::invalid_argument, "key " + key_file + " does not belong to certificate " +
                                            certificate_file + ": " + take_openssl_error());
  }
  return std::unique_ptr<ServerContext>(
      new ServerContext(std::make_unique<Handle>(Handle{std::move(context)})));
}

ServerContext::ServerContext(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
ServerContext::~ServerContext() = default;

Result<SslPtr> ServerContext::new_session() const {
  SslPtr ssl(SSL_new(handle_->context.get()));
  if (ssl == nullptr) return fail(Errc::internal, "TLS session: " + take_openssl_error());
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace fulmar::tls
