// Why a message is not taken.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace fulmar::smtp {

/// As the reply, and as the Error for the log.
struct DataRefusal {
  std::uint16_t code = 550;
  Error why;
};

}  // namespace fulmar::smtp
