#include "base/dsn.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"

namespace fulmar {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool is_xchar(char c) {
  return is_printable(c) && c != ' ' && c != '+' && c != '=';
}

std::optional<unsigned> hex_value(char c) {
  const auto at = kHexDigits.find(c);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned>(at);
}

/// RFC 5322 §3.2.3, which RFC 3461 §4.2 refers to.
bool is_atom(std::string_view text) {
  return is_ascii(text) && std::ranges::all_of(text, is_atext);
}

/// RFC 6533 §3: what stands for itself in utf-8-addr-xtext is xchar, with backslash for "\x{…}"; in
/// utf-8-addr-unitext there is UTF-8 besides.
bool is_utf8_address(std::string_view text) {
  return is_valid_utf8(text) && std::ranges::all_of(text, [](char c) {
           return is_utf8_octet(c) || (is_printable(c) && c != ' ');
         });
}

}  // namespace

std::optional<DsnNotify> parse_notify(std::string_view text) {
  DsnNotify notify{.stated = true};
  if (equals_ignoring_case(text, "NEVER")) return notify;
  constexpr std::array<std::pair<std::string_view, bool DsnNotify::*>, 3> kWords = {
      {{"SUCCESS", &DsnNotify::success},
       {"FAILURE", &DsnNotify::failure},
       {"DELAY", &DsnNotify::delay}}};
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, comma);
    const auto* const known = std::ranges::find_if(
        kWords, [word](const auto& each) { return equals_ignoring_case(each.first, word); });
    if (known == kWords.end() || std::exchange(notify.*known->second, true)) return std::nullopt;
    if (comma == text.size()) return notify;
    text.remove_prefix(comma + 1);
  }
}

std::string to_string(const DsnNotify& notify) {
  FULMAR_CHECK(notify.stated);
  std::string text;
  const auto add = [&text](bool wanted, std::string_view word) {
    if (wanted) text.append(text.empty() ? "" : ",").append(word);
  };
  add(notify.success, "SUCCESS");
  add(notify.failure, "FAILURE");
  add(notify.delay, "DELAY");
  return text.empty() ? "NEVER" : text;
}

bool is_xtext(std::string_view text) {
  return decode_xtext(text).has_value();
}

std::string encode_xtext(std::string_view octets) {
  std::string text;
  for (const char c : octets) {
    if (is_xchar(c)) {
      text += c;
    } else {
      const auto octet = static_cast<unsigned char>(c);
      text.append({'+', kHexDigits[octet / 16U], kHexDigits[octet % 16U]});
    }
  }
  return text;
}

std::optional<std::string> decode_xtext(std::string_view text) {
  std::string octets;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_xchar(text[i])) {
      octets += text[i];
      continue;
    }
    if (text[i] != '+' || text.size() - i < 3) return std::nullopt;
    const auto high = hex_value(text[i + 1]);
    const auto low = hex_value(text[i + 2]);
    if (!high || !low) return std::nullopt;
    octets += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return octets;
}

bool is_original_recipient(std::string_view text) {
  const auto semicolon = text.find(';');
  if (semicolon == std::string_view::npos || semicolon == 0) return false;
  const std::string_view type = text.substr(0, semicolon);
  const std::string_view address = text.substr(semicolon + 1);
  if (address.empty() || !is_atom(type)) return false;
  return equals_ignoring_case(type, "utf-8") ? is_utf8_address(address) : is_xtext(address);
}

}  // namespace fulmar
