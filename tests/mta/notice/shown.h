// Problems as an operator reads them.
#pragma once

#include <string>
#include <vector>

#include "conf/load.h"

namespace fulmar::notice {

inline std::vector<std::string> shown(const std::vector<conf::Problem>& problems) {
  std::vector<std::string> lines;
  lines.reserve(problems.size());
  for (const conf::Problem& problem : problems)
    lines.push_back(to_string(problem));
  return lines;
}

}  // namespace fulmar::notice
