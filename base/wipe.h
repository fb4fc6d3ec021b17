// Secrets leave no copy behind in memory that is given back.
#pragma once

#include <string>

namespace fulmar {

/// Overwrites the octets and empties the string; the compiler does not take it for useless.
void wipe(std::string& secret);

}  // namespace fulmar
