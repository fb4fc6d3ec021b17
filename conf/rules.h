// What must hold between keys that are each right by themselves. Pure.
#pragma once

#include <vector>

#include "conf/apply.h"

namespace fulmar::conf {

/// Rules that rest on a refused value are passed over: its own Fault stands already.
[[nodiscard]] std::vector<Fault> check_rules(const Applied& applied);

}  // namespace fulmar::conf
