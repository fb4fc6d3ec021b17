// What a file says, put into a Config by the schema: every key is found there or is a Fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/value.h"

namespace fulmar::conf {

/// Where a key stood, and whether its value was taken.
struct Origin {
  enum class Outcome : std::uint8_t { taken, refused };

  Position key;
  Position value;
  Outcome outcome = Outcome::taken;
};

/// By full name: "limits.message_size", "listen[0].address"; "listen" and "listen[0]" for the
/// tables themselves.
using Origins = std::map<std::string, Origin>;

struct Applied {
  Config config;  ///< Keys without an origin, and refused ones, hold their default.
  Origins origins;
  std::vector<Fault> faults;
};

/// REQUIRES: `file` holds a table. Rules between keys are not looked at: that is rules.h.
[[nodiscard]] Applied apply(const Value& file);

/// "listen[0].address": the name of a setting. `index` counts only for arrays of tables.
[[nodiscard]] std::string setting_name(std::string_view table, std::size_t index,
                                       std::string_view key);

}  // namespace fulmar::conf
