// The one owner of client-side OpenSSL handles: turns a TlsDecision into settings of a session.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "conf/config.h"
#include "tls/tls_policy.h"

namespace fulmar::tls {

struct SslFree {
  void operator()(SSL* ssl) const;
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

/// Which key exchange groups a ClientHello offers.
enum class Groups : std::uint8_t {
  preferred,  ///< The library's choice, which may make the ClientHello larger than one packet.
  classical,  ///< Three elliptic curves and nothing else: what every middlebox has seen before.
};

class ClientContext {
 public:
  /// Loads the CA bundle. Errc::io with the path when it is missing or holds no certificate
  /// (pitfall 26); Errc::invalid_argument when OpenSSL does not know the groups.
  static Result<std::unique_ptr<ClientContext>> create(const conf::Tls& config);
  ~ClientContext();
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  /// A session for one connection to a mail host. SNI and the TLS version floor follow the
  /// decision; session resumption is off (BCP-07). The handshake itself never fails over the
  /// certificate: what the certificate proves is asked afterwards with verify_session(), so that
  /// the finding can be named, and kept where it is not enforced. Errc::internal when OpenSSL
  /// refuses the records or runs out of memory. Thread-safe.
  [[nodiscard]] Result<SslPtr> new_smtp_session(const TlsDecision& decision,
                                                Groups groups = Groups::preferred) const;

  /// A session for an HTTPS policy host; the handshake fails unless the certificate chains to the
  /// CA bundle and names `host` in a SAN (never the CN). RFC 8461 §3.3
  [[nodiscard]] Result<SslPtr> new_https_session(const Domain& host) const;

  /// The CA certificates, for PKIX verification. Owned by the context.
  [[nodiscard]] X509_STORE* trust_store() const;

 private:
  struct Contexts;
  explicit ClientContext(std::unique_ptr<Contexts> contexts);
  std::unique_ptr<Contexts> contexts_;
};

/// Not one octet came back from the peer since the session began.
[[nodiscard]] bool is_unanswered(const SSL* ssl);

/// The newest OpenSSL error of this thread as one line, and clears the queue; "unknown TLS error"
/// when there is none.
[[nodiscard]] std::string take_openssl_error();

}  // namespace fulmar::tls
