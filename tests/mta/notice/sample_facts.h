// Facts of a notice that is as ordinary as can be; tests change one thing each.
#pragma once

#include <string>
#include <vector>

#include "mta/notice/notice.h"

namespace fulmar::notice {

[[nodiscard]] Mailbox mailbox(const std::string& text);
[[nodiscard]] Domain domain(const std::string& text);

/// bob@b.example failed with `code`; with host and reply where a host's word decides. For a relayed
/// one `code` means nothing.
[[nodiscard]] NoticeRecipient recipient(NoticeKind kind, Errc code);

/// A notice of `kind` to alice@a.example about recipient(kind, code).
[[nodiscard]] NoticeFacts sample_facts(NoticeKind kind = NoticeKind::failed,
                                       Errc code = Errc::dane_mismatch);

/// Every class that can reach a sender.
[[nodiscard]] const std::vector<Errc>& classes_that_reach_a_sender();

/// What stands before the first empty line of the first part, decoded as far as 7-bit parts need
/// it.
[[nodiscard]] std::vector<std::string> first_lines(const std::string& notice, std::size_t count);

/// The part of `type`, header and content; empty when there is none.
[[nodiscard]] std::string part_of(const std::string& notice, const std::string& type);

/// The header section of the notice itself.
[[nodiscard]] std::string header_of_notice(const std::string& notice);

}  // namespace fulmar::notice
