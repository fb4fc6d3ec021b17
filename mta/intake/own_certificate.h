// A certificate that our clients see. Pure data.
#pragma once

#include <string>

#include "base/clock.h"

namespace fulmar::intake {

struct OwnCertificate {
  std::string file;
  UtcTime not_after{};  ///< When it expires.
};

}  // namespace fulmar::intake
