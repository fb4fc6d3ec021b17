#include "mta/smtp/dot_stuffing.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/check.h"

namespace fulmar::smtp {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// Octets before the first CR or LF, or fewer. Looks ahead a little only: data full of CRs and
/// without an LF would otherwise be searched to its end again and again.
std::size_t plain_prefix(std::string_view text) {
  text = text.substr(0, 1024);
  const std::size_t lf = std::min(text.find('\n'), text.size());
  return std::min(text.substr(0, lf).find('\r'), lf);
}

struct Lines {
  std::size_t octets = 0;   ///< With their line ends.
  std::size_t longest = 0;  ///< Without its own; the first one counts `begun` octets more.
};

/// Whole lines at the front that need no care: each ends in CRLF, has no other CR or LF, and does
/// not begin with a dot. Most mail is nothing else, and is taken in one go.
Lines plain_lines(std::string_view text, std::size_t begun, bool at_line_start) {
  Lines lines;
  while (true) {
    const std::string_view rest = text.substr(lines.octets);
    if (at_line_start && rest.starts_with('.')) return lines;
    const std::size_t length = plain_prefix(rest);
    if (!rest.substr(length).starts_with(kLineEnd)) return lines;
    lines.octets += length + kLineEnd.size();
    lines.longest = std::max(lines.longest, begun + length);
    begun = 0;
    at_line_start = true;
  }
}

}  // namespace

void DotStuffer::transform(std::string_view chunk, std::string& out) {
  out.reserve(out.size() + chunk.size());
  while (!chunk.empty()) {
    const bool cares = dots_ == Dots::stuffed && at_ != At::in_line;
    // After a CR, an LF would belong to it.
    const auto lines = at_ == At::after_cr ? Lines{} : plain_lines(chunk, 0, cares);
    if (lines.octets > 0) {
      out += chunk.substr(0, lines.octets);
      chunk.remove_prefix(lines.octets);
      at_ = At::line_start;
      continue;
    }
    const char c = chunk.front();
    if (c == '\r' || c == '\n') {
      // A CR is a line end at once; an LF right after it belongs to it, also across chunks.
      if (c == '\r' || at_ != At::after_cr) out += kLineEnd;
      at_ = c == '\r' ? At::after_cr : At::line_start;
      chunk.remove_prefix(1);
      continue;
    }
    if (dots_ == Dots::stuffed && at_ != At::in_line && c == '.') out += '.';  // RFC 5321 §4.5.2
    at_ = At::in_line;
    const std::size_t length = plain_prefix(chunk);
    out += chunk.substr(0, length);
    chunk.remove_prefix(length);
  }
}

void DotStuffer::finish(std::string& out) {
  if (at_ == At::in_line) out += kLineEnd;
  out += ".\r\n";
  at_ = At::line_start;
}

// A line starts after CRLF and nowhere else: what follows a bare CR or LF can neither end the data
// nor be unstuffed, whatever becomes of that octet in the output (RFC 5321 §2.3.8, §4.1.1.4).
DataReader::Progress DataReader::read(std::string_view input, std::string& out) {
  std::size_t i = 0;
  while (i < input.size()) {
    if (at_ == At::in_line || at_ == At::line_start) i += take_lines(input.substr(i), out);
    if (at_ == At::in_line) i += take_plain(input.substr(i), out);
    if (i < input.size() && take(input[i++], out) == End::yes) return {i, true};
  }
  return {i, false};
}

void DataReader::finish(std::string& out) {
  FULMAR_CHECK(framing_ == Framing::counted);
  if (at_ == At::after_cr) take_bare('\r', out);
  // SMTP-27. Behind a mended newline no line has begun.
  if (at_ == At::in_line && line_length_ > 0) out += kLineEnd;
  at_ = At::line_start;
}

std::size_t DataReader::take_lines(std::string_view input, std::string& out) {
  const Lines lines = plain_lines(input, line_length_, at_ == At::line_start);
  if (lines.octets == 0) return 0;
  const std::string_view text = input.substr(0, lines.octets);
  out += text;
  look_at(text);
  longest_line_ = std::max(longest_line_, lines.longest);
  line_length_ = 0;
  at_ = At::line_start;
  return lines.octets;
}

std::size_t DataReader::take_plain(std::string_view input, std::string& out) {
  const std::string_view plain = input.substr(0, plain_prefix(input));
  out += plain;
  count(plain);
  return plain.size();
}

DataReader::End DataReader::take(char c, std::string& out) {
  if (at_ == At::line_start && c == '.' && framing_ == Framing::dot) {
    at_ = At::after_dot;
    return End::no;
  }
  if (at_ == At::after_dot && c == '\r') {
    at_ = At::after_dot_cr;
    return End::no;
  }
  if (at_ == At::after_dot_cr && c == '\n') return End::yes;
  // The dot was a stuffed one: it is gone, and the octets after it count as any others.
  if (at_ == At::after_dot) at_ = At::in_line;
  if (at_ == At::after_dot_cr) at_ = At::after_cr;

  if (at_ == At::after_cr && c == '\n') {
    out += kLineEnd;
    line_length_ = 0;
    at_ = At::line_start;
    return End::no;
  }
  if (at_ == At::after_cr) take_bare('\r', out);
  if (c == '\r') {
    at_ = At::after_cr;
    return End::no;
  }
  at_ = At::in_line;
  if (c == '\n') {
    take_bare('\n', out);
  } else {
    out += c;
    count({&c, 1});
  }
  return End::no;
}

void DataReader::take_bare(char newline, std::string& out) {
  saw_bare_newline_ = true;
  line_length_ = 0;
  if (policy_ == OnBareNewline::normalize) {
    out += kLineEnd;
  } else {
    out += newline;
  }
}

void DataReader::count(std::string_view text) {
  line_length_ += text.size();
  longest_line_ = std::max(longest_line_, line_length_);
  look_at(text);
}

void DataReader::look_at(std::string_view text) {
  saw_eight_bit_ = saw_eight_bit_ || !is_ascii(text);
  saw_nul_ = saw_nul_ || text.find('\0') != std::string_view::npos;
}

}  // namespace fulmar::smtp
