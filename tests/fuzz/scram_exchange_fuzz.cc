// An exchange of SCRAM with a client that does not know the password: it never proves that it does,
// whatever it says, and nobody comes out of it that no user can be.
//
// The first line is the client's first message, the rest its last, in which 0xFF stands for the
// nonce.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ascii.h"
#include "base/check.h"
#include "mta/intake/scram_exchange.h"

namespace {

using namespace fulmar;
using namespace fulmar::intake;

const ScramMechanism& mechanism() {
  static const ScramMechanism made = ScramMechanism::create().value();
  return made;
}

std::optional<ScramKeys> keys_of(const std::string& user) {
  FULMAR_CHECK(!user.empty() && user.size() <= 255 && is_valid_utf8(user));
  if (user == "waits") return std::nullopt;
  return ScramKeys{.iterations = 4096, .salt = "saltsalt", .stored = {}, .server = {}};
}

std::string nonce_of(std::string_view challenge) {
  FULMAR_CHECK(challenge.starts_with("r="));
  const auto end = challenge.find(",s=c2FsdHNhbHQ=,i=4096");
  FULMAR_CHECK(end != std::string_view::npos && end > 20);
  return std::string(challenge.substr(2, end - 2));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find('\n');
  const std::string first(input.substr(0, end));
  auto exchange = ScramExchange::create(mechanism(), keys_of).value();
  const auto challenge = exchange.first(first);
  if (!challenge) {
    FULMAR_CHECK(challenge.error() != ScramExchange::Fault::wrong);
    FULMAR_CHECK(challenge.error() != ScramExchange::Fault::unavailable);
    return 0;
  }
  FULMAR_CHECK(first.starts_with("n,") || first.starts_with("y,"));
  FULMAR_CHECK(exchange.user() != "waits");
  std::string last;
  if (end != std::string_view::npos) last = input.substr(end + 1);
  if (const auto at = last.find('\xFF'); at != std::string::npos) {
    last.replace(at, 1, nonce_of(*challenge));
  }
  const auto verdict = exchange.last(last);
  FULMAR_CHECK(!verdict);
  FULMAR_CHECK(verdict.error() == ScramExchange::Fault::wrong ||
               verdict.error() == ScramExchange::Fault::malformed);
  return 0;
}
