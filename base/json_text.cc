#include "base/json_text.h"

#include <fmt/format.h>

#include "base/ascii.h"

namespace fulmar {

std::string json_quote(std::string_view text) {
  const std::string replaced =
      is_valid_utf8(text) ? std::string() : sanitize_line(text, text.size());
  if (!replaced.empty()) text = replaced;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace fulmar
