// What a person reads of a summary, before it becomes plain text and HTML: both come from here, so
// that they never disagree. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mta/notice/summary.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {

struct SummaryText {
  /// Recipients of whom the same can be said.
  struct Group {
    std::string sentence;
    std::vector<std::string> items;  ///< One a recipient.
  };
  /// Those of one kind.
  struct Section {
    std::string heading;
    std::vector<Group> groups;
  };

  std::string title;  ///< Also the summary's Subject.
  std::vector<std::string> opening;
  std::vector<Section> sections;  ///< The gravest kind first.
  std::string left_out;           ///< Empty when everybody is named.
};

/// REQUIRES: there are entries.
[[nodiscard]] SummaryText summary_text(const SummaryFacts& facts, const LanguageTexts& texts);

/// Lines end in LF.
[[nodiscard]] std::string plain_text(const SummaryText& text);

/// The same sentences as a document that stands alone; everything is escaped. `language` is its
/// tag. Lines end in LF.
[[nodiscard]] std::string html_text(const SummaryText& text, std::string_view language);

}  // namespace fulmar::notice
