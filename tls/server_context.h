// The listener's certificate and key.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "tls/client_context.h"

namespace fulmar::tls {

class ServerContext {
 public:
  /// TLS 1.2 and later, no compression, no renegotiation, no 0-RTT. Errc::io with the path for a
  /// file that cannot be read, Errc::invalid_argument when the key does not belong to the
  /// certificate or the certificate has expired.
  static Result<std::unique_ptr<ServerContext>> create(const std::string& certificate_file,
                                                       const std::string& key_file);
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  /// A session for one client. Errc::internal when OpenSSL is out of memory. Thread-safe.
  [[nodiscard]] Result<SslPtr> new_session() const;

 private:
  struct Handle;
  explicit ServerContext(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace fulmar::tls
