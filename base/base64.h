// RFC 4648 §4.
#pragma once

#include <string>
#include <string_view>

namespace fulmar {

/// In one line, padded.
[[nodiscard]] std::string base64(std::string_view octets);

}  // namespace fulmar
