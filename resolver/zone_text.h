// A first look at files in the zone format of RFC 1035 §5 (trust anchors, root hints), so that an
// operator who names the wrong file hears of it at once. Not a parser: libunbound has the last
// word. Pure.
#pragma once

#include <string_view>

namespace fulmar::resolver {

/// Is there a line that can be a DNSKEY or DS record?
[[nodiscard]] bool holds_trust_anchor(std::string_view text);

/// Is there a line that can be an A or AAAA record?
[[nodiscard]] bool holds_address(std::string_view text);

/// Is there an address of the loopback networks?
[[nodiscard]] bool holds_loopback_address(std::string_view text);

}  // namespace fulmar::resolver
