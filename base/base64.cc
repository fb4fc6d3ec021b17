#include "base/base64.h"

#include <cstddef>
#include <cstdint>

namespace fulmar {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The octets of one group of four, of which `padding` are '='; false when it is none.
bool decode_group(std::string_view group, std::size_t padding, std::string& out) {
  std::uint32_t bits = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    const auto value = k < 4 - padding ? kAlphabet.find(group[k]) : 0;
    if (value == std::string_view::npos) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
  }
  const std::uint32_t unused = (1U << (8 * padding)) - 1;
  if ((bits & unused) != 0) return false;
  for (std::size_t k = 0; k < 3 - padding; ++k)
    out += static_cast<char>(bits >> (16 - 8 * k) & 0xFF);
  return true;
}

}  // namespace

std::string base64(std::string_view octets) {
  std::string result;
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    const std::string_view group = octets.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < group.size() ? static_cast<std::uint8_t>(group[k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      result += k <= group.size() ? kAlphabet[bits >> (18 - 6 * k) & 0x3F] : '=';
    }
  }
  return result;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string result;
  result.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::string_view group = text.substr(i, 4);
    const bool last = i + 4 == text.size();
    const std::size_t padding = !last                   ? 0
                                : group.ends_with("==") ? 2
                                : group.ends_with('=')  ? 1
                                                        : 0;
    if (!decode_group(group, padding, result)) return std::nullopt;
  }
  return result;
}

}  // namespace fulmar
