#include "mta/notice/delivery_status.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxReply = 10'000;
constexpr std::size_t kMinReply = 200;
constexpr std::size_t kMaxReplies = 100'000;

std::uint32_t code_point(std::string_view sequence) {
  const auto first = static_cast<std::uint8_t>(sequence.front());
  if (sequence.size() == 1) return first;
  std::uint32_t value = first & (0x7FU >> sequence.size());
  for (const char c : sequence.substr(1))
    value = value << 6 | (static_cast<std::uint8_t>(c) & 0x3FU);
  return value;
}

std::size_t sequence_length(char first) {
  const auto octet = static_cast<std::uint8_t>(first);
  return octet < 0x80 ? 1 : octet < 0xE0 ? 2 : octet < 0xF0 ? 3 : 4;
}

/// utf-8-addr-xtext of RFC 6533 §3. The form in plain UTF-8 is the usual one inside a notice, but
/// needs a way back that carries eight bits, which nobody promised. REQUIRES: valid UTF-8.
std::string utf8_addr_xtext(std::string_view address) {
  std::string result;
  while (!address.empty()) {
    const std::string_view character = address.substr(0, sequence_length(address.front()));
    const char c = character.front();
    if (is_printable(c) && c != ' ' && c != '\\' && c != '+' && c != '=') {
      result += c;
    } else {
      result += fmt::format("\\x{{{:02X}}}", code_point(character));
    }
    address.remove_prefix(character.size());
  }
  return result;
}

bool is_ascii_address(const Mailbox& address) {
  return is_ascii(address.local_part);
}

std::string final_recipient(const Mailbox& address) {
  const std::string text = address.ascii_domain_form();
  return is_ascii_address(address) ? "rfc822; " + text : "utf-8; " + utf8_addr_xtext(text);
}

/// "mx1.b.example" of "mx1.b.example[192.0.2.7]:25", the literal when there is no name.
std::string host_name(std::string_view host) {
  const std::size_t bracket = host.find('[');
  const std::size_t length = bracket == 0 ? host.find(']') + 1 : bracket;
  return ascii_words(sanitize_line(host.substr(0, length), kMaxLine / 2), kMaxLine / 2);
}

EnhancedStatus status_of(const NoticeRecipient& recipient, NoticeKind kind) {
  EnhancedStatus status = recipient.failure.status;
  // RFC 3464 §2.3.4 with RFC 3463 §2: what is only delayed is a persistent transient failure, even
  // where the cause would be permanent for one host.
  if (kind == NoticeKind::delayed && status.klass == 5) status.klass = 4;
  return status;
}

std::string diagnosis(const NoticeRecipient& recipient, std::size_t allowance) {
  // RFC 3464 §2.3.6: "smtp" is for a reply that was really received (DSN-14, pitfall 106).
  if (!recipient.reply.empty()) return "smtp; " + ascii_words(recipient.reply, allowance);
  const std::string_view limit = recipient.expired ? "time limit reached; " : "";
  return fmt::format("x-fulmar; {}{}: {}", limit, to_string(recipient.failure.code),
                     ascii_words(recipient.failure.detail, allowance));
}

std::string recipient_group(const NoticeFacts& facts, const NoticeRecipient& recipient) {
  const std::size_t allowance = reply_allowance(facts.recipients.size());
  std::string group = header_field("Final-Recipient", final_recipient(recipient.address));
  group += header_field("Action", to_string(facts.kind));
  group += header_field("Status", to_string(status_of(recipient, facts.kind)));
  // RFC 3464 §2.3.5: absent when no other host took part in the decision.
  const std::string remote = recipient.reply.empty() ? "" : host_name(recipient.host);
  if (!remote.empty()) group += header_field("Remote-MTA", "dns; " + remote);
  group += header_field("Diagnostic-Code", diagnosis(recipient, allowance));
  if (facts.last_attempt) {
    group += header_field("Last-Attempt-Date", to_rfc5322(*facts.last_attempt));
  }
  // RFC 3464 §2.3.9: only while it is delayed.
  if (facts.kind == NoticeKind::delayed && facts.give_up_at) {
    group += header_field("Will-Retry-Until", to_rfc5322(*facts.give_up_at));
  }
  return group;
}

}  // namespace

std::size_t reply_allowance(std::size_t recipients) {
  return std::clamp(kMaxReplies / std::max<std::size_t>(recipients, 1), kMinReply, kMaxReply);
}

Part delivery_status_part(const NoticeFacts& facts) {
  std::string content = header_field("Reporting-MTA", "dns; " + facts.reporting_mta.str());
  content += header_field("Arrival-Date", to_rfc5322(facts.original.arrived));
  bool ascii = true;
  for (const NoticeRecipient& recipient : facts.recipients) {
    content += "\r\n" + recipient_group(facts, recipient);
    ascii = ascii && is_ascii_address(recipient.address);
  }
  return {ascii ? "message/delivery-status" : "message/global-delivery-status", std::move(content)};
}

}  // namespace fulmar::notice
