// Whatever stands in the spool, decoding it is safe, and what decodes from the newest layout is
// what encodes to the same octets. Keys too.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "queue/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulmar::queue;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto delivery = decode_delivery(bytes)) {
    const std::string encoded = encode(*delivery);
    const bool newest = bytes[1] == encoded[1];
    FULMAR_CHECK(newest ? encoded == bytes : decode_delivery(encoded) == *delivery);
  }
  const auto id = parse_message_id(bytes);
  const auto destination = parse_destination(bytes);
  if (destination) FULMAR_CHECK(delivery_key(id.value(), *destination) == bytes);
  return 0;
}
