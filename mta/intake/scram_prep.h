// SASLprep, as GNU SASL does it. RFC 4013
#pragma once

#include <optional>
#include <string>

namespace fulmar::intake {

/// What SASLprep makes of `text`; empty when it does not allow it, or nothing is left. What is new
/// in Unicode since 2002 passes, as it does with clients, which query. Printable ASCII is returned
/// as it is; anything else can take 20 µs an octet, and leaves a copy in freed memory. REQUIRES: no
/// NUL in `text`.
[[nodiscard]] std::optional<std::string> saslprep(const std::string& text);

}  // namespace fulmar::intake
