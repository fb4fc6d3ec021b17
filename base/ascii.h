// Character classes of the mail protocols: bytes, never the locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fulmar {

[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
[[nodiscard]] constexpr bool is_alnum(char c) {
  return is_digit(c) || is_alpha(c);
}
/// Space to tilde.
[[nodiscard]] constexpr bool is_printable(char c) {
  return c >= 0x20 && c <= 0x7E;
}
[[nodiscard]] constexpr bool is_utf8_octet(char c) {
  return (static_cast<unsigned char>(c) & 0x80) != 0;
}
/// RFC 5322 §3.2.3, with UTF-8: RFC 6532 §3.2
[[nodiscard]] constexpr bool is_atext(char c) {
  return is_alnum(c) || is_utf8_octet(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}
[[nodiscard]] constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] constexpr char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] bool is_ascii(std::string_view text);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
[[nodiscard]] std::string_view trim(
    std::string_view text);  ///< Without leading and trailing SP and HTAB.

/// Where `wanted` first stands outside quoted strings, in which a backslash quotes the next octet;
/// npos when it does not. RFC 5321 §4.1.2
[[nodiscard]] std::size_t find_unquoted(std::string_view text, char wanted);

/// Well-formed by RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
[[nodiscard]] bool is_valid_utf8(std::string_view text);

/// A peer's words made safe for one line of log, notice or terminal (pitfall 75): control
/// characters and invalid UTF-8 become '?', and what is over `max_octets` is cut at a character
/// border and marked "[...]".
[[nodiscard]] std::string sanitize_line(std::string_view text, std::size_t max_octets);

}  // namespace fulmar
