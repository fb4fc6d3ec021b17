// An AUTH exchange with a hostile client: it ends within its steps, and no name, password or
// message comes out of it that the rest could stumble over.
#include <algorithm>
#include <array>
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

/// After a challenge, and after the first two messages of SCRAM, which get one.
bool goes_on(const SaslExchange::Step& step, int steps) {
  if (const auto* challenge = std::get_if<SaslExchange::Challenge>(&step)) {
    FULMAR_CHECK(steps < 3);
    FULMAR_CHECK(decode_base64(challenge->text).has_value());
    return true;
  }
  const auto* message = std::get_if<ScramMessage>(&step);
  if (message == nullptr) return false;
  FULMAR_CHECK(message->octets.size() <= ScramMessage::kMaxOctets);
  const bool is_first = message->place == ScramMessage::Place::first;
  if (is_first) FULMAR_CHECK(!message->octets.empty() && steps < 2);
  return steps < 2;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::array<std::string_view, 3> kMechanisms = {"LOGIN", "PLAIN", "SCRAM-SHA-256"};
  const auto choice = static_cast<std::uint8_t>(input.front());
  const std::string_view mechanism = kMechanisms.at((choice & 4) != 0 ? 2 : choice & 1);
  auto exchange = SaslExchange::find(mechanism, OfferScram::yes);
  const bool initial = (choice & 2) != 0;
  input.remove_prefix(1);
  std::optional<std::string> first;
  if (initial) {
    first = next_line(input);
    check_decoding(*first);
  }
  SaslExchange::Step step = exchange->begin(first);
  for (int steps = 0; goes_on(step, steps); ++steps) {
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
