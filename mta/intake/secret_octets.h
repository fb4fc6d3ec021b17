// Octets that nobody can guess: keys and salts. (base/random.h is for everything else.)
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace fulmar::intake {

/// Fills `octets`. Errc::internal when OpenSSL has none.
[[nodiscard]] Result<> fill_with_secret_octets(std::span<std::uint8_t> octets);

}  // namespace fulmar::intake
