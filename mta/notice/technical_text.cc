#include "mta/notice/technical_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <string_view>

#include "mta/notice/delivery_status.h"
#include "mta/notice/mime.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxDetailed = 20;  // recipients with their technical details
constexpr std::size_t kMaxTechnical = 200;
constexpr std::size_t kMaxTechnicalLine = 1000;

std::string indented(std::string_view lines) {
  std::string result;
  for (const char c : lines) {
    result += c;
    if (c == '\n') result += "    ";
  }
  return "    " + result + "\n";
}

std::string technical_failure(const NoticeRecipient& recipient) {
  std::string text = fmt::format("Cause: {} (status {}){}\n", to_string(recipient.failure.code),
                                 to_string(recipient.failure.status),
                                 recipient.expired ? ", time limit reached" : "");
  if (!recipient.failure.detail.empty()) {
    text += "Detail: " + visible_line(recipient.failure.detail, kMaxTechnicalLine) + "\n";
  }
  if (recipient.failing_since) {
    text += "Failing this way since: " + to_iso8601(*recipient.failing_since) + "\n";
  }
  return text;
}

std::string technical_times(const NoticeRecipient& recipient) {
  std::string text =
      "Last attempt: " + (recipient.last_attempt ? to_iso8601(*recipient.last_attempt) : "none") +
      "\n";
  if (!recipient.next_attempts.empty()) {
    text += "Next attempt: " + to_iso8601(recipient.next_attempts.front()) + "\n";
  }
  if (recipient.give_up_at) text += "Giving up: " + to_iso8601(*recipient.give_up_at) + "\n";
  return text;
}

std::string technical_recipient(const NoticeFacts& facts, const NoticeRecipient& recipient) {
  std::string text =
      fmt::format("\nRecipient: {}\n", visible_line(recipient.address.text, kMaxTechnicalLine));
  if (!is_good_news(recipient.kind)) text += technical_failure(recipient);
  text += technical_times(recipient);
  if (!recipient.host.empty())
    text += "Host: " + visible_line(recipient.host, kMaxTechnicalLine) + "\n";
  if (recipient.reply.empty()) {
    text += "This was decided by our server.\n";
  } else {
    text += "The other server said:\n" +
            indented(utf8_words(recipient.reply, reply_allowance(facts.recipients.size())));
  }
  return text;
}

/// Of the first destinations, with an equal share of the lines each.
std::string technical_sections(const NoticeFacts& facts) {
  std::string text;
  const std::size_t shown = std::min(facts.technical.size(), kMaxDetailed);
  const std::size_t share = kMaxTechnical / std::max<std::size_t>(1, shown);
  for (const TechnicalSection& section : facts.technical | std::views::take(shown)) {
    if (section.lines.empty()) continue;
    text += "\nOn the way to " + visible_line(section.destination, kMaxTechnicalLine) + "\n";
    for (const std::string& line : section.lines | std::views::take(share))
      text += visible_line(line, kMaxTechnicalLine) + "\n";
  }
  return text;
}

}  // namespace

std::string technical_text(const NoticeFacts& facts) {
  std::string text = fmt::format("Queue id: {}\nReporting server: {}\n", facts.original.id.str(),
                                 facts.reporting_mta.str());
  text += "Arrived: " + to_iso8601(facts.original.arrived) + "\n";
  const std::size_t detailed = std::min(facts.recipients.size(), kMaxDetailed);
  for (std::size_t i = 0; i < detailed; ++i) {
    text += technical_recipient(facts, facts.recipients[i]);
  }
  if (facts.recipients.size() > detailed) {
    text += fmt::format("\n{} more recipients stand in the delivery status attached.\n",
                        facts.recipients.size() - detailed);
  }
  return text + technical_sections(facts);
}

}  // namespace fulmar::notice
