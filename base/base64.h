// RFC 4648 §4.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fulmar {

/// In one line, padded.
[[nodiscard]] std::string base64(std::string_view octets);

/// The strict form only: whole groups of four, padding where it belongs, unused bits zero, nothing
/// else. Empty for any other text.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace fulmar
