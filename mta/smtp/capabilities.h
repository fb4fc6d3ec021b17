// What a server offers: the keywords of its latest EHLO reply. RFC 5321 §4.1.1.1
#pragma once

#include <cstdint>
#include <optional>

#include "mta/smtp/reply.h"

namespace fulmar::smtp {

struct Capabilities {
  bool starttls = false;
  bool pipelining = false;
  bool eight_bit_mime = false;
  bool enhanced_status_codes = false;
  bool chunking = false;
  bool smtputf8 = false;
  bool dsn = false;
  bool requiretls = false;
  bool auth = false;  ///< With whatever mechanisms; those we speak follow. RFC 4954 §3
  bool auth_plain = false;
  bool auth_login = false;
  bool size = false;
  std::optional<std::uint64_t> size_limit;  ///< Empty: none stated, or SIZE 0 (SIZ-02).

  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

/// Keywords in any case; unknown ones and malformed parameters are ignored. The first line is the
/// greeting.
[[nodiscard]] Capabilities parse_capabilities(const Reply& ehlo_reply);

}  // namespace fulmar::smtp
