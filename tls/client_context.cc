#include "tls/client_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "tls/openssl_ptr.h"

namespace fulmar::tls {
namespace {

// BCP 195 (RFC 9325) §4.2: ECDHE with AEAD only. TLS 1.3 suites are AEAD all, and stay at the
// library's default.
constexpr const char* kStrictCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK:!SRP:@SECLEVEL=2";
// RFC 9325 §5.2: what is refused here goes out in clear text instead, so short DH groups, SHA-1
// signatures and CBC are taken (pitfall 60); what gives no secrecy at all is not. RFC 9325 §4.1
constexpr const char* kPermissiveCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ALL:!aNULL:!eNULL:!EXPORT:!LOW:!RC4:!PSK:!SRP:@SECLEVEL=0";

constexpr const char* kClassicalGroups = "X25519:P-256:P-384";

constexpr std::uint8_t kDaneTa = 2;  // RFC 7671 §5.2
constexpr std::uint8_t kDaneEe = 3;  // RFC 7671 §5.1

constexpr unsigned kStrictNames =
    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

/// What all profiles share. RFC 9325 §3.3 (compression), §3.5 (renegotiation); BCP-07 (no
/// resumption).
Result<SslCtxPtr> make_context(int min_version, const char* ciphers) {
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return fail(Errc::internal, "TLS context: " + take_openssl_error());
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_set_min_proto_version(context.get(), min_version) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), ciphers) != 1) {
    return fail(Errc::internal, "TLS settings: " + take_openssl_error());
  }
  return context;
}

/// For mail hosts: no trust anchors at all, so that nothing but a TLSA record can make OpenSSL's
/// own verification succeed; the trust store is consulted by verify_session() alone.
Result<SslCtxPtr> make_smtp_context(int min_version, const char* ciphers,
                                    const std::string& groups) {
  FULMAR_TRY(SslCtxPtr context, make_context(min_version, ciphers));
  if (!groups.empty() && SSL_CTX_set1_groups_list(context.get(), groups.c_str()) != 1) {
    return fail(Errc::invalid_argument, "tls.groups \"" + groups + "\": " + take_openssl_error());
  }
  // SMTP frames its messages itself, and peers close without close_notify (pitfall 62).
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  if (SSL_CTX_dane_enable(context.get()) != 1) {
    return fail(Errc::internal, "DANE: " + take_openssl_error());
  }
  // RFC 7672 §3.1.1: names in a certificate matched by DANE-EE mean nothing.
  SSL_CTX_dane_set_flags(context.get(), DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  return context;
}

/// For policy hosts. An unexpected end of file stays an error here: it could cut a policy short.
Result<SslCtxPtr> make_https_context(int min_version, X509_STORE* trust) {
  FULMAR_TRY(SslCtxPtr context, make_context(min_version, kStrictCiphers));
  SSL_CTX_set1_cert_store(context.get(), trust);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* param = SSL_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_TRUSTED_FIRST);
  X509_VERIFY_PARAM_set_hostflags(param, kStrictNames);  // RFC 8461 §3.3
  return context;
}

Result<X509StorePtr> load_trust_store(const std::string& path) {
  X509StorePtr store(X509_STORE_new());
  if (store == nullptr) return fail(Errc::internal, "trust store: " + take_openssl_error());
  if (X509_STORE_load_file(store.get(), path.c_str()) != 1) {
    return fail(Errc::io, "CA bundle " + path + ": " + take_openssl_error());
  }
  const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store.get());
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    if (X509_OBJECT_get_type(sk_X509_OBJECT_value(objects, i)) == X509_LU_X509) return store;
  }
  return fail(Errc::io, "CA bundle " + path + ": no certificate in it");
}

Result<> set_server_name(SSL* ssl, const Domain& name) {
  if (name.is_root()) return {};
  if (SSL_set_tlsext_host_name(ssl, name.str().c_str()) == 1) return {};
  return fail(Errc::internal, "SNI " + name.str() + ": " + take_openssl_error());
}

/// Hands the records to OpenSSL. A record it finds unusable (a Full(0) certificate that does not
/// parse) is left out; when that leaves none, verify_session() finds no match, which is a failure
/// and never a success.
Result<> add_records(SSL* ssl, const std::vector<resolver::TlsaRecord>& records) {
  for (const resolver::TlsaRecord& record : records) {
    // RFC 7672 §3.1.3: PKIX-TA(0) and PKIX-EE(1) would make OpenSSL look for public trust anchors.
    if (record.usage != kDaneTa && record.usage != kDaneEe) continue;
    const auto* data = reinterpret_cast<const unsigned char*>(record.data.data());
    const int rc = SSL_dane_tlsa_add(ssl, record.usage, record.selector, record.matching_type, data,
                                     record.data.size());
    if (rc < 0) return fail(Errc::internal, "TLSA record: " + take_openssl_error());
    if (rc == 0) ERR_clear_error();
  }
  return {};
}

