// The files of texts that are part of the program; their octets are put there by the build.
#pragma once

#include <array>
#include <string_view>

namespace fulmar::notice {

struct BuiltInText {
  std::string_view tag;
  std::string_view content;
};

/// mta/notice/texts/*.toml.
[[nodiscard]] std::array<BuiltInText, 2> built_in_texts();

}  // namespace fulmar::notice
