// A mail of headed lists, before it becomes plain text and HTML: both come from here, so that they
// never disagree. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mta/notice/mime.h"

namespace fulmar::notice {

/// Things of which the same can be said.
struct Group {
  std::string sentence;
  std::vector<std::string> items;  ///< One line each.
};

struct Section {
  std::string heading;  ///< Empty: none.
  std::vector<Group> groups;
};

/// Each string is one line.
struct SectionedText {
  std::string title;
  std::vector<std::string> opening;
  std::vector<Section> sections;
  std::vector<std::string> closing;
};

/// `seed`: of the boundary, as both_forms() has it.
[[nodiscard]] Part both_forms(const SectionedText& text, std::string_view language,
                              std::string_view seed);

}  // namespace fulmar::notice
