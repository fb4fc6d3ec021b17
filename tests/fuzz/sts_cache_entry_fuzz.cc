// The spool form of a cached policy: what decodes encodes to the same bytes.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "tls/mta_sts_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulmar::tls;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto entry = decode_sts_cache_entry(bytes);
  if (!entry) return 0;
  FULMAR_CHECK(encode(*entry) == bytes);
  FULMAR_CHECK(decode_sts_cache_entry(encode(*entry)) == *entry);
  const fulmar::UtcTime now(std::chrono::hours(500'000));
  static_cast<void>(fetch_need(*entry, "1", now));
  static_cast<void>(may_force_fetch(*entry, now, std::chrono::minutes(5)));
  return 0;
}
