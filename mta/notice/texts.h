// The words of notices, a set of texts a language. Pure.
//
// Each language is a TOML file; English and German are built in. An operator's file changes single
// texts of these, or brings another language, in which what is missing comes from the language it
// is a variety of ("de" for "de-AT"), else from English (pitfall 105). Every text was checked when
// its file was read, so that composing a notice can neither fail nor lose a fact.
#pragma once

#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/load.h"

namespace fulmar::notice {

/// What placeholders stand for: name and text. Each text is data, whatever braces it holds.
using Values = std::vector<std::pair<std::string_view, std::string>>;

/// `text` with its placeholders filled in, once; one without a value becomes nothing.
[[nodiscard]] std::string fill_in(std::string_view text, const Values& values);

/// One language, complete.
class LanguageTexts {
 public:
  using Table = std::map<std::string, std::string, std::less<>>;  ///< By "table.key".

  /// REQUIRES: `texts` holds the whole catalogue.
  LanguageTexts(std::string tag, Table texts, std::size_t borrowed);

  [[nodiscard]] const std::string& tag() const { return tag_; }
  /// How many texts its own files do not have, so that they stand in another language.
  [[nodiscard]] std::size_t borrowed() const { return borrowed_; }
  /// REQUIRES: the catalogue has it.
  [[nodiscard]] const std::string& text(std::string_view table, std::string_view key) const;
  /// text(), filled in.
  [[nodiscard]] std::string say(std::string_view table, std::string_view key,
                                const Values& values) const;

 private:
  std::string tag_;
  Table texts_;
  std::size_t borrowed_;
};

/// A file of texts as it was read.
struct TextFile {
  std::string path;  ///< As errors name it.
  std::string tag;   ///< REQUIRES: is_language_tag().
  std::string content;
};

/// All languages. Immutable; threads share it by pointer, so that another set can take its place
/// while notices are composed with this one.
class Texts {
 public:
  using Pointer = std::shared_ptr<const Texts>;

  /// English and German, as they come along.
  [[nodiscard]] static Pointer built_in();
  /// The same with `files` over them, at most one a language. On failure everything that is wrong
  /// with any of them.
  [[nodiscard]] static std::expected<Pointer, std::vector<conf::Problem>> with(
      const std::vector<TextFile>& files);

  /// The language of that tag, else the one it is a variety of, else English.
  [[nodiscard]] const LanguageTexts& language(std::string_view tag) const;
  /// In alphabetical order; always with "en".
  [[nodiscard]] const std::vector<std::string>& tags() const { return tags_; }

 private:
  using Tables = std::map<std::string, LanguageTexts::Table, std::less<>>;

  explicit Texts(Tables own);

  std::map<std::string, LanguageTexts, std::less<>> languages_;
  std::vector<std::string> tags_;
};

}  // namespace fulmar::notice
