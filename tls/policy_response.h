// Is this HTTP response a policy at all? Pure. RFC 8461 §3.2, §3.3
#pragma once

#include <string>

#include "base/result.h"

namespace fulmar::tls {

struct PolicyResponseHead {
  unsigned status = 0;
  std::string content_type;
  std::string content_encoding;
};

/// Only 200, only text/plain, only unencoded. Errc::io for the status, Errc::syntax for type and
/// encoding.
[[nodiscard]] Result<> check_policy_response(const PolicyResponseHead& head);

}  // namespace fulmar::tls
