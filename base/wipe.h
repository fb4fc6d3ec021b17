// Secrets leave no copy behind in memory that is given back.
#pragma once

#include <span>
#include <string>

namespace fulmar {

/// Overwrites the octets and empties the string; the compiler does not take it for useless.
void wipe(std::string& secret);
void wipe(std::span<char> secret);

}  // namespace fulmar
