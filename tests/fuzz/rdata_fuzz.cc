// RDATA as any name server may send it. The first octet chooses the type. What parses must hold its
// promises.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "resolver/rdata.h"
#include "resolver/tlsa.h"

using namespace fulmar;
using namespace fulmar::resolver;

namespace {

void check_name(const Result<Domain>& name) {
  if (!name || name->is_root()) return;
  const auto again = Domain::parse(name->str());
  FULMAR_CHECK(again && *again == *name);
}

void check_tlsa(std::string_view rdata) {
  const auto record = parse_tlsa_rdata(rdata);
  FULMAR_CHECK(record.has_value() == (rdata.size() >= 3));
  if (!record) return;
  FULMAR_CHECK(select_usable({*record}, fulmar::conf::Dane{}.digests).size() ==
               (is_usable(*record) ? 1U : 0U));
  FULMAR_CHECK(to_string(*record).size() >= 2 * record->data.size() + 6);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rdata(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 6) {
    case 0:
      check_name(parse_name_rdata(rdata));
      break;
    case 1:
      if (const auto mx = parse_mx_rdata(rdata)) check_name(mx->exchange);
      break;
    case 2:
      if (const auto txt = parse_txt_rdata(rdata)) FULMAR_CHECK(txt->text.size() < rdata.size());
      break;
    case 3:
      check_tlsa(rdata);
      break;
    case 4:
      FULMAR_CHECK(parse_a_rdata(rdata).has_value() == (rdata.size() == 4));
      break;
    default:
      FULMAR_CHECK(parse_aaaa_rdata(rdata).has_value() == (rdata.size() == 16));
  }
  return 0;
}
