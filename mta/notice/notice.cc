#include "mta/notice/notice.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "mta/notice/delivery_status.h"
#include "mta/notice/human_part.h"
#include "mta/notice/human_text.h"
#include "mta/notice/mime.h"

namespace fulmar::notice {
namespace {

/// With an A-label domain, so that eight bits are used only where a local part leaves no choice
/// (DSN-09, EAI-04).
std::string header_address(const Mailbox& address) {
  return address.ascii_domain_form();
}

/// The postmaster as configured; a malformed one cannot stop a notice.
std::string from_field(const std::string& postmaster) {
  const auto address = Mailbox::parse(postmaster);
  const std::string text = address ? header_address(*address) : ascii_words(postmaster, 254);
  return header_field("From", "Mail Delivery System <" + text + ">");
}

/// Worth repeating in References: one msg-id of RFC 5322 §3.6.4 as programs in use write them.
bool is_sane_message_id(std::string_view text) {
  if (text.size() < 5 || text.size() > 250 || !text.starts_with('<') || !text.ends_with('>'))
    return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  const std::size_t at = inner.find('@');
  return inner.find_first_of("<> ") == std::string_view::npos && at != std::string_view::npos &&
         at > 0 && at + 1 < inner.size() && std::ranges::all_of(inner, is_printable);
}

std::string header_of(const NoticeFacts& facts, std::string_view subject,
                      std::string_view language) {
  std::string header = from_field(facts.postmaster);
  header += header_field("To", '<' + header_address(*facts.original.sender) + '>');
  header += header_field("Subject", header_text(subject));
  header += header_field("Date", to_rfc5322(facts.now));
  header +=
      header_field("Message-ID", '<' + facts.id.str() + '@' + facts.reporting_mta.str() + '>');
  if (const auto id = find_field(facts.original.header, "Message-ID");
      id && is_sane_message_id(*id)) {
    header += header_field("In-Reply-To", *id) + header_field("References", *id);
  }
  // So that the relays behind us pass the notice on as they were to pass on the message.
  if (facts.original.tls_optional) header += header_field("TLS-Required", "No");
  // RFC 3834 §5.2: notices answer a message; "auto-generated" would be wrong (DSN-18).
  return header + header_field("Auto-Submitted", "auto-replied") +
         header_field("Content-Language", language) + header_field("MIME-Version", "1.0");
}

/// The last part: what the notice is about. RFC 6522 §3 asks for 7-bit, and message/rfc822 must not
/// be encoded (RFC 2046 §5.2.1), so content that is not 7-bit comes back as its header fields only.
Part original_part(const NoticeFacts& facts) {
  if (!facts.original_content.empty()) {
    std::string content = facts.original_content.substr(0, kMaxReturned);
    if (is_seven_bit(content)) return {"message/rfc822", std::move(content)};
  }
  std::string header = with_crlf(facts.original.header);
  // RFC 6533 §3: header fields in UTF-8 have a type of their own.
  const bool global = !is_ascii(header) && is_valid_utf8(header);
  return {global ? "message/global-headers" : "text/rfc822-headers", std::move(header)};
}

}  // namespace

NoticeKind gravest_kind(const NoticeFacts& facts) {
  FULMAR_CHECK(!facts.recipients.empty());
  return std::ranges::min(facts.recipients, {}, &NoticeRecipient::kind).kind;
}

std::string compose_notice(const NoticeFacts& facts, const LanguageTexts& texts) {
  FULMAR_CHECK(facts.original.sender.has_value());
  FULMAR_CHECK(!facts.recipients.empty());
  const HumanText text = human_text(facts, texts);
  const std::array parts = {human_part(text, texts.tag(), facts.id.str()),
                            delivery_status_part(facts), original_part(facts)};
  const Multipart multipart = join_parts(parts, facts.id.str());
  std::string notice = header_of(facts, text.title, texts.tag());
  // RFC 6522 §3
  notice +=
      header_field("Content-Type", "multipart/report; report-type=delivery-status; boundary=\"" +
                                       multipart.boundary + "\"");
  return notice + "\r\n" + "This is a notice in several parts (MIME).\r\n\r\n" + multipart.body;
}

}  // namespace fulmar::notice
