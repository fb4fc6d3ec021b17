#include "mta/notice/mime.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/base64.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kFoldAt = 78;  // RFC 5322 §2.1.1, SHOULD
constexpr std::size_t kQuotedLine = 76;
// A line with an encoded word has 76 octets at most (RFC 2047 §2), of which "Subject: ",
// "=?utf-8?B?" and "?=" take 21; 39 octets make 52 of base64.
constexpr std::size_t kEncodedWordOctets = 39;

struct CharacterRange {
  char32_t first;
  char32_t last;
};

// Without a width, or of formatting alone (general category Cf but for the signs of some scripts
// that are seen), in order.
constexpr auto kInvisible = std::to_array<CharacterRange>({
    {0x00AD, 0x00AD},    // soft hyphen
    {0x034F, 0x034F},    // combining grapheme joiner
    {0x061C, 0x061C},    // Arabic letter mark
    {0x115F, 0x1160},    // Hangul fillers
    {0x17B4, 0x17B5},    // inherent vowels
    {0x180B, 0x180F},    // Mongolian selectors and vowel separator
    {0x200B, 0x200F},    // zero width, direction marks
    {0x2028, 0x202E},    // separators of lines and paragraphs, embeddings and overrides
    {0x2060, 0x206F},    // word joiner, invisible operators, isolates
    {0x3164, 0x3164},    // Hangul filler
    {0xFE00, 0xFE0F},    // selectors
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFA0, 0xFFA0},    // Hangul filler
    {0xFFF0, 0xFFFB},    // annotations
    {0x13430, 0x1345F},  // hieroglyph format
    {0x1BCA0, 0x1BCA3},  // shorthand format
    {0x1D173, 0x1D17A},  // musical formatting
    {0xE0000, 0xE0FFF},  // tags, selectors
});

bool is_invisible(char32_t character) {
  return std::ranges::any_of(kInvisible, [=](const CharacterRange& range) {
    return character >= range.first && character <= range.last;
  });
}

/// REQUIRES: `character` is one of valid UTF-8.
char32_t decode(std::string_view character) {
  constexpr std::array<unsigned char, 5> kLeadBits = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t value = static_cast<unsigned char>(character.front()) & kLeadBits.at(character.size());
  for (const char octet : character.substr(1))
    value = value << 6U | (static_cast<unsigned char>(octet) & 0x3FU);
  return value;
}

bool is_continuation_octet(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// The longest start of `text` within `limit` octets that ends at a character border.
std::string_view characters_within(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && is_continuation_octet(text[limit]))
    --limit;
  return text.substr(0, limit);
}

/// Takes one line off the front, whatever ends it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos) {
    text = {};
    return line;
  }
  const bool pair = text.substr(end).starts_with("\r\n");
  text.remove_prefix(end + (pair ? 2 : 1));
  return line;
}

/// REQUIRES: valid UTF-8, not empty.
std::string_view take_character(std::string_view& text) {
  std::size_t length = 1;
  while (length < text.size() && is_continuation_octet(text[length]))
    ++length;
  const std::string_view character = text.substr(0, length);
  text.remove_prefix(length);
  return character;
}

std::string words(std::string_view text, std::size_t max_octets) {
  std::string result;
  while (!text.empty()) {
    const std::string_view line = trim(take_line(text));
    if (line.empty()) continue;
    if (result.size() + 1 >= max_octets) return result + " [...]";
    if (!result.empty()) result += '\n';
    const std::size_t room = max_octets - result.size();
    // It works through no more than it keeps, so 10 MB from a peer cost nothing here.
    result += visible_line(line, room);
    if (line.size() > room) return result;
  }
  return result;
}

/// Appends `line` to `out`, whose current line has `column` octets, breaking before spaces.
void append_folded(std::string& out, std::string_view line, std::size_t column) {
  while (!line.empty()) {
    // The next word together with the spaces before it: a fold goes in front of them, never
    // between.
    std::size_t length = std::min(line.find(' ', line.find_first_not_of(' ')), line.size());
    if (column > 1 && line.front() == ' ' && column + length > kFoldAt) {
      out += "\r\n";
      column = 0;
    }
    if (column + length > kMaxLine) {
      const std::string_view start = characters_within(line, kMaxLine - column);
      out.append(start).append("\r\n ");
      line.remove_prefix(start.size());
      column = 1;
      continue;
    }
    out += line.substr(0, length);
    column += length;
    line.remove_prefix(length);
  }
}

bool occurs_in_any(std::span<const Part> parts, std::string_view delimiter) {
  return std::ranges::any_of(
      parts, [&](const Part& part) { return part.content.find(delimiter) != std::string::npos; });
}

}  // namespace

