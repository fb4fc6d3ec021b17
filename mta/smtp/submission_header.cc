#include "mta/smtp/submission_header.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "mta/smtp/address_list.h"

namespace fulmar::smtp {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

constexpr std::string_view kFrom = "From";
constexpr std::string_view kSender = "Sender";
constexpr std::string_view kDate = "Date";
constexpr std::string_view kMessageId = "Message-ID";
/// RFC 5322 §3.6, the table. Bcc is not among them since none is let out.
constexpr std::array<std::string_view, 10> kAtMostOnce = {
    kFrom,     kSender, "Reply-To", "To",          "Cc",
    "Subject", kDate,   kMessageId, "In-Reply-To", "References"};
constexpr std::array<std::string_view, 3> kNeverLetOut = {"Bcc", "Resent-Bcc", "Return-Path"};

/// The name as the table spells it; empty when it is not there.
std::string_view find_name(std::span<const std::string_view> table, std::string_view name) {
  const auto found = std::ranges::find_if(
      table, [name](std::string_view each) { return equals_ignoring_case(each, name); });
  return found == table.end() ? std::string_view() : *found;
}

bool continues_a_field(std::string_view line) {
  return line.starts_with(' ') || line.starts_with('\t');
}

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with(kLineEnd)) text.remove_suffix(kLineEnd.size());
  return text;
}

/// White space before the colon is obsolete (RFC 5322 §4.5), but who reads it sees that field.
std::string_view name_of(std::string_view field) {
  return trim(field.substr(0, field.find(':')));
}

/// REQUIRES: begins_a_field().
std::string_view body_of(std::string_view field) {
  return without_line_end(field.substr(field.find(':') + 1));
}

/// RFC 5322 §3.6.8: printable ASCII without space and colon, then the colon.
bool begins_a_field(std::string_view line) {
  if (line.find(':') == std::string_view::npos) return false;
  const std::string_view name = name_of(line);
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return is_printable(c) && c != ' '; });
}

/// One msg-id of RFC 5322 §3.6.4, read generously: to replace an id that is odd but works would
/// part the message from the answers to it.
bool is_message_id(std::string_view body) {
  const std::string line = unfold(body);
  const std::string_view rest = skip_comments(line);
  const auto end = rest.find('>');
  if (!rest.starts_with('<') || end == std::string_view::npos) return false;
  const std::string_view id = rest.substr(1, end - 1);
  const auto at = id.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == id.size()) return false;
  const bool readable = std::ranges::all_of(
      id, [](char c) { return is_utf8_octet(c) || (is_printable(c) && c != ' ' && c != '<'); });
  return readable && skip_comments(rest.substr(end + 1)).empty();
}

}  // namespace

void SubmissionHeader::add(std::string_view octets, std::string& out) {
  while (at_ == At::header && !octets.empty()) {
    octets.remove_prefix(fill_line(octets));
    if (line_.ends_with(kLineEnd)) {
      take_line(std::exchange(line_, {}), out);
    } else if (line_.size() == kMaxLine + kLineEnd.size()) {
      refuse_long_line();
    }
  }
  if (at_ == At::body) out.append(octets);
}

void SubmissionHeader::finish(std::string& out) {
  if (at_ != At::header) return;
  // With BDAT the last line may lack its end (RFC 3030 §2).
  if (line_.size() > kMaxLine) return refuse_long_line();
  if (!line_.empty()) take_line(std::exchange(line_, {}), out);
  if (at_ == At::header) end_section("", out);
}

/// Up to the next LF, or as much as a line may have. The octets taken, at least one.
std::size_t SubmissionHeader::fill_line(std::string_view octets) {
  octets = octets.substr(0, kMaxLine + kLineEnd.size() - line_.size());
  const auto newline = octets.find('\n');
  if (newline != std::string_view::npos) octets = octets.substr(0, newline + 1);
  line_.append(octets);
  return octets.size();
}

