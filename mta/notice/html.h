// What HTML needs of text. Pure.
#pragma once

#include <string>
#include <string_view>

namespace fulmar::notice {

/// `text` as content or as a value in double quotes: nothing in it is markup.
[[nodiscard]] std::string html_escaped(std::string_view text);

/// One paragraph of text, with the end of its line.
[[nodiscard]] std::string html_paragraph(std::string_view text);

/// A whole document around `body`, in the language of that tag, as plain as can be: colours and
/// sizes stay those of the reader's program, and nothing is loaded from anywhere.
[[nodiscard]] std::string html_document(std::string_view language, std::string_view title,
                                        std::string_view body);

}  // namespace fulmar::notice
