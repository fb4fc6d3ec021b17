#include "mta/notice/notice.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "mta/notice/delivery_status.h"
#include "mta/notice/human_part.h"
#include "mta/notice/human_text.h"
#include "mta/notice/letterhead.h"
#include "mta/notice/mime.h"

namespace fulmar::notice {
namespace {

/// The last part: what the notice is about. RFC 6522 §3 asks for 7-bit, and message/rfc822 must not
/// be encoded (RFC 2046 §5.2.1), so content that is not 7-bit comes back as its header fields only.
Part original_part(const NoticeFacts& facts) {
  if (!facts.original_content.empty()) {
    std::string content = facts.original_content.substr(0, kMaxReturned);
    // Cut in the middle of a line end.
    if (content.size() == kMaxReturned && content.ends_with('\r')) content.pop_back();
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
  std::string notice =
      header_fields({.postmaster = facts.postmaster,
                     .to = *facts.original.sender,
                     .subject = text.title,
                     .now = facts.now,
                     .id = facts.id,
                     .reporting_mta = facts.reporting_mta,
                     .in_reply_to = find_field(facts.original.header, "Message-ID").value_or(""),
                     .tls_optional = facts.original.tls_optional,
                     .language = texts.tag()});
  // RFC 6522 §3
  notice +=
      header_field("Content-Type", "multipart/report; report-type=delivery-status; boundary=\"" +
                                       multipart.boundary + "\"");
  return notice + "\r\n" + "This is a notice in several parts (MIME).\r\n\r\n" + multipart.body;
}

}  // namespace fulmar::notice
