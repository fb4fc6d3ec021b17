#include "bench/load/message_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace fulmar::load {
namespace {

constexpr std::size_t kLine = 76;
// Messages start at different lines, so that one is not a copy of the one before.
constexpr std::size_t kStarts = 61;
constexpr std::string_view kEnd = "\r\n.\r\n";
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Random enough that a store's compression gains no more than with an attachment in base64.
std::string text_lines(std::size_t count) {
  std::string lines;
  lines.reserve(count * kLine);
  std::uint64_t state = 88172645463325252U;  // xorshift64, Marsaglia's own seed
  for (std::size_t line = 0; line < count; ++line) {
    for (std::size_t column = 0; column + 2 < kLine; ++column) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      lines += kAlphabet[state >> 58U];
    }
    lines += "\r\n";
  }
  return lines;
}

}  // namespace

MessageText::MessageText(std::size_t size)
    : size_(size), lines_(text_lines(size / kLine + kStarts + 2)) {}

void MessageText::write(std::size_t number, std::string_view recipient, std::string& out) const {
  out.clear();
  fmt::format_to(
      std::back_inserter(out),
      "Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nFrom: <load@source.example>\r\nTo: <{}>\r\n"
      "Message-ID: <{}@source.example>\r\nSubject: message {}\r\n\r\n",
      recipient, number, number);
  const std::size_t body = size_ > out.size() + kEnd.size() ? size_ - out.size() - 2 : 0;
  out += std::string_view(lines_).substr(number % kStarts * kLine, body);
  // The cut may have left half a line end.
  if (out.back() == '\r') out.back() = '-';
  out += kEnd;
}

}  // namespace fulmar::load
