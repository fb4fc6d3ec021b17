// Writing a JSON string by hand, for the log only; everything else uses Boost.JSON.
#pragma once

#include <string>
#include <string_view>

namespace fulmar {

/// `text` in double quotes, escaped by RFC 8259 §7. REQUIRES nothing: invalid UTF-8 is replaced.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace fulmar
