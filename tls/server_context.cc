#include "tls/server_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "tls/certificate_facts.h"
#include "tls/openssl_ptr.h"

namespace fulmar::tls {
namespace {

// TLS 1.2 suites of RFC 9325 §4.2, and CBC ones with forward secrecy for old devices that submit
// mail.
constexpr const char* kCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!PSK:!SRP:@SECLEVEL=1";

constexpr std::size_t kMaxUserName = 255;

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

/// Whatever a client shows, the handshake goes on; client_identity() asks for the verdict.
int accept_any([[maybe_unused]] int verified, [[maybe_unused]] X509_STORE_CTX* store) {
  return 1;
}

Result<> ask_for_client_certificates(SSL_CTX* context, const std::string& ca_file) {
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(ca_file.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    return fail(Errc::io, "client_ca " + ca_file + ": " + take_openssl_error());
  }
  SSL_CTX_set_client_CA_list(context, names);  // takes it over
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
  return {};
}

bool could_be_a_user(std::string_view name) {
  return !name.empty() && name.size() <= kMaxUserName && is_valid_utf8(name) &&
         name.find(':') == std::string_view::npos && std::ranges::none_of(name, [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == 0x7F;
         });
}

std::string_view text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// The first alternative name of this type.
std::optional<std::string> alternative_name(const X509* certificate, int type) {
  struct FreeNames {
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  };
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == type) return std::string(text_of(name->d.ia5));
  }
  return std::nullopt;
}

std::optional<std::string> common_name(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return std::nullopt;
  unsigned char* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (length < 0) return std::nullopt;
  std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
  OPENSSL_free(text);
  return name;
}

}  // namespace

struct ServerContext::Handle {
  SslCtxPtr context;
};

Result<std::unique_ptr<ServerContext>> ServerContext::create(const std::string& certificate_file,
                                                             const std::string& key_file,
                                                             const std::string& client_ca_file) {
  FULMAR_TRY(SslCtxPtr context, make_context());
  if (!client_ca_file.empty()) {
    FULMAR_TRY_VOID(ask_for_client_certificates(context.get(), client_ca_file));
  }
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

UtcTime ServerContext::not_after() const {
  return utc_time(X509_get0_notAfter(SSL_CTX_get0_certificate(handle_->context.get())));
}

Result<SslPtr> ServerContext::new_session() const {
  SslPtr ssl(SSL_new(handle_->context.get()));
  if (ssl == nullptr) return fail(Errc::internal, "TLS session: " + take_openssl_error());
  SSL_set_accept_state(ssl.get());
  return ssl;
}

std::optional<std::string> client_identity(SSL* session) {
  const X509* certificate = SSL_get0_peer_certificate(session);
  if (certificate == nullptr || SSL_get_verify_result(session) != X509_V_OK) return std::nullopt;
  auto name = alternative_name(certificate, GEN_EMAIL);
  if (!name) name = alternative_name(certificate, GEN_DNS);
  // Names of domains have no case, so two spellings are one user.
  if (name) name = to_lower(*name);
  if (!name) name = common_name(certificate);
  if (!name || !could_be_a_user(*name)) return std::nullopt;
  return name;
}

std::string cipher_suite(SSL* session) {
  const char* name = SSL_CIPHER_standard_name(SSL_get_current_cipher(session));
  return name == nullptr ? "" : name;
}

}  // namespace fulmar::tls
