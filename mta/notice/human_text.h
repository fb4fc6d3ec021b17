// What a person reads of a notice, before it becomes plain text and HTML: both come from here, so
// that they never disagree. Pure. Its rules stand in docs/notices.md.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "mta/notice/notice.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {

/// Which recipients, what happened, what was sent, what happens next, who can mend it or, of what
/// went on, who knows more. One line of plain words each.
using Block = std::array<std::string, 5>;

struct HumanText {
  std::string title;  ///< Also the notice's Subject.
  std::vector<Block> blocks;
  std::string more_recipients;  ///< Empty when all stand in a block.
  std::string which_message;
  std::string technical_heading;
  std::string technical;  ///< technical_text().
};

/// What happened and what was sent, two lines of a block in one. `now`: when it is told.
[[nodiscard]] std::string in_short(const NoticeRecipient& recipient, const std::string& postmaster,
                                   UtcTime now, const LanguageTexts& texts);

/// The gravest recipients first, those with the same lines together.
[[nodiscard]] HumanText human_text(const NoticeFacts& facts, const LanguageTexts& texts);

}  // namespace fulmar::notice
