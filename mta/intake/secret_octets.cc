#include "mta/intake/secret_octets.h"

#include <openssl/rand.h>

namespace fulmar::intake {

Result<> fill_with_secret_octets(std::span<std::uint8_t> octets) {
  if (RAND_bytes(octets.data(), static_cast<int>(octets.size())) == 1) return {};
  return fail(Errc::internal, "OpenSSL has no random octets");
}

}  // namespace fulmar::intake
