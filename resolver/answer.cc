#include "resolver/answer.h"

#include <string_view>

namespace fulmar::resolver {

std::string to_string(const TlsaRecord& record) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = std::to_string(record.usage) + ' ' + std::to_string(record.selector) + ' ' +
                     std::to_string(record.matching_type) + ' ';
  for (const char c : record.data) {
    const auto octet = static_cast<unsigned char>(c);
    text += kDigits[octet >> 4];
    text += kDigits[octet & 0x0F];
  }
  return text;
}

}  // namespace fulmar::resolver
