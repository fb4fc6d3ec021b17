// The header fields that all mail of our own begins with. Pure.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/domain.h"
#include "base/message_id.h"

namespace fulmar::notice {

struct Letterhead {
  std::string postmaster;  ///< From; as configured, whatever it is.
  Mailbox to;
  std::string subject;
  UtcTime now{};
  MessageId id;  ///< Message-ID is made of it.
  Domain reporting_mta;
  std::string in_reply_to;    ///< A Message-ID; left out unless it is one.
  bool tls_optional = false;  ///< TLS-Required: No.
  std::string language;       ///< Its tag.
  /// Answers no message: Auto-Submitted says so. RFC 3834 §5
  bool unprompted = false;
};

/// From, To, Subject, Date, Message-ID, In-Reply-To and References, TLS-Required, Auto-Submitted,
/// Content-Language, MIME-Version; without Content-Type and the empty line.
[[nodiscard]] std::string header_fields(const Letterhead& head);

/// With an A-label domain, so that eight bits are used only where a local part leaves no choice
/// (DSN-09, EAI-04).
[[nodiscard]] std::string header_address(const Mailbox& address);

}  // namespace fulmar::notice
