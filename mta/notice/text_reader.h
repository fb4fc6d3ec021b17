// A file of texts: TOML in, checked texts out. Pure.
#pragma once

#include <expected>
#include <vector>

#include "conf/load.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {

/// What `file` has of the catalogue. Whatever is unknown, no text, or breaks the rules of its key
/// is a Problem, up to 20 of them in one run; but of syntax the first one ends the reading.
[[nodiscard]] std::expected<LanguageTexts::Table, std::vector<conf::Problem>> read_texts(
    const TextFile& file);

}  // namespace fulmar::notice
