// Octets as hexadecimal text.
#pragma once

#include <string>
#include <string_view>

namespace fulmar {

/// Lower case, two digits an octet.
[[nodiscard]] std::string to_hex(std::string_view octets);

}  // namespace fulmar
