#include "mta/notice/letterhead.h"

#include <algorithm>

#include "base/ascii.h"
#include "mta/notice/mime.h"

namespace fulmar::notice {
namespace {

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

}  // namespace

std::string header_address(const Mailbox& address) {
  return address.ascii_domain_form();
}

std::string header_fields(const Letterhead& head) {
  std::string header = from_field(head.postmaster);
  header += header_field("To", '<' + header_address(head.to) + '>');
  header += header_field("Subject", header_text(head.subject));
  header += header_field("Date", to_rfc5322(head.now));
  header += header_field("Message-ID", '<' + head.id.str() + '@' + head.reporting_mta.str() + '>');
  if (is_sane_message_id(head.in_reply_to)) {
    header += header_field("In-Reply-To", head.in_reply_to) +
              header_field("References", head.in_reply_to);
  }
  // So that the relays behind us pass the notice on as they were to pass on the message.
  if (head.tls_optional) header += header_field("TLS-Required", "No");
  // RFC 3834 §5.2: what answers a message must not say "auto-generated" (DSN-18).
  return header +
         header_field("Auto-Submitted", head.unprompted ? "auto-generated" : "auto-replied") +
         header_field("Content-Language", head.language) + header_field("MIME-Version", "1.0");
}

}  // namespace fulmar::notice
