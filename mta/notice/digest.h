// The mail that tells the postmaster of troubles: facts in, a complete message out. Pure.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/domain.h"
#include "base/message_id.h"
#include "base/troubles.h"
#include "mta/notice/sections.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {

struct DigestFacts {
  MessageId id;  ///< Of the digest itself.
  Domain reporting_mta;
  Mailbox postmaster;  ///< Author and reader.
  UtcTime now{};
  TroubleList troubles;  ///< Not empty.
};

/// What a person reads of it.
[[nodiscard]] SectionedText digest_text(const DigestFacts& facts, const LanguageTexts& texts);

/// As compose_notice(): CRLF line ends, no line over 998 octets, 7-bit unless the address needs
/// UTF-8; no word of a peer can break its structure. Auto-Submitted: auto-generated.
[[nodiscard]] std::string compose_digest(const DigestFacts& facts, const LanguageTexts& texts);

}  // namespace fulmar::notice
