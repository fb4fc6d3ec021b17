#include "base/wipe.h"

#include <string.h>  // explicit_bzero is glibc's, not the standard's

namespace fulmar {

void wipe(std::string& secret) {
  secret.resize(secret.capacity());  // what was longer once is overwritten as well
  wipe(std::span<char>(secret));
  secret.clear();
}

void wipe(std::span<char> secret) {
  explicit_bzero(secret.data(), secret.size());
}

}  // namespace fulmar
