// What a reply means for the recipient, the host and the message. Pure. RFC 5321 §4.2.1
#pragma once

#include "base/error.h"
#include "mta/smtp/client_session.h"
#include "mta/smtp/reply.h"

namespace fulmar::smtp {

/// The Error for a reply that was not what `stage` needs: class remote_temporary or
/// remote_permanent (remote_protocol for a code that fits neither), the reply's own enhanced status
/// or the one customary for the stage, and whether another host may help: refusals at greeting,
/// EHLO and STARTTLS concern the host, not the message (SMTP-20); 421 anywhere means the channel
/// closes (SMTP-18); 552 to RCPT is temporary when others were accepted (SMTP-19).
enum class OthersAccepted : std::uint8_t { no, yes };
[[nodiscard]] Error classify(Stage stage, const Reply& reply,
                             OthersAccepted others = OthersAccepted::no);

/// Whether what is refused at `stage` is the session, whatever the message.
[[nodiscard]] bool concerns_the_host(Stage stage);

/// 452, or 552 in its old use, to a RCPT because there were enough recipients before it (SMTP-19);
/// not when its enhanced status speaks of the address or its mailbox.
[[nodiscard]] bool is_for_number(Stage stage, const Reply& reply, OthersAccepted others);

}  // namespace fulmar::smtp
