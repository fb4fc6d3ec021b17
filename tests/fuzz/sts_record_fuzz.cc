// The TXT records at _mta-sts: one record a line of input.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "tls/mta_sts_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<fulmar::resolver::TxtRecord> records;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    records.push_back({std::string(rest.substr(0, end))});
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  const auto record = fulmar::tls::parse_sts_record(records);
  if (record) FULMAR_CHECK(!record->id.empty() && record->id.size() <= 32);
  return 0;
}
