#include "mta/smtp/capabilities.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"

namespace fulmar::smtp {
namespace {

struct Keyword {
  std::string_view name;
  bool Capabilities::*offered;
};

constexpr std::array kKeywords = {
    Keyword{"STARTTLS", &Capabilities::starttls},
    Keyword{"PIPELINING", &Capabilities::pipelining},
    Keyword{"8BITMIME", &Capabilities::eight_bit_mime},
    Keyword{"ENHANCEDSTATUSCODES", &Capabilities::enhanced_status_codes},
    Keyword{"CHUNKING", &Capabilities::chunking},
    Keyword{"SMTPUTF8", &Capabilities::smtputf8},
    Keyword{"DSN", &Capabilities::dsn},
    Keyword{"REQUIRETLS", &Capabilities::requiretls},
    Keyword{"AUTH", &Capabilities::auth},
    Keyword{"SIZE", &Capabilities::size},
};

/// RFC 1870 §4: 0 and an absent number both mean that no fixed limit is in force.
std::optional<std::uint64_t> parse_size_limit(std::string_view parameter) {
  std::uint64_t limit = 0;
  const char* const end = parameter.data() + parameter.size();
  const auto [stop, ec] = std::from_chars(parameter.data(), end, limit);
  if (ec != std::errc{} || stop != end || limit == 0) return std::nullopt;
  return limit;
}

/// RFC 4954 §3: names of SASL mechanisms, separated by spaces. Two lines of them add up.
void note_mechanisms(std::string_view names, Capabilities& offers) {
  while (!names.empty()) {
    const std::size_t space = std::min(names.find(' '), names.size());
    const std::string_view name = names.substr(0, space);
    if (equals_ignoring_case(name, "PLAIN")) offers.auth_plain = true;
    if (equals_ignoring_case(name, "LOGIN")) offers.auth_login = true;
    names = trim(names.substr(space));
  }
}

}  // namespace

Capabilities parse_capabilities(const Reply& ehlo_reply) {
  Capabilities result;
  for (std::size_t i = 1; i < ehlo_reply.lines.size(); ++i) {
    const std::string_view line = trim(ehlo_reply.lines[i]);
    const std::size_t space = std::min(line.find(' '), line.size());
    // RFC 5321 §4.1.1.1: keywords are compared without regard to case.
    const auto keyword = std::ranges::find_if(kKeywords, [&](const Keyword& known) {
      return equals_ignoring_case(known.name, line.substr(0, space));
    });
    if (keyword == kKeywords.end()) continue;
    result.*(keyword->offered) = true;
    if (keyword->offered == &Capabilities::size) {
      result.size_limit = parse_size_limit(trim(line.substr(space)));
    }
    if (keyword->offered == &Capabilities::auth) {
      note_mechanisms(trim(line.substr(space)), result);
    }
  }
  return result;
}

}  // namespace fulmar::smtp
