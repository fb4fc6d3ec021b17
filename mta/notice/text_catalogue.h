// Which texts a language has, and what each may and must hold. Pure data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fulmar::notice {

/// One text. What it speaks of is decided elsewhere; a language only gives its words.
struct TextKey {
  std::string table;
  std::string key;
  std::vector<std::string_view> placeholders;  ///< That have a meaning in it.
  std::vector<std::string_view> required;      ///< Those of them without which a fact is lost.
};

/// Every text, table by table, in the order of the files.
[[nodiscard]] const std::vector<TextKey>& text_catalogue();

/// `text` as the words for `key`: what is wrong with it, one sentence each; empty when it will do.
[[nodiscard]] std::vector<std::string> check_text(const TextKey& key, std::string_view text);

}  // namespace fulmar::notice