/// `line` with its end, which only the last one of a message may lack.
void SubmissionHeader::take_line(std::string_view line, std::string& out) {
  octets_ += line.size();
  if (octets_ > kMaxOctets) {
    return refuse(552, Errc::limit, {5, 3, 4}, "header section over 256 KB");
  }
  if (line == kLineEnd) return end_section(line, out);
  const bool continues = continues_a_field(line);
  const bool belongs = continues ? !field_.empty() : begins_a_field(line);
  if (!belongs || without_line_end(line).find_first_of(kLineEnd) != std::string_view::npos) {
    // A message that begins with something else is all body.
    return refuse_syntax(octets_ == line.size() ? "no header section, hence no From field"
                                                : "malformed line in header section");
  }
  if (!continues) end_field();
  if (at_ == At::header) field_ += line;
}

/// The field before, if any, is whole now.
void SubmissionHeader::end_field() {
  const std::string field = std::exchange(field_, {});
  const std::string_view name = find_name(kAtMostOnce, name_of(field));
  if (!find_name(kNeverLetOut, name_of(field)).empty()) return;
  if (!name.empty()) {
    if (has(name)) return refuse_syntax("more than one " + std::string(name) + " field");
    present_.push_back(name);
  }
  if (name == kMessageId) {
    has_message_id_ = is_message_id(body_of(field));
    if (!has_message_id_) return;
  }
  kept_ += field;
  if (name == kFrom || name == kSender) read_addresses(name, body_of(field));
}

/// What the parser says may hold the client's words, so it is not repeated in a reply.
void SubmissionHeader::read_addresses(std::string_view name, std::string_view body) {
  const auto addresses = parse_address_list(body);
  if (!addresses) return refuse_syntax("malformed " + std::string(name) + " field");
  if (name == kFrom && addresses->empty()) return refuse_syntax("no address in From field");
  if (name == kSender && addresses->size() != 1) {
    return refuse_syntax("Sender field is not one address");
  }
  if (name == kFrom) from_count_ = addresses->size();
  originators_.insert(originators_.end(), addresses->begin(), addresses->end());
}

/// `empty_line` is empty when the message ends without it.
void SubmissionHeader::end_section(std::string_view empty_line, std::string& out) {
  end_field();
  if (at_ == At::refused) return;
  if (!has(kFrom)) return refuse_syntax("no From field");
  if (from_count_ > 1 && !has(kSender)) {
    return refuse_syntax("several addresses in From and no Sender field");
  }
  add_missing();
  out.append(std::exchange(kept_, {})).append(empty_line);
  at_ = At::body;
}

void SubmissionHeader::add_missing() {
  std::string added;
  const auto add = [&added](std::string_view name, std::string_view body) {
    added.append(name).append(": ").append(body).append(kLineEnd);
  };
  if (!has(kDate)) add(kDate, additions_.date);
  if (!has_message_id_) add(kMessageId, additions_.message_id);
  if (added.empty()) return;
  if (!kept_.empty() && !kept_.ends_with(kLineEnd)) kept_ += kLineEnd;
  kept_ += added;
}

bool SubmissionHeader::has(std::string_view name) const {
  return std::ranges::find(present_, name) != present_.end();
}

/// The first reason stays, and nothing is read any more.
void SubmissionHeader::refuse(std::uint16_t code, Errc errc, EnhancedStatus status,
                              std::string text) {
  FULMAR_CHECK(at_ == At::header);
  refusal_ = DataRefusal{.code = code, .why = make_error(errc, std::move(text))};
  refusal_->why.retry = Retry::never;
  refusal_->why.status = status;
  at_ = At::refused;
  line_.clear();
  field_.clear();
  kept_ = std::string();
}

void SubmissionHeader::refuse_long_line() {
  refuse(550, Errc::limit, {5, 6, 0}, "line over 998 octets in header section");
}

void SubmissionHeader::refuse_syntax(std::string text) {
  refuse(554, Errc::syntax, {5, 6, 0}, std::move(text));
}

}  // namespace fulmar::smtp
