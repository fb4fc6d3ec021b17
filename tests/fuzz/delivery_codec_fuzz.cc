// Whatever stands in the spool, decoding it is safe, and what decodes is what encodes to the same
// octets. Keys too.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "queue/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulmar::queue;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto delivery = decode_delivery(bytes)) {
    FULMAR_CHECK(encode(*delivery) == bytes);
  }
  const auto id = parse_message_id(bytes);
  const auto destination = parse_destination(bytes);
  if (destination) FULMAR_CHECK(delivery_key(id.value(), *destination) == bytes);
  return 0;
}
