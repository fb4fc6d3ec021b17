// The Received field that every message gets on top: the only octets we add. Pure. RFC 5321 §4.4,
// RFC 3848
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
  smtp::IncomingEnvelope::Protocol protocol = smtp::IncomingEnvelope::Protocol::smtp;
  MessageId id;
  /// Named only when it is the only one: else recipients would learn of each other (SMTP-30).
  std::optional<Mailbox> only_recipient;
  UtcTime at{};
};

/// The whole field with its CRLF, folded; ASCII only, no line over 998 octets whatever the client
/// said.
[[nodiscard]] std::string received_field(const ReceivedFacts& facts);

}  // namespace fulmar::intake
