#include "resolver/zone_text.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "base/ip_address.h"

namespace fulmar::resolver {
namespace {

using Words = std::vector<std::string_view>;

Words split_words(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  line = line.substr(0, line.find(';'));
  Words words;
  while (true) {
    const auto start = line.find_first_not_of(kSpace);
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const auto length = std::min(line.find_first_of(kSpace), line.size());
    words.push_back(line.substr(0, length));
    line.remove_prefix(length);
  }
}

bool any_line(std::string_view text, const std::function<bool(const Words&)>& matches) {
  while (!text.empty()) {
    const auto length = std::min(text.find('\n'), text.size());
    if (matches(split_words(text.substr(0, length)))) return true;
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return false;
}

/// A type, with data after it.
bool holds_type(std::string_view text, std::initializer_list<std::string_view> types) {
  return any_line(text, [types](const Words& words) {
    if (words.size() < 2) return false;
    return std::any_of(words.begin(), words.end() - 1, [types](std::string_view word) {
      return std::ranges::any_of(
          types, [word](std::string_view type) { return equals_ignoring_case(word, type); });
    });
  });
}

}  // namespace

bool holds_trust_anchor(std::string_view text) {
  return holds_type(text, {"DNSKEY", "DS"});
}

bool holds_address(std::string_view text) {
  return holds_type(text, {"A", "AAAA"});
}

bool holds_loopback_address(std::string_view text) {
  static const Network kLoopback4 = *Network::parse("127.0.0.0/8");
  static const Network kLoopback6 = *Network::parse("::1");
  return any_line(text, [](const Words& words) {
    if (words.empty()) return false;
    const auto address = IpAddress::parse(words.back());
    return address && (kLoopback4.contains(*address) || kLoopback6.contains(*address));
  });
}

}  // namespace fulmar::resolver
