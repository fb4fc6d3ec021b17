// One login by SCRAM-SHA-256: the order of its messages, and what the users file and the throttle
// (auth_throttle.h) say to it. The throttle is asked before anything is looked at: the name, and
// then the proof.
//
// No thread of its own: a step takes microseconds, less than its TLS record does, while a place
// among the slow checks of passwords may take seconds to come.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/ip_address.h"
#include "mta/intake/authenticator.h"
#include "mta/intake/scram_exchange.h"

namespace fulmar::intake {

class ScramLogin {
 public:
  /// `authenticator` must outlive it.
  ScramLogin(Authenticator& authenticator, const IpAddress& client)
      : authenticator_(authenticator), client_(client) {}
  ScramLogin(const ScramLogin&) = delete;
  ScramLogin& operator=(const ScramLogin&) = delete;

  /// What the client has to answer.
  struct Challenge {
    std::string octets;
  };
  enum class Verdict : std::uint8_t {
    accepted,
    refused,    ///< No such user, or not this password: 535 5.7.8.
    try_later,  ///< As with Authenticator; what failed is in the log: 454 4.7.0.
    malformed,  ///< 501 5.5.2
    denied      ///< Somebody who wants to act for somebody else: 535 5.7.8.
  };
  using Answer = std::variant<Challenge, Verdict>;

  /// To the client's next message; the login ends with the first verdict.
  [[nodiscard]] Answer answer(const std::string& message);

  /// REQUIRES: the first answer was a challenge.
  [[nodiscard]] const std::string& user() const { return exchange_->user(); }

 private:
  [[nodiscard]] Answer begin(const std::string& message);
  [[nodiscard]] Answer prove(const std::string& message);
  [[nodiscard]] bool has_the_same_keys();
  [[nodiscard]] static Verdict verdict_of(ScramExchange::Fault fault);

  Authenticator& authenticator_;
  const IpAddress client_;
  std::shared_ptr<const Users> users_;     // from the first message on, as then
  std::optional<ScramExchange> exchange_;  // from the first message on
  bool is_proven_ = false;
};

}  // namespace fulmar::intake
