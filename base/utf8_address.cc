#include "base/utf8_address.h"

#include <fmt/format.h>

#include <cstdint>

#include "base/ascii.h"

namespace fulmar {
namespace {

std::uint32_t code_point(std::string_view sequence) {
  const auto first = static_cast<std::uint8_t>(sequence.front());
  if (sequence.size() == 1) return first;
  std::uint32_t value = first & (0x7FU >> sequence.size());
  for (const char c : sequence.substr(1))
    value = value << 6 | (static_cast<std::uint8_t>(c) & 0x3FU);
  return value;
}

std::size_t sequence_length(char first) {
  const auto octet = static_cast<std::uint8_t>(first);
  return octet < 0x80 ? 1 : octet < 0xE0 ? 2 : octet < 0xF0 ? 3 : 4;
}

bool stands_for_itself(char c) {
  return is_printable(c) && c != ' ' && c != '\\' && c != '+' && c != '=';
}

/// Each character that `plain` says no to becomes "\x{…}".
std::string embed(std::string_view text, bool (*plain)(char first)) {
  std::string result;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, sequence_length(text.front()));
    if (plain(character.front())) {
      result += character;
    } else {
      result += fmt::format("\\x{{{:02X}}}", code_point(character));
    }
    text.remove_prefix(character.size());
  }
  return result;
}

}  // namespace

std::string utf8_addr_xtext(std::string_view address) {
  return embed(address, stands_for_itself);
}

std::string seven_bit_form(std::string_view form) {
  return embed(form, [](char first) { return !is_utf8_octet(first); });
}

}  // namespace fulmar
