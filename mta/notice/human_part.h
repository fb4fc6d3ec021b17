// The first part of a notice: what a person reads. Pure. Its rules stand in docs/notices.md.
#pragma once

#include "mta/notice/mime.h"
#include "mta/notice/notice.h"

namespace fulmar::notice {

/// Per cause five lines in plain words: which recipients, what happened, what was sent, what
/// happens next, who can mend it or, of what was handed over, who knows more. Then, under a line of
/// dashes, everything an expert may want.
[[nodiscard]] Part human_part(const NoticeFacts& facts);

/// "bob@b.example", "a@b.example, c@b.example and 3 more". REQUIRES: not empty.
[[nodiscard]] std::string name_recipients(const std::vector<const NoticeRecipient*>& recipients);

}  // namespace fulmar::notice
