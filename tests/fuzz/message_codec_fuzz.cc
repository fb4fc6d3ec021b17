// Whatever stands in the spool, decoding it is safe, and what decodes from the newest layout is
// what encodes to the same octets.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "queue/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = fulmar::queue::decode_message(bytes)) {
    const std::string encoded = fulmar::queue::encode(*message);
    const bool newest = bytes[1] == encoded[1];
    FULMAR_CHECK(newest ? encoded == bytes : fulmar::queue::decode_message(encoded) == *message);
  }
  return 0;
}