bool is_seven_bit(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    if (line.size() > kMaxLine || !is_ascii(line)) return false;
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 2);
  }
  return true;
}

std::string with_crlf(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty())
    result.append(take_line(text)).append("\r\n");
  return result;
}

std::string quoted_printable(std::string_view text) {
  std::string result;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\r\n")) {
      result += "\r\n";
      column = 0;
      ++i;
      continue;
    }
    const char c = text[i];
    const bool ends_line = i + 1 == text.size() || text.substr(i + 1).starts_with("\r\n");
    // RFC 2045 §6.7 rule 3: white space must not end a line.
    const bool plain = (is_printable(c) && c != '=' && c != ' ') || (c == ' ' && !ends_line);
    const std::size_t width = plain ? 1 : 3;
    // One column stays free for the soft break.
    if (column + width > kQuotedLine - 1) {
      result += "=\r\n";
      column = 0;
    }
    if (plain) {
      result += c;
    } else {
      result += fmt::format("={:02X}", static_cast<unsigned char>(c));
    }
    column += width;
  }
  return result;
}

std::string header_text(std::string_view text) {
  std::string clean = sanitize_line(text, kMaxLine);
  if (is_ascii(clean)) return clean;
  std::string result;
  for (std::string_view rest = clean; !rest.empty();) {
    const std::string_view piece = characters_within(rest, kEncodedWordOctets);
    if (!result.empty()) result += ' ';
    result += "=?utf-8?B?" + base64(piece) + "?=";
    rest.remove_prefix(piece.size());
  }
  return result;
}

std::string header_field(std::string_view name, std::string_view body) {
  std::string result = std::string(name) + ": ";
  std::size_t column = result.size();
  bool first = true;
  while (!body.empty()) {
    const std::string_view line = trim(take_line(body));
    // A line of white space alone would end some parsers' idea of the header (RFC 5322 §3.2.2).
    if (line.empty()) continue;
    if (!first) {
      result += "\r\n ";
      column = 1;
    }
    append_folded(result, sanitize_line(line, line.size()), column);
    first = false;
  }
  return result + "\r\n";
}

std::string visible_line(std::string_view text, std::size_t max_octets) {
  std::string clean = sanitize_line(text, max_octets);
  if (is_ascii(clean)) return clean;
  std::string result;
  for (std::string_view rest = clean; !rest.empty();) {
    const std::string_view character = take_character(rest);
    result += is_invisible(decode(character)) ? "?" : character;
  }
  return result;
}

std::string utf8_words(std::string_view text, std::size_t max_octets) {
  return words(text, max_octets);
}

std::string ascii_words(std::string_view text, std::size_t max_octets) {
  std::string result = words(text, max_octets);
  std::ranges::replace_if(result, is_utf8_octet, '?');
  return result;
}

std::optional<std::string> find_field(std::string_view header, std::string_view name) {
  std::optional<std::string> found;
  while (!header.empty()) {
    const std::string_view line = take_line(header);
    if (line.starts_with(' ') || line.starts_with('\t')) {
      if (found) *found += line;
      continue;
    }
    if (found || line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (equals_ignoring_case(trim(line.substr(0, colon)), name)) found = line.substr(colon + 1);
  }
  if (found) *found = std::string(trim(*found));
  return found;
}

Multipart join_parts(std::span<const Part> parts, std::string_view seed) {
  // RFC 2046 §5.1.1: at most 70 characters. "=_" cannot occur in quoted-printable text.
  std::string boundary = fmt::format("=_{}", seed);
  for (unsigned n = 1; occurs_in_any(parts, "--" + boundary); ++n) {
    boundary = fmt::format("=_{}_{}", seed, n);
  }
  std::string body;
  for (const Part& part : parts) {
    const bool plain = is_seven_bit(part.content);
    body += "--" + boundary + "\r\n";
    body += header_field("Content-Type", part.type);
    body += header_field("Content-Transfer-Encoding", plain ? "7bit" : "quoted-printable");
    body += "\r\n" + (plain ? part.content : quoted_printable(part.content)) + "\r\n";
  }
  body += "--" + boundary + "--\r\n";
  return {std::move(boundary), std::move(body)};
}

Part both_forms(std::string_view plain, std::string_view html, std::string_view seed) {
  // The fullest form last.
  const std::array parts = {Part{"text/plain; charset=utf-8", with_crlf(plain)},
                            Part{"text/html; charset=utf-8", with_crlf(html)}};
  Multipart multipart = join_parts(parts, fmt::format("text_{}", seed));
  return {"multipart/alternative; boundary=\"" + multipart.boundary + '"',
          std::move(multipart.body)};
}

}  // namespace fulmar::notice
