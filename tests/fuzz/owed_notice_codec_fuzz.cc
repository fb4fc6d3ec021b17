// Whatever stands in the spool as an owed notice, decoding it is safe, and what decodes is what
// encodes to the same again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "mta/delivery/owed_notice_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulmar::delivery;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto owed = decode_owed_notice(bytes);
  if (!owed) return 0;
  FULMAR_CHECK(owed->message.sender.has_value() && !owed->words.empty());
  // Once more than once: what is kept of the delivery is less than what a record may hold.
  const std::string encoded = encode(*owed);
  const auto again = decode_owed_notice(encoded);
  FULMAR_CHECK(again.has_value());
  FULMAR_CHECK(encode(*again) == encoded);
  return 0;
}
