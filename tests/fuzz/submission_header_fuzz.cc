// A hostile client's message through the edits of a submission listener: what comes out is what
// came in less the fields that go, plus the two that may be added; it has what a message must have,
// and is the same however the message was cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ascii.h"
#include "base/check.h"
#include "mta/smtp/submission_header.h"

namespace {

using namespace fulmar;
using smtp::DataRefusal;
using smtp::SubmissionHeader;

constexpr std::string_view kDate = "Sat, 21 Nov 2026 23:09:00 +0000";
constexpr std::string_view kId = "<new@relay.example>";

struct Submitted {
  std::string out;
  std::optional<DataRefusal> refusal;
  std::vector<Mailbox> from;
};

Submitted submit(std::string_view message, std::size_t piece) {
  SubmissionHeader header({.date = std::string(kDate), .message_id = std::string(kId)});
  Submitted result;
  for (std::size_t i = 0; i < message.size(); i += piece)
    header.add(message.substr(i, piece), result.out);
  header.finish(result.out);
  result.refusal = header.refusal();
  result.from = header.originators();
  return result;
}

void check_same(const Submitted& a, const Submitted& b) {
  FULMAR_CHECK(a.out == b.out);
  FULMAR_CHECK(a.from == b.from);
  FULMAR_CHECK(a.refusal.has_value() == b.refusal.has_value());
  if (a.refusal) {
    FULMAR_CHECK(a.refusal->code == b.refusal->code && a.refusal->why == b.refusal->why);
  }
}

bool is_subsequence(std::string_view part, std::string_view whole) {
  for (const char c : whole) {
    if (!part.empty() && part.front() == c) part.remove_prefix(1);
  }
  return part.empty();
}

/// Fields of that name among the lines before the first empty one.
std::size_t count_fields(std::string_view message, std::string_view name) {
  std::size_t count = 0;
  while (!message.empty() && !message.starts_with("\r\n")) {
    const auto end = message.find("\r\n");
    const std::string_view line = message.substr(0, end);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 2);
    const bool continues = line.starts_with(' ') || line.starts_with('\t');
    if (!continues && equals_ignoring_case(trim(line.substr(0, line.find(':'))), name)) ++count;
  }
  return count;
}

/// Out of the end of the header section, where ours would stand.
void remove_addition(std::string_view& section, std::string_view field) {
  if (section.ends_with(field)) section.remove_suffix(field.size());
}

void check_taken(std::string_view message, const Submitted& got) {
  for (const std::string_view name : {"From", "Date", "Message-ID"})
    FULMAR_CHECK(count_fields(got.out, name) == 1);
  for (const std::string_view name : {"Bcc", "Resent-Bcc", "Return-Path"})
    FULMAR_CHECK(count_fields(got.out, name) == 0);
  for (const std::string_view name : {"Sender", "Reply-To", "To", "Cc", "Subject", "References"})
    FULMAR_CHECK(count_fields(got.out, name) <= 1);
  FULMAR_CHECK(!got.from.empty());

  const auto end = message.find("\r\n\r\n");
  const std::string_view body =
      end == std::string_view::npos ? std::string_view() : message.substr(end + 2);
  FULMAR_CHECK(got.out.ends_with(body));
  std::string_view section = std::string_view(got.out).substr(0, got.out.size() - body.size());
  remove_addition(section, "Message-ID: " + std::string(kId) + "\r\n");
  remove_addition(section, "Date: " + std::string(kDate) + "\r\n");
  // The last line of the message may have had no end.
  FULMAR_CHECK(is_subsequence(section, std::string(message) + "\r\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const Submitted whole = submit(message, size + 1);
  check_same(whole, submit(message, 1));
  check_same(whole, submit(message, size % 5 + 2));
  if (!whole.refusal) {
    check_taken(message, whole);
    return 0;
  }
  FULMAR_CHECK(whole.out.empty());
  FULMAR_CHECK(whole.refusal->why.retry == Retry::never);
  FULMAR_CHECK(whole.refusal->code / 100 == whole.refusal->why.status.klass);
  FULMAR_CHECK(std::ranges::all_of(whole.refusal->why.detail, is_printable));
  return 0;
}
