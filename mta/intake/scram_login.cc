#include "mta/intake/scram_login.h"

#include <utility>

#include "base/log.h"

namespace fulmar::intake {

ScramLogin::Answer ScramLogin::answer(const std::string& message) {
  if (!exchange_) return begin(message);
  if (!is_proven_) return prove(message);
  // RFC 4954 §4: the server's last message is a challenge as well, with nothing to say to it.
  if (!message.empty()) return Verdict::malformed;
  return has_the_same_keys() ? Verdict::accepted : Verdict::refused;
}

ScramLogin::Answer ScramLogin::begin(const std::string& message) {
  users_ = authenticator_.users();
  auto exchange = authenticator_.begin_scram(client_);
  if (!exchange) {
    log_error("a login cannot be checked", {{"reason", exchange.error().detail}});
    return Verdict::try_later;
  }
  exchange_.emplace(*std::move(exchange));
  ScramExchange::Step said = exchange_->first(message);
  if (!said) return verdict_of(said.error());
  return Challenge{*std::move(said)};
}

ScramLogin::Answer ScramLogin::prove(const std::string& message) {
  // Others from there may have failed since.
  if (authenticator_.must_wait(client_, user())) return Verdict::try_later;
  ScramExchange::Step said = exchange_->last(message);
  if (!said) {
    if (said.error() == ScramExchange::Fault::wrong) authenticator_.note_failure(client_, user());
    return verdict_of(said.error());
  }
  authenticator_.note_success(client_, user());
  is_proven_ = true;
  return Challenge{*std::move(said)};
}

/// The users file may be another one since the exchange began.
bool ScramLogin::has_the_same_keys() {
  const auto users = authenticator_.users();
  const std::string* before = users_->find(user());
  const std::string* now = users->find(user());
  return before != nullptr && now != nullptr && *before == *now;
}

ScramLogin::Verdict ScramLogin::verdict_of(ScramExchange::Fault fault) {
  switch (fault) {
    case ScramExchange::Fault::malformed:
      return Verdict::malformed;
    case ScramExchange::Fault::denied:
      return Verdict::denied;
    case ScramExchange::Fault::wrong:
      return Verdict::refused;
    case ScramExchange::Fault::held_back:
      return Verdict::try_later;
    case ScramExchange::Fault::unavailable:
      log_error("a login cannot be checked", {{"reason", "GNU SASL failed"}});
      return Verdict::try_later;
  }
  std::unreachable();
}

}  // namespace fulmar::intake
