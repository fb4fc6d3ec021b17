// Command lines: whatever is accepted can be written again, and never becomes two lines.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mta/smtp/command.h"

namespace {

using namespace fulmar;

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void check(const Mailbox& mailbox) {
  FULMAR_CHECK(is_one_line(mailbox.text));
  FULMAR_CHECK(mailbox.text.find_first_of("<>") == std::string::npos);
  const auto line = smtp::write_rcpt(mailbox.text, {});
  FULMAR_CHECK(line.has_value());
  FULMAR_CHECK(is_one_line(*line));
  const auto again = smtp::parse_command(*line, Domain());
  FULMAR_CHECK(again.has_value());
  FULMAR_CHECK(std::get<smtp::Rcpt>(*again).recipient == mailbox);
}

void check_writers(std::string_view input) {
  const auto mail =
      smtp::write_mail(input, {.size = 1, .eight_bit = true, .smtputf8 = true, .requiretls = true});
  FULMAR_CHECK(!mail || is_one_line(*mail));
  const auto rcpt = smtp::write_rcpt(input, {});
  FULMAR_CHECK(!rcpt || is_one_line(*rcpt));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static const Domain own = *Domain::parse("relay.example");
  const auto command = smtp::parse_command(input, own);
  if (!command) {
    FULMAR_CHECK(command.error().code / 100 == command.error().status.klass);
    FULMAR_CHECK(is_one_line(command.error().text));
  } else if (const auto* mail = std::get_if<smtp::Mail>(&*command)) {
    if (mail->sender) check(*mail->sender);
  } else if (const auto* rcpt = std::get_if<smtp::Rcpt>(&*command)) {
    check(rcpt->recipient);
  }
  check_writers(input);
  return 0;
}
