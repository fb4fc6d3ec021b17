// Text to Value: the one file that includes the TOML library.
#pragma once

#include <expected>
#include <string_view>

#include "conf/value.h"

namespace fulmar::conf {

/// The whole file as one table. The parser stops at the first error of syntax, so there is one
/// Fault at most.
[[nodiscard]] std::expected<Value, Fault> read_toml(std::string_view text);

}  // namespace fulmar::conf
