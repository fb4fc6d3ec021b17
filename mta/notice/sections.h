// A mail of headed lists, before it becomes plain text and HTML: both come from here, so that they
// never disagree. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mta/notice/letterhead.h"

namespace fulmar::notice {

/// Each string is one line.
struct SectionedText {
  /// Things of which the same can be said.
  struct Group {
    std::string sentence;
    std::vector<std::string> items;
  };
  struct Section {
    std::string heading;
    std::vector<Group> groups;
  };

  std::string title;  ///< Also the mail's Subject.
  std::vector<std::string> opening;
  std::vector<Section> sections;
  std::vector<std::string> closing;
};

/// Lines end in LF.
[[nodiscard]] std::string plain_text(const SectionedText& text);

/// The same sentences as a document that stands alone; everything is escaped. `language` is its
/// tag. Lines end in LF.
[[nodiscard]] std::string html_text(const SectionedText& text, std::string_view language);

/// The whole mail: both forms under `head`, but for its subject, which is the title.
[[nodiscard]] std::string compose_mail(const SectionedText& text, Letterhead head);

}  // namespace fulmar::notice
