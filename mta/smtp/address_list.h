// The addresses in a header field such as From: display names, comments and groups are read over,
// what is left are mailboxes. Pure, one pass, bounded. RFC 5322 §3.4, RFC 6532 §3.2, RFC 6854
//
// The reading is strict, because it answers who a message claims to be from, and a field that two
// programs read in two ways is how a false sender is slipped in. Obsolete forms (RFC 5322 §4.4),
// which a client must not write, are refused: routes, empty places between commas, white space
// around the dots of an address. The one exception is the bare dot in a display name ("John Q.
// Public"), which everybody writes. Encoded words (RFC 2047) are words like others and are not
// decoded, hence one that hides a comma or an address behind its octets is refused as well.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"

namespace fulmar::smtp {

/// Mailboxes of one field; more are refused.
inline constexpr std::size_t kMaxMailboxes = 1000;

/// `body` is what stands between the colon of a field and its last CRLF, folded or not. The
/// mailboxes in their order, those in groups too, each without comments and without white space
/// around the @; none at all when there are only empty groups ("undisclosed-recipients:;").
///
/// Local parts and names may be UTF-8 (RFC 6532), and addresses keep the bounds of the envelope
/// (Mailbox::parse). In display names and comments octets over 127 pass whatever they mean, as old
/// software writes them in its own character set.
///
/// Errc::syntax when it is no address list, Errc::limit for more than kMaxMailboxes.
[[nodiscard]] Result<std::vector<Mailbox>> parse_address_list(std::string_view body);

/// A field body in one line: without the CRLFs that white space follows. RFC 5322 §2.2.3
[[nodiscard]] std::string unfold(std::string_view body);

/// `text` without the white space and comments it begins with; a comment that stays open is left
/// there. RFC 5322 §3.2.2
[[nodiscard]] std::string_view skip_comments(std::string_view text);

}  // namespace fulmar::smtp
