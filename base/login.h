// What the name and the password of a login may be, the same wherever one is parsed, checked or
// stored.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/ascii.h"

namespace fulmar {

/// Octets.
inline constexpr std::size_t kMaxUserName = 255;
/// Octets; longer ones libcrypt cannot take.
inline constexpr std::size_t kMaxPassword = 511;

/// Whether a login may be of that name at all.
[[nodiscard]] inline bool is_user_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxUserName && is_valid_utf8(name);
}

}  // namespace fulmar
