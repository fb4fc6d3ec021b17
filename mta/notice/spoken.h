// Times, lists and subjects as a sentence has them, in a language. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "mta/notice/notice.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {

/// "21 November 2026, 23:09 UTC".
[[nodiscard]] std::string spoken_time(UtcTime time, const LanguageTexts& texts);

/// "21 November 2026, 23:09 UTC, about 23:39 UTC and about 22 November 2026, 00:39 UTC": all but
/// the first are about right. REQUIRES: not empty.
[[nodiscard]] std::string spoken_attempts(const std::vector<UtcTime>& attempts,
                                          const LanguageTexts& texts);

/// The subject of a message by its header, on one line and cut at `max_octets`; empty when it would
/// not be readable here, being in encoded words (RFC 2047).
[[nodiscard]] std::string spoken_subject(std::string_view subject, std::size_t max_octets);

/// "bob@b.example", "a@b.example, c@b.example, d@b.example and 3 more". REQUIRES: not empty.
[[nodiscard]] std::string spoken_recipients(const std::vector<const NoticeRecipient*>& recipients,
                                            const LanguageTexts& texts);

}  // namespace fulmar::notice
