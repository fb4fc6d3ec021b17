// What a failure at a host rests on, and so what may take it back. Pure.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "tls/tls_policy.h"

namespace fulmar::delivery {

enum class Basis : std::uint8_t {
  fact,     ///< Nothing that is looked up again.
  policy,   ///< The MTA-STS policy of the route, or that there is none.
  records,  ///< The TLSA records of the host.
};

/// Of a failure of class `code` at a host that was held to `decision`.
[[nodiscard]] Basis basis_of(const tls::TlsDecision& decision, Errc code);

}  // namespace fulmar::delivery
