#include "mta/smtp/sasl.h"

#include <utility>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/login.h"
#include "base/wipe.h"

namespace fulmar::smtp {
namespace {

SaslExchange::Step finish(std::string user, std::string password) {
  const bool sound = is_user_name(user) && !password.empty() && password.size() <= kMaxPassword &&
                     password.find('\0') == std::string::npos;
  if (!sound) {
    wipe(password);
    return SaslExchange::Refusal::malformed;
  }
  return Credentials(std::move(user), std::move(password));
}

/// [authorization identity] NUL name NUL password. RFC 4616 §2
SaslExchange::Step read_plain(std::string_view message) {
  const auto first = message.find('\0');
  const auto second = first == std::string_view::npos ? first : message.find('\0', first + 1);
  if (second == std::string_view::npos) return SaslExchange::Refusal::malformed;
  const std::string_view identity = message.substr(0, first);
  const std::string_view user = message.substr(first + 1, second - first - 1);
  // Nobody acts for another here: an envelope needs a right to its sender, not a name.
  if (!identity.empty() && identity != user) return SaslExchange::Refusal::denied;
  return finish(std::string(user), std::string(message.substr(second + 1)));
}

}  // namespace

Credentials::~Credentials() {
  wipe(password_);
}

std::optional<SaslExchange> SaslExchange::find(std::string_view name, OfferScram scram) {
  if (name == "PLAIN") return SaslExchange(Mechanism::plain);
  if (name == "LOGIN") return SaslExchange(Mechanism::login);
  if (name == "SCRAM-SHA-256" && scram == OfferScram::yes) return SaslExchange(Mechanism::scram);
  return std::nullopt;
}

SaslExchange::Step SaslExchange::begin(const std::optional<std::string>& initial) {
  if (!initial) {
    // RFC 4954 §4: an empty challenge for a mechanism where the client begins.
    return Challenge{mechanism_ == Mechanism::login ? base64("Username:") : ""};
  }
  if (*initial == "=") return take({});
  return answer(*initial);
}

SaslExchange::Step SaslExchange::answer(std::string_view line) {
  if (line == "*") return Refusal::cancelled;
  auto response = decode_base64(line);
  if (!response) return Refusal::malformed;
  Step step = take(*response);
  wipe(*response);
  return step;
}

SaslExchange::Step SaslExchange::take(const std::string& response) {
  if (mechanism_ == Mechanism::plain) return read_plain(response);
  if (mechanism_ == Mechanism::scram) return hand_on(response);
  if (user_) return finish(*std::move(user_), response);
  if (!is_user_name(response)) return Refusal::malformed;
  user_ = response;
  return Challenge{base64("Password:")};
}

SaslExchange::Step SaslExchange::hand_on(const std::string& response) {
  using Place = ScramMessage::Place;
  if (response.size() > ScramMessage::kMaxOctets) return Refusal::malformed;
  if (response.empty() && place_ == Place::first) return Refusal::malformed;
  return ScramMessage{.place = std::exchange(place_, Place::later), .octets = response};
}

}  // namespace fulmar::smtp
