// Columns of text that line up. Pure.
#pragma once

#include <string>
#include <vector>

namespace fulmar::control {

using TextRow = std::vector<std::string>;

/// Every row on a line of its own after `indent` spaces, cells two spaces apart, the last cell of a
/// row as long as it is. Widths count characters of UTF-8.
[[nodiscard]] std::string align_columns(const std::vector<TextRow>& rows, std::size_t indent = 0);

}  // namespace fulmar::control
