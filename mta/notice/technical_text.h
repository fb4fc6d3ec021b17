// The technical part of a notice's words: everything an expert may want, in English. Pure.
#pragma once

#include <string>

#include "mta/notice/notice.h"

namespace fulmar::notice {

/// Lines that each end in LF, without other control characters; at most about 500 KB, of which
/// peers' words take no more than reply_allowance() gives them.
[[nodiscard]] std::string technical_text(const NoticeFacts& facts);

}  // namespace fulmar::notice
