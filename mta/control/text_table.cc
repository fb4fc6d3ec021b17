#include "mta/control/text_table.h"

#include <algorithm>

namespace fulmar::control {
namespace {

std::size_t width_of(const std::string& cell) {
  return static_cast<std::size_t>(std::ranges::count_if(
      cell, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<std::size_t> column_widths(const std::vector<TextRow>& rows) {
  std::vector<std::size_t> widths;
  for (const TextRow& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    // The last cell pushes nothing aside.
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i]));
  }
  return widths;
}

}  // namespace

std::string align_columns(const std::vector<TextRow>& rows, std::size_t indent) {
  const auto widths = column_widths(rows);
  std::string result;
  for (const TextRow& row : rows) {
    result.append(indent, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      result += row[i];
      if (i + 1 < row.size()) result.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    result += '\n';
  }
  return result;
}

}  // namespace fulmar::control
