// How long the name and the password of a login may be, the same wherever one is parsed, checked or
// stored.
#pragma once

#include <cstddef>

namespace fulmar {

/// Octets.
inline constexpr std::size_t kMaxUserName = 255;
/// Octets; longer ones libcrypt cannot take.
inline constexpr std::size_t kMaxPassword = 511;

}  // namespace fulmar
