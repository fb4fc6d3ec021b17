#include "mta/intake/descriptor_budget.h"

#include <algorithm>

namespace fulmar::intake {

std::uint32_t connections_within(std::uint64_t descriptors, std::uint32_t wanted) {
  const std::uint64_t beside =
      descriptors > kDescriptorsOfOthers ? descriptors - kDescriptorsOfOthers : 0;
  const std::uint64_t affordable = std::max({beside, descriptors / 4, std::uint64_t{1}});
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(affordable, wanted));
}

}  // namespace fulmar::intake
