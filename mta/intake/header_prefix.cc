#include "mta/intake/header_prefix.h"

#include <algorithm>

#include "base/ascii.h"

namespace fulmar::intake {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

bool continues_a_field(std::string_view line) {
  return line.starts_with(' ') || line.starts_with('\t');
}

/// RFC 5322 §3.6.8: printable ASCII without colon, then the colon.
bool starts_a_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  return std::ranges::all_of(line.substr(0, colon), is_printable);
}

}  // namespace

void HeaderPrefix::add(std::string_view bytes) {
  bytes_ += bytes.substr(0, kMaxOctets - bytes_.size());
}

std::string HeaderPrefix::whole_fields() const {
  const std::string_view all = bytes_;
  std::size_t whole = 0;  // end of the last field that is known to be complete
  std::size_t at = 0;
  while (true) {
    const auto end = all.find(kLineEnd, at);
    const bool cut_off = end == std::string_view::npos;
    // At the bound, the line that would show whether the field before it goes on is missing.
    if (cut_off && bytes_.size() == kMaxOctets && at == all.size()) break;
    const std::string_view line = all.substr(at, cut_off ? std::string_view::npos : end - at);
    if (!continues_a_field(line)) whole = at;
    if (cut_off || (!continues_a_field(line) && !starts_a_field(line))) break;
    at = end + kLineEnd.size();
  }
  return bytes_.substr(0, whole);
}

}  // namespace fulmar::intake
