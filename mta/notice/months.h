// The keys of the months in [date] of the texts. Pure.
#pragma once

#include <array>
#include <string_view>

namespace fulmar::notice {

/// January first.
inline constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

}  // namespace fulmar::notice
