// Notices to the sender of a message: facts in, a complete message out. Pure.
//
// A notice is a multipart/report (RFC 6522, RFC 3464): words for a person, the delivery-status part
// for programs, and the original's header fields or content. The rules for the words stand in
// docs/notices.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/error.h"
#include "base/message_id.h"
#include "mta/notice/kind.h"
#include "queue/message.h"

namespace fulmar::notice {

class LanguageTexts;

struct NoticeRecipient {
  NoticeKind kind = NoticeKind::failed;
  Mailbox address;
  std::string original_recipient;  ///< ORCPT as it came; empty without one.
  /// The relay that takes mail for this address by our operator's rule; empty without one. The
  /// words are about its servers then, not about those of the recipient's domain.
  std::string relay;
  Error failure;         ///< The cause; for `failed` its status is the permanent form already, and
                         ///< for good news it means nothing.
  bool expired = false;  ///< Waiting reached its limit: the text says so, the status is that of the
                         ///< last cause.
  std::string host;      ///< "mx1.b.example[192.0.2.7]:25"; empty when no host took part in the
                         ///< decision. For good news never empty.
  std::string reply;  ///< The host's reply verbatim, lines separated by LF; empty when the decision
                      ///< was ours (DSN-14). For good news never empty.
  /// What hosts were shown without TLS; the words must not claim more protection than that.
  queue::Exposure exposure = queue::Exposure::nothing;
  queue::GivenSoFar given;  ///< Nor that nothing was sent, or taken, where that is not certain.
  std::optional<UtcTime> failing_since;  ///< Of `failure`; empty: not known.
  std::optional<UtcTime> last_attempt;   ///< Empty: none was made.
  /// For `delayed`, the soonest first; all but the first are about right.
  std::vector<UtcTime> next_attempts;
  std::optional<UtcTime> give_up_at;  ///< For `delayed`: Will-Retry-Until.
};

/// Lines about one destination, for experts: policy, hosts, checks with both sides.
struct TechnicalSection {
  std::string destination;
  std::vector<std::string> lines;
};

struct NoticeFacts {
  MessageId id;  ///< Of the notice itself; its Message-ID is made of it.
  Domain reporting_mta;
  std::string postmaster;   ///< From.
  queue::Message original;  ///< REQUIRES: has a sender. TLS-Required: No and ENVID are repeated in
                            ///< the notice.
  std::vector<NoticeRecipient> recipients;  ///< Just those the notice is about; not empty.
  std::vector<TechnicalSection> technical;
  UtcTime now{};
  /// The original's content from its first octet, when it is to come back and was read; at most
  /// kMaxReturned octets, cut there. Empty: header fields only.
  std::string original_content;
};
inline constexpr std::size_t kMaxReturned = 50 * 1024;

/// Of its recipients: what the notice as a whole is called. REQUIRES: there are some.
[[nodiscard]] NoticeKind gravest_kind(const NoticeFacts& facts);

/// The notice as it goes to the spool: header and body, CRLF line ends, no line over 998 octets,
/// 7-bit unless an address needs UTF-8; its words in the language of `texts`. Peers' words in
/// `facts` can neither break its structure nor add fields (DSN-19, pitfall 75).
[[nodiscard]] std::string compose_notice(const NoticeFacts& facts, const LanguageTexts& texts);

}  // namespace fulmar::notice
