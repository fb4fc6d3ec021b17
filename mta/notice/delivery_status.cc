#include "mta/notice/delivery_status.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/dsn.h"
#include "base/utf8_address.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxOriginalLine = 900;

constexpr std::size_t kMaxReply = 10'000;
constexpr std::size_t kMinReply = 200;
constexpr std::size_t kMaxReplies = 100'000;

// Of an address in plain UTF-8, which is the usual form inside a notice, but needs a way back that
// carries eight bits; nobody promised that. RFC 6533 §3
constexpr std::string_view kUtf8 = "utf-8; ";

/// What a client wrote, as one line that a field can hold.
std::string one_line(std::string_view text) {
  return ascii_words(sanitize_line(text, kMaxLine), kMaxLine);
}

std::string final_recipient(const Mailbox& address) {
  const std::string text = address.ascii_domain_form();
  if (is_ascii(address.local_part)) return "rfc822; " + text;
  return std::string(kUtf8) + utf8_addr_xtext(text);
}

/// As it was before the sender's side put it into xtext (RFC 3464 §2.3.1). What is of type rfc822
/// and UTF-8 gets the type of its own; an ORCPT of that type is in the form of seven bits, or
/// nearly.
std::string decoded_original_recipient(std::string_view orcpt) {
  const std::size_t semicolon = orcpt.find(';');
  const std::string_view type = orcpt.substr(0, semicolon);
  const std::string_view written = orcpt.substr(semicolon + 1);
  if (equals_ignoring_case(type, "utf-8")) return std::string(kUtf8) + seven_bit_form(written);
  const std::string address = decode_xtext(written).value_or("");
  const bool is_utf8 = !is_ascii(address) && is_valid_utf8(address);
  if (is_utf8 && equals_ignoring_case(type, "rfc822")) {
    return std::string(kUtf8) + utf8_addr_xtext(address);
  }
  return address.empty() ? "" : std::string(type) + "; " + one_line(address);
}

/// Empty where there is none, or none that a line can hold: folded, it would be another address.
std::string original_recipient(std::string_view orcpt) {
  const std::string whole = decoded_original_recipient(orcpt);
  return whole.size() <= kMaxOriginalLine ? whole : "";
}

bool has_utf8_address(const NoticeRecipient& recipient) {
  return final_recipient(recipient.address).starts_with(kUtf8) ||
         original_recipient(recipient.original_recipient).starts_with(kUtf8);
}

/// RFC 3464 §2.3.3 has no word for the end of a delay: the message was handed over.
std::string_view action_of(NoticeKind kind) {
  return is_good_news(kind) ? "relayed" : to_string(kind);
}

EnhancedStatus status_of(const NoticeRecipient& recipient) {
  if (is_good_news(recipient.kind)) return {2, 0, 0};
  EnhancedStatus status = recipient.failure.status;
  // RFC 3464 §2.3.4 with RFC 3463 §2: what is only delayed is a persistent transient failure, even
  // where the cause would be permanent for one host.
  if (recipient.kind == NoticeKind::delayed && status.klass == 5) status.klass = 4;
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
  std::string group;
  const std::string original = original_recipient(recipient.original_recipient);
  if (!original.empty()) group += header_field("Original-Recipient", original);
  group += header_field("Final-Recipient", final_recipient(recipient.address));
  group += header_field("Action", action_of(recipient.kind));
  group += header_field("Status", to_string(status_of(recipient)));
  // RFC 3464 §2.3.5: absent when no other host took part in the decision.
  const std::string remote = recipient.reply.empty() ? "" : host_name(recipient.host);
  if (!remote.empty()) group += header_field("Remote-MTA", "dns; " + remote);
  group += header_field("Diagnostic-Code", diagnosis(recipient, allowance));
  if (recipient.last_attempt) {
    group += header_field("Last-Attempt-Date", to_rfc5322(*recipient.last_attempt));
  }
  // RFC 3464 §2.3.9: only while it is delayed.
  if (recipient.kind == NoticeKind::delayed && recipient.give_up_at) {
    group += header_field("Will-Retry-Until", to_rfc5322(*recipient.give_up_at));
  }
  return group;
}

}  // namespace

std::string host_name(std::string_view host) {
  const std::size_t bracket = host.find('[');
  const std::size_t length = bracket == 0 ? host.find(']') + 1 : bracket;
  return ascii_words(sanitize_line(host.substr(0, length), kMaxLine / 2), kMaxLine / 2);
}

std::size_t reply_allowance(std::size_t recipients) {
  return std::clamp(kMaxReplies / std::max<std::size_t>(recipients, 1), kMinReply, kMaxReply);
}

Part delivery_status_part(const NoticeFacts& facts) {
  std::string content;
  if (!facts.original.envelope_id.empty()) {  // RFC 3464 §2.2.1
    const std::string id = decode_xtext(facts.original.envelope_id).value_or("");
    content += header_field("Original-Envelope-Id", one_line(id));
  }
  content += header_field("Reporting-MTA", "dns; " + facts.reporting_mta.str());
  content += header_field("Arrival-Date", to_rfc5322(facts.original.arrived));
  bool global = false;
  for (const NoticeRecipient& recipient : facts.recipients) {
    content += "\r\n" + recipient_group(facts, recipient);
    global = global || has_utf8_address(recipient);
  }
  return {global ? "message/global-delivery-status" : "message/delivery-status",
          std::move(content)};
}

}  // namespace fulmar::notice
