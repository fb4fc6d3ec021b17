// Versioned encoding of what senders are owed, for the spool. Pure, fuzzed. The format is written
// down in docs/queue-format.md.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "mta/delivery/owed_notices.h"

namespace fulmar::delivery {

/// Of the delivery's history the last attempt is kept, and long replies are shortened
/// (queue::bound_texts()). REQUIRES: at least one word.
[[nodiscard]] std::string encode(const OwedNotice& owed);

/// Errc::corrupt when bytes are missing, left over or out of bounds; Errc::newer_version when a
/// later version wrote them.
[[nodiscard]] Result<OwedNotice> decode_owed_notice(std::string_view bytes);

}  // namespace fulmar::delivery
