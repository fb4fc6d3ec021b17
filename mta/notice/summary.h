// One mail in the place of many notices to one sender (pitfall 102): facts in, a complete message
// out. Pure. It has no delivery status, which is about one message; the words of its notices are
// there, shorter.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/message_id.h"
#include "mta/notice/notice.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {

/// One recipient of one message.
struct SummaryEntry {
  MessageId message;
  UtcTime arrived{};    ///< The message.
  std::string subject;  ///< As its header has it; empty when it has none.
  NoticeRecipient recipient;
};

struct SummaryFacts {
  MessageId id;  ///< Of the summary itself.
  Domain reporting_mta;
  std::string postmaster;
  Mailbox sender;
  UtcTime now{};
  std::vector<SummaryEntry> entries;  ///< Not empty.
};

/// Recipients that are named; of the others there is the number.
inline constexpr std::size_t kMaxSummarized = 1000;

/// As compose_notice(): CRLF line ends, no line over 998 octets, 7-bit unless an address needs
/// UTF-8; no word of a peer can break its structure.
[[nodiscard]] std::string compose_summary(const SummaryFacts& facts, const LanguageTexts& texts);

}  // namespace fulmar::notice
