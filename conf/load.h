// From a TOML file to a Config, or to the list of everything that is wrong with it.
//
// Unknown keys, wrong types, values out of bounds and keys of features that this version lacks are
// all errors; every error is found in one run and names file, line, column and, for an unknown key,
// the nearest known one.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace fulmar::conf {

/// One thing wrong with a file. Lines and columns count from 1; 0 when the file itself is the
/// trouble.
struct Problem {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
};

/// "/etc/fulmar/fulmar.toml:12:3: unknown key "lisen"; did you mean "listen"?"
[[nodiscard]] std::string to_string(const Problem& problem);

/// One effective setting, for `fulmar config`.
struct Setting {
  std::string key;     ///< "limits.message_size", "listen[0].address".
  std::string value;   ///< As it would stand in the file.
  std::string origin;  ///< "default", "system" or "FILE:LINE".
};

struct Loaded {
  Config config;
  std::vector<Setting> settings;  ///< In the order of the documentation.
};

/// What a file cannot know about the machine it is for.
struct SystemFacts {
  std::string fqdn;  ///< Default of `hostname`; empty: "localhost.localdomain" is used.
};

[[nodiscard]] std::expected<Loaded, std::vector<Problem>> load_text(std::string_view toml,
                                                                    const std::string& file,
                                                                    const SystemFacts& system);
/// A file that cannot be read is a Problem on line 0.
[[nodiscard]] std::expected<Loaded, std::vector<Problem>> load_file(const std::string& path,
                                                                    const SystemFacts& system);

}  // namespace fulmar::conf
