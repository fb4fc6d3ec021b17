// The first part of a notice: its words as plain text and as HTML. Pure.
#pragma once

#include <string>
#include <string_view>

#include "mta/notice/human_text.h"
#include "mta/notice/mime.h"

namespace fulmar::notice {

/// Blocks of five lines, and under a line of dashes the technical part. Lines end in LF.
[[nodiscard]] std::string plain_text(const HumanText& text);

/// The same sentences as a document that stands alone: no scripts, nothing fetched from anywhere.
/// Everything is escaped. `language` is its tag. Lines end in LF.
[[nodiscard]] std::string html_text(const HumanText& text, std::string_view language);

/// multipart/alternative of both; its boundary is made of `seed`.
[[nodiscard]] Part human_part(const HumanText& text, std::string_view language,
                              std::string_view seed);

}  // namespace fulmar::notice
