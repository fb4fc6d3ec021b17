#include "mta/smtp/server_header_scan.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace fulmar::smtp {
namespace {

constexpr std::string_view kReceived = "received";
constexpr std::string_view kTlsRequired = "tls-required";
constexpr std::size_t kLongestName = kTlsRequired.size();

/// With a space in the place of each comment; nothing when one stays open. RFC 5322 §3.2.2
std::optional<std::string> without_comments(std::string_view text) {
  std::string result;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') {
      ++depth;
      result += ' ';
    } else if (depth == 0) {
      result += text[i];
    } else if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  if (depth > 0) return std::nullopt;
  return result;
}

}  // namespace

void HeaderScan::scan(std::string_view bytes) {
  while (!bytes.empty() && at_ != At::body) {
    if (at_ == At::in_line) {
      skip_line(bytes);
      continue;
    }
    saw_eight_bit_ = saw_eight_bit_ || is_utf8_octet(bytes.front());
    step(bytes.front());
    bytes.remove_prefix(1);
  }
}

void HeaderScan::skip_line(std::string_view& bytes) {
  const auto end = std::min(bytes.find('\n'), bytes.size());
  saw_eight_bit_ = saw_eight_bit_ || !is_ascii(bytes.substr(0, end));
  if (end < bytes.size()) at_ = At::line_start;
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
}

bool HeaderScan::says_tls_required_no() const {
  if (tls_required_ != 1 || tls_required_body_.size() > kMaxFieldBody) return false;
  const auto value = without_comments(tls_required_body_);
  return value && equals_ignoring_case(trim(*value), "no");
}

void HeaderScan::step(char c) {
  if (c == '\n') {
    // An empty line ends the header section; the CR before it left us at the start.
    at_ = at_ == At::line_start ? At::body : At::line_start;
    return;
  }
  switch (at_) {
    case At::line_start:
      return begin_line(c);
    case At::name:
      if (c == ' ' || c == '\t') {
        at_ = At::after_name;
      } else if (c == ':') {
        end_name();
      } else if (name_.size() == kLongestName) {
        at_ = At::in_line;
      } else {
        name_ += to_lower(c);
      }
      return;
    case At::after_name:
      // RFC 5322 §4.5: old software puts white space before the colon.
      if (c == ' ' || c == '\t') return;
      at_ = At::in_line;
      if (c == ':') end_name();
      return;
    case At::tls_required:
      if (c != '\r' && tls_required_body_.size() <= kMaxFieldBody) tls_required_body_ += c;
      return;
    case At::in_line:
    case At::body:
      return;
  }
}

void HeaderScan::begin_line(char c) {
  if (c == '\r') return;
  if (c == ' ' || c == '\t') {
    // RFC 5322 §2.2.3: the field of the line before goes on.
    at_ = in_tls_required_ ? At::tls_required : At::in_line;
    if (in_tls_required_) step(c);
    return;
  }
  in_tls_required_ = false;
  name_.clear();
  at_ = At::name;
  step(c);
}

/// The colon is there.
void HeaderScan::end_name() {
  at_ = At::in_line;
  if (name_ == kReceived) ++received_;
  if (name_ != kTlsRequired) return;
  ++tls_required_;
  in_tls_required_ = true;
  at_ = At::tls_required;
}

}  // namespace fulmar::smtp
