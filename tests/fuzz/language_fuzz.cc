// What a message says of languages: whatever it is, one of those that there are comes out.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "mta/notice/language.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> available = {"de", "de-AT", "en", "pt-BR"};
  for (const char* configured : {"en", "de-CH", "fr"}) {
    const std::string chosen = fulmar::notice::choose_language(header, configured, available);
    FULMAR_CHECK(std::ranges::find(available, chosen) != available.end());
  }
  return 0;
}
