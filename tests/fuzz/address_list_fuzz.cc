// The addresses of a client's From field: what is found are addresses, and it is found again when
// the field is written in another way that means the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "mta/smtp/address_list.h"

namespace {

using namespace fulmar;

void check_mailbox(const Mailbox& mailbox) {
  FULMAR_CHECK(mailbox.text.find_first_of(std::string_view("\r\n\0<>", 5)) == std::string::npos);
  FULMAR_CHECK(Mailbox::parse(mailbox.text) == mailbox);
  const std::string named = "=?utf-8?Q?x?= \"a, b\" (c@d) Q. <" + mailbox.text + '>';
  const auto again = smtp::parse_address_list(named);
  FULMAR_CHECK(again.has_value());
  FULMAR_CHECK(again->size() == 1 && again->front() == mailbox);
}

void check_rewritten(std::string_view body, const std::vector<Mailbox>& want) {
  const std::string commented = " (\r\n (x)) " + std::string(body) + "\r\n\t(y)";
  FULMAR_CHECK(smtp::parse_address_list(commented) == want);
  FULMAR_CHECK(smtp::parse_address_list(smtp::unfold(body)) == want);
  std::string plain;
  for (const Mailbox& each : want)
    plain += (plain.empty() ? "" : ", ") + each.text;
  if (want.empty()) return;
  FULMAR_CHECK(smtp::parse_address_list(plain) == want);
  FULMAR_CHECK(smtp::parse_address_list("Group:" + plain + ';') == want);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  FULMAR_CHECK(smtp::unfold(body).size() <= size);
  FULMAR_CHECK(body.ends_with(smtp::skip_comments(body)));
  const auto list = smtp::parse_address_list(body);
  if (!list) {
    FULMAR_CHECK(list.error().code == Errc::syntax || list.error().code == Errc::limit);
    return 0;
  }
  FULMAR_CHECK(list->size() <= smtp::kMaxMailboxes);
  for (const Mailbox& each : *list)
    check_mailbox(each);
  check_rewritten(body, *list);
  return 0;
}