Result<> enable_dane(SSL* ssl, const TlsDecision& decision) {
  // OpenSSL takes an empty name for "any name".
  const bool named = !decision.reference_names.empty() &&
                     std::ranges::none_of(decision.reference_names, &Domain::is_root);
  if (!named) return fail(Errc::internal, "DANE without a reference name");
  // The first name goes in here and the others with SSL_add1_host; SSL_set1_host would undo it
  // (pitfall 41).
  if (SSL_dane_enable(ssl, decision.reference_names.front().str().c_str()) != 1) {
    return fail(Errc::internal, "DANE: " + take_openssl_error());
  }
  for (const Domain& name : decision.reference_names) {
    if (name == decision.reference_names.front()) continue;
    if (SSL_add1_host(ssl, name.str().c_str()) != 1) {
      return fail(Errc::internal, "reference name: " + take_openssl_error());
    }
  }
  // RFC 7672 §3.2.3: a CN counts when the certificate has no dNSName, which is OpenSSL's default.
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return add_records(ssl, decision.tlsa);
}

bool is_dane(const TlsDecision& decision) {
  return decision.level == TlsLevel::dane || decision.level == TlsLevel::dane_host_only;
}

}  // namespace

void SslFree::operator()(SSL* ssl) const {
  SSL_free(ssl);
}

struct ClientContext::Contexts {
  X509StorePtr trust;
  SslCtxPtr strict;
  SslCtxPtr permissive;
  SslCtxPtr https;
};

Result<std::unique_ptr<ClientContext>> ClientContext::create(const conf::Tls& config) {
  const int floor = config.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
  auto contexts = std::make_unique<Contexts>();
  FULMAR_TRY(contexts->trust, load_trust_store(config.ca_file));
  FULMAR_TRY(contexts->strict, make_smtp_context(floor, kStrictCiphers, config.groups));
  // RFC 8996 §4: TLS 1.0 and 1.1 are never negotiated, not even where clear text would do.
  FULMAR_TRY(contexts->permissive,
             make_smtp_context(TLS1_2_VERSION, kPermissiveCiphers, config.groups));
  // RFC 5746 §4.1: an old server without renegotiation_info still beats clear text.
  SSL_CTX_set_options(contexts->permissive.get(), SSL_OP_LEGACY_SERVER_CONNECT);
  FULMAR_TRY(contexts->https, make_https_context(floor, contexts->trust.get()));
  return std::unique_ptr<ClientContext>(new ClientContext(std::move(contexts)));
}

ClientContext::ClientContext(std::unique_ptr<Contexts> contexts) : contexts_(std::move(contexts)) {}
ClientContext::~ClientContext() = default;

Result<SslPtr> ClientContext::new_smtp_session(const TlsDecision& decision, Groups groups) const {
  const SslCtxPtr& context = decision.tls_required() ? contexts_->strict : contexts_->permissive;
  SslPtr ssl(SSL_new(context.get()));
  if (ssl == nullptr) return fail(Errc::internal, "TLS session: " + take_openssl_error());
  SSL_set_connect_state(ssl.get());
  if (groups == Groups::classical && SSL_set1_groups_list(ssl.get(), kClassicalGroups) != 1) {
    return fail(Errc::internal, "TLS groups: " + take_openssl_error());
  }
  FULMAR_TRY_VOID(set_server_name(ssl.get(), decision.sni));
  if (is_dane(decision)) FULMAR_TRY_VOID(enable_dane(ssl.get(), decision));
  return ssl;
}

Result<SslPtr> ClientContext::new_https_session(const Domain& host) const {
  SslPtr ssl(SSL_new(contexts_->https.get()));
  if (ssl == nullptr) return fail(Errc::internal, "TLS session: " + take_openssl_error());
  SSL_set_connect_state(ssl.get());
  FULMAR_TRY_VOID(set_server_name(ssl.get(), host));
  // Without a name OpenSSL would accept any certificate of the bundle's CAs.
  if (host.is_root() || SSL_set1_host(ssl.get(), host.str().c_str()) != 1) {
    return fail(Errc::internal, "host name: " + take_openssl_error());
  }
  return ssl;
}

X509_STORE* ClientContext::trust_store() const {
  return contexts_->trust.get();
}

bool is_unanswered(const SSL* ssl) {
  return BIO_number_read(SSL_get_rbio(ssl)) == 0;
}

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  std::string text = "unknown TLS error";
  if (code != 0) {
    const char* reason = ERR_reason_error_string(code);
    const char* library = ERR_lib_error_string(code);
    if (ERR_SYSTEM_ERROR(code)) {
      text = "system error " + std::to_string(ERR_GET_REASON(code));
    } else if (reason != nullptr) {
      text = reason;
    } else {
      text = std::string(library != nullptr ? library : "TLS") + " error " + std::to_string(code);
    }
  }
  ERR_clear_error();
  return text;
}

}  // namespace fulmar::tls
