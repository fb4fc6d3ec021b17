// Loading a piece of text as the tests of this folder do: from a file called "f.toml" on a machine
// called relay.example.com.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "conf/load.h"

namespace fulmar::conf {

inline const SystemFacts kSystem{.fqdn = "relay.example.com"};

/// Every error as the operator sees it; empty when the text loads.
inline std::vector<std::string> errors_of(std::string_view text) {
  const auto loaded = load_text(text, "f.toml", kSystem);
  std::vector<std::string> lines;
  if (loaded) return lines;
  for (const Problem& problem : loaded.error())
    lines.push_back(to_string(problem));
  return lines;
}

/// What the text says. A text that does not load fails the test.
inline Loaded loaded_from(std::string_view text) {
  EXPECT_THAT(errors_of(text), testing::IsEmpty()) << text;
  return load_text(text, "f.toml", kSystem).value_or(Loaded{});
}

inline Config config_from(std::string_view text) {
  return loaded_from(text).config;
}

/// "value origin" of one setting; empty when there is none of this name.
inline std::string setting(const Loaded& loaded, std::string_view key) {
  for (const Setting& each : loaded.settings) {
    if (each.key == key) return each.value + ' ' + each.origin;
  }
  return {};
}

}  // namespace fulmar::conf
