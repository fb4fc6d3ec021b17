// A secret that outlives the program: what users that do not exist look like to SCRAM clients is
// made of it, so that a restart does not tell them from others.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace fulmar::intake {

using ScramSecret = std::array<std::uint8_t, 32>;

/// The one in the file "scram-secret" of `directory`, which is made when it is not there, for its
/// owner's eyes only. Errc::io when it can be neither read nor made, or has another length;
/// Errc::internal as make_scram_secret().
[[nodiscard]] Result<ScramSecret> load_scram_secret(const std::string& directory);

/// Errc::internal when OpenSSL has no random octets.
[[nodiscard]] Result<ScramSecret> make_scram_secret();

}  // namespace fulmar::intake
