// Facts of a notice that is as ordinary as can be; tests change one thing each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mta/notice/notice.h"

namespace fulmar::notice {

[[nodiscard]] Mailbox mailbox(const std::string& text);
[[nodiscard]] Domain domain(const std::string& text);

/// The one of sample_facts(): bob@b.example failed with `code`; with host and reply where a host's
/// word decides. For a relayed one `code` means nothing.
[[nodiscard]] NoticeRecipient recipient(NoticeKind kind, Errc code);

/// The sample of that class; of a permanent refusal that there is no such address.
[[nodiscard]] NoticeFacts sample_facts(NoticeKind kind = NoticeKind::failed,
                                       Errc code = Errc::dane_mismatch);

/// compose_notice() with a language that comes along.
[[nodiscard]] std::string compose(const NoticeFacts& facts, std::string_view language = "en");

/// Those of sample_classes(), each once.
[[nodiscard]] std::vector<Errc> classes_that_reach_a_sender();

/// Of the plain text, decoded.
[[nodiscard]] std::vector<std::string> first_lines(const std::string& notice, std::size_t count);

/// The part of `type`, header and content; empty when there is none.
[[nodiscard]] std::string part_of(const std::string& notice, const std::string& type);

/// The content of a part that part_of() gave, without its encoding.
[[nodiscard]] std::string decoded(const std::string& part);

/// The header section of the notice itself.
[[nodiscard]] std::string header_of_notice(const std::string& notice);

}  // namespace fulmar::notice
