// The Received field that every message gets on top: the only octets a relay listener adds. Pure.
// RFC 5321 §4.4, RFC 3848, RFC 6531 §4.3, RFC 8314 §4.3
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/domain.h"
#include "base/message_id.h"
#include "mta/smtp/server_session.h"

namespace fulmar::intake {

struct ReceivedFacts {
  std::string helo;  ///< What the client called itself; anything.
  IpAddress client;
  Domain by;
  bool extended = false;       ///< EHLO rather than HELO.
  bool smtputf8 = false;       ///< MAIL had the parameter.
  bool authenticated = false;  ///< By password or certificate.
  std::string tls;             ///< The cipher suite as IANA names it; empty: in clear.
  MessageId id;
  /// Named only when it is the only one: else recipients would learn of each other (SMTP-30).
  std::optional<Mailbox> only_recipient;
  UtcTime at{};
};

/// The whole field with its CRLF, folded; ASCII only, but for an address that is not; no line over
/// 998 octets whatever the client said.
[[nodiscard]] std::string received_field(const ReceivedFacts& facts);

}  // namespace fulmar::intake
