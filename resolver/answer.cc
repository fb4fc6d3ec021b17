#include "resolver/answer.h"

#include "base/hex.h"

namespace fulmar::resolver {

std::string to_string(const TlsaRecord& record) {
  return std::to_string(record.usage) + ' ' + std::to_string(record.selector) + ' ' +
         std::to_string(record.matching_type) + ' ' + to_hex(record.data);
}

}  // namespace fulmar::resolver
