#include "mta/smtp/reply.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace fulmar::smtp {
namespace {

constexpr std::size_t kCodeDigits = 3;

/// Octets of text kept of one reply, all lines together: a reply may be stored once per recipient.
constexpr std::size_t kMaxText = 16384;

struct Line {
  std::uint16_t code = 0;
  enum class More : std::uint8_t { no, yes } more = More::no;
  std::string_view text;
};

/// Takes what real servers send: a bare code, and text that follows it without a space. RFC 5321
/// §4.2
Result<Line> parse_line(std::string_view line) {
  const auto garbage = [&](std::string_view why) {
    return fail(Errc::remote_protocol, std::string(why) + ": \"" + sanitize_line(line, 80) + '"');
  };
  if (line.size() < kCodeDigits || !std::ranges::all_of(line.substr(0, kCodeDigits), is_digit)) {
    return garbage("not an SMTP reply");
  }
  const auto digit = [&](std::size_t i) { return static_cast<std::uint16_t>(line[i] - '0'); };
  Line result;
  result.code = static_cast<std::uint16_t>(digit(0) * 100 + digit(1) * 10 + digit(2));
  if (result.code < 200 || result.code > 599) return garbage("reply code out of range");
  line.remove_prefix(kCodeDigits);
  if (line.empty()) return result;
  if (is_digit(line.front())) return garbage("reply code of more than three digits");
  if (line.front() == '-') result.more = Line::More::yes;
  if (line.front() == '-' || line.front() == ' ') line.remove_prefix(1);
  result.text = line;
  return result;
}

/// The enhanced status a line begins with, whatever punctuation follows it; the empty view when
/// there is none.
std::string_view enhanced_prefix(std::string_view text) {
  const auto end = std::min(text.find_first_not_of("0123456789."), text.size());
  if (end < text.size() && (is_alpha(text[end]) || is_utf8_octet(text[end]))) return {};
  return parse_enhanced_status(text.substr(0, end)) ? text.substr(0, end) : std::string_view{};
}

std::optional<EnhancedStatus> enhanced_of(const Line& line) {
  const auto status = parse_enhanced_status(enhanced_prefix(trim(line.text)));
  // The three digits decide; a status of another class says nothing we could trust. RFC 5321 §4.2
  if (!status || status->klass != line.code / 100) return std::nullopt;
  return status;
}

}  // namespace

std::string Reply::verbatim() const {
  std::string result;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool last = i + 1 == lines.size();
    result += std::to_string(code);
    if (!last) {
      result += '-';
    } else if (!lines[i].empty()) {
      result += ' ';
    }
    result += lines[i];
    if (!last) result += '\n';
  }
  return lines.empty() ? std::to_string(code) : result;
}

std::string Reply::one_line() const {
  std::string result = std::to_string(code);
  bool status_shown = false;
  for (const std::string& line : lines) {
    std::string_view text = trim(line);
    if (const std::string_view status = enhanced_prefix(text); !status.empty()) {
      if (status_shown) text = trim(text.substr(status.size()));
      status_shown = true;
    }
    if (!text.empty()) result.append(1, ' ').append(text);
  }
  return result;
}

void ReplyParser::feed(std::string_view bytes) {
  buffer_ += bytes;
}

Result<std::optional<Reply>> ReplyParser::next() {
  for (;;) {
    // A lone LF ends a line too: replies carry no content, so nothing can be smuggled in them.
    const std::size_t end = buffer_.find('\n', searched_);
    if (std::min(end, buffer_.size()) > kHardLine) {
      return fail(Errc::remote_protocol, "reply line over 65536 octets");
    }
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      return std::nullopt;
    }
    std::string_view text = std::string_view(buffer_).substr(0, end);
    if (text.ends_with('\r')) text.remove_suffix(1);
    FULMAR_TRY(const bool complete, take_line(text));
    buffer_.erase(0, end + 1);
    searched_ = 0;
    if (complete) return std::exchange(partial_, {});
  }
}

Result<bool> ReplyParser::take_line(std::string_view text) {
  FULMAR_TRY(const Line line, parse_line(text));
  if (partial_.lines.empty()) {
    partial_.code = line.code;
    kept_ = 0;
  } else if (line.code != partial_.code) {
    // RFC 5321 §4.2.1: all lines carry one code. Choosing between two could turn a refusal into a
    // delivery.
    return fail(Errc::remote_protocol, "reply with codes " + std::to_string(partial_.code) +
                                           " and " + std::to_string(line.code));
  }
  if (partial_.lines.size() == kMaxLines) {
    return fail(Errc::remote_protocol, "reply of more than 100 lines");
  }
  if (!partial_.enhanced) partial_.enhanced = enhanced_of(line);
  partial_.lines.push_back(sanitize_line(line.text, std::min(kMaxLine, kMaxText - kept_)));
  kept_ = std::min(kMaxText, kept_ + partial_.lines.back().size());
  return line.more == Line::More::no;
}

bool ReplyParser::has_leftover() const {
  return !buffer_.empty() || !partial_.lines.empty();
}

void ReplyParser::reset() {
  *this = ReplyParser{};
}

}  // namespace fulmar::smtp
