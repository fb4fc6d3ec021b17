#include "mta/smtp/server_header_scan.h"

#include "base/ascii.h"

namespace fulmar::smtp {
namespace {

constexpr std::string_view kName = "received";

}  // namespace

void ReceivedCounter::scan(std::string_view bytes) {
  while (!bytes.empty() && at_ != At::body) {
    if (at_ == At::in_line) {
      const auto end = bytes.find('\n');
      if (end == std::string_view::npos) return;
      at_ = At::line_start;
      bytes.remove_prefix(end + 1);
      continue;
    }
    step(bytes.front());
    bytes.remove_prefix(1);
  }
}

void ReceivedCounter::step(char c) {
  if (c == '\n') {
    // An empty line ends the header section; the CR before it left us at the start.
    at_ = at_ == At::line_start ? At::body : At::line_start;
    return;
  }
  switch (at_) {
    case At::line_start:
      if (c == '\r') return;
      matched_ = 0;
      [[fallthrough]];
    case At::name:
      at_ = to_lower(c) == kName[matched_] ? At::name : At::in_line;
      if (at_ == At::name && ++matched_ == kName.size()) at_ = At::after_name;
      return;
    case At::after_name:
      // RFC 5322 §4.5: old software puts white space before the colon.
      if (c == ' ' || c == '\t') return;
      if (c == ':') ++count_;
      at_ = At::in_line;
      return;
    case At::in_line:
    case At::body:
      return;
  }
}

}  // namespace fulmar::smtp
