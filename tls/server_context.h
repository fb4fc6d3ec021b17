// The listener's certificate and key, and what a client's certificate says about it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "tls/client_context.h"

namespace fulmar::tls {

class ServerContext {
 public:
  /// TLS 1.2 and later, no compression, no renegotiation, no 0-RTT. Errc::io with the path for a
  /// file that cannot be read, Errc::invalid_argument when the key does not belong to the
  /// certificate or the certificate has expired. With a `client_ca_file` (PEM), clients are asked
  /// for a certificate; one that does not verify is as good as none, since any mail server may show
  /// its own.
  static Result<std::unique_ptr<ServerContext>> create(const std::string& certificate_file,
                                                       const std::string& key_file,
                                                       const std::string& client_ca_file);
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  /// When the certificate expires.
  [[nodiscard]] UtcTime not_after() const;

  /// A session for one client. Errc::internal when OpenSSL is out of memory. Thread-safe.
  [[nodiscard]] Result<SslPtr> new_session() const;

 private:
  struct Handle;
  explicit ServerContext(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

/// Whom the client's certificate names, if it verifies up to the authority that the listener trusts
/// for clients: the first mail address among its alternative names, else the first DNS name, both
/// in lower case, else its common name. RFC 5280 §4.2.1.6. The authority is the operator's own, so
/// its names are his words. Empty for a name that could not be a user's: over 255 octets, control
/// characters, ':'.
[[nodiscard]] std::optional<std::string> client_identity(SSL* session);

/// "TLS_AES_256_GCM_SHA384": the cipher suite in use, as IANA names it.
[[nodiscard]] std::string cipher_suite(SSL* session);

}  // namespace fulmar::tls
