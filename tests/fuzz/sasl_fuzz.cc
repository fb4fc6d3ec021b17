// An AUTH exchange with a hostile client: it ends within its steps, and no name or password comes
// out of it that the rest could stumble over.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/check.h"
#include "mta/smtp/sasl.h"

namespace {

using namespace fulmar;
using namespace fulmar::smtp;

std::string next_line(std::string_view& input) {
  const auto end = std::min(input.find('\n'), input.size());
  std::string line(input.substr(0, end));
  input.remove_prefix(std::min(end + 1, input.size()));
  return line;
}

void check_decoding(const std::string& text) {
  const auto octets = decode_base64(text);
  if (octets) FULMAR_CHECK(base64(*octets) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto exchange = SaslExchange::find((input.front() & 1) != 0 ? "PLAIN" : "LOGIN");
  const bool initial = (input.front() & 2) != 0;
  input.remove_prefix(1);
  std::optional<std::string> first;
  if (initial) {
    first = next_line(input);
    check_decoding(*first);
  }
  SaslExchange::Step step = exchange->begin(first);
  for (int steps = 0; std::holds_alternative<SaslExchange::Challenge>(step); ++steps) {
    FULMAR_CHECK(steps < 3);
    FULMAR_CHECK(decode_base64(std::get<SaslExchange::Challenge>(step).text).has_value());
    const std::string line = next_line(input);
    check_decoding(line);
    step = exchange->answer(line);
  }
  if (const auto* who = std::get_if<Credentials>(&step)) {
    FULMAR_CHECK(!who->user().empty() && who->user().size() <= 255 && is_valid_utf8(who->user()));
    FULMAR_CHECK(!who->password().empty() && who->password().size() < 512);
    FULMAR_CHECK(who->password().find('\0') == std::string::npos);
  }
  return 0;
}
