#include "mta/notice/texts.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "base/language_tag.h"
#include "mta/notice/built_in_texts.h"
#include "mta/notice/text_catalogue.h"
#include "mta/notice/text_reader.h"

namespace fulmar::notice {
namespace {

constexpr std::string_view kEnglish = "en";

std::string full_name(std::string_view table, std::string_view key) {
  return std::string(table) + '.' + std::string(key);
}

std::size_t count_missing(const LanguageTexts::Table& texts) {
  const auto is_missing = [&](const TextKey& key) {
    return !texts.contains(full_name(key.table, key.key));
  };
  return static_cast<std::size_t>(std::ranges::count_if(text_catalogue(), is_missing));
}

std::map<std::string, LanguageTexts::Table, std::less<>> read_built_in() {
  std::map<std::string, LanguageTexts::Table, std::less<>> tables;
  for (const BuiltInText& each : built_in_texts()) {
    auto texts = read_texts({.path = std::string(each.tag) + ".toml",
                             .tag = std::string(each.tag),
                             .content = std::string(each.content)});
    FULMAR_CHECK(texts);
    tables.emplace(each.tag, *std::move(texts));
  }
  return tables;
}

}  // namespace

std::string fill_in(std::string_view text, const Values& values) {
  std::string result;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    result += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find('}', open);
    const std::string_view name = text.substr(open + 1, close - open - 1);
    const auto value = std::ranges::find(values, name, &Values::value_type::first);
    if (value != values.end()) result += value->second;
    text.remove_prefix(std::min(close, text.size() - 1) + 1);
  }
  return result;
}

LanguageTexts::LanguageTexts(std::string tag, Table texts, std::size_t borrowed)
    : tag_(std::move(tag)), texts_(std::move(texts)), borrowed_(borrowed) {
  FULMAR_CHECK(count_missing(texts_) == 0);
}

const std::string& LanguageTexts::text(std::string_view table, std::string_view key) const {
  const auto found = texts_.find(full_name(table, key));
  FULMAR_CHECK(found != texts_.end());
  return found->second;
}

std::string LanguageTexts::say(std::string_view table, std::string_view key,
                               const Values& values) const {
  return fill_in(text(table, key), values);
}

Texts::Texts(Tables own) {
  const LanguageTexts::Table english = own.at(std::string(kEnglish));
  // "de" comes before "de-AT", which may need it.
  for (auto& [tag, texts] : own) {
    const std::size_t missing = count_missing(texts);
    const auto relative = languages_.find(primary_language(tag));
    if (relative != languages_.end()) {
      for (const TextKey& key : text_catalogue())
        texts.emplace(full_name(key.table, key.key), relative->second.text(key.table, key.key));
    }
    texts.insert(english.begin(), english.end());
    languages_.emplace(tag, LanguageTexts(tag, std::move(texts), missing));
    tags_.push_back(tag);
  }
}

Texts::Pointer Texts::built_in() {
  static const Pointer kBuiltIn(new Texts(read_built_in()));
  return kBuiltIn;
}

std::expected<Texts::Pointer, std::vector<conf::Problem>> Texts::with(
    const std::vector<TextFile>& files) {
  Tables tables = read_built_in();
  std::vector<conf::Problem> problems;
  for (const TextFile& file : files) {
    auto texts = read_texts(file);
    if (!texts) {
      std::ranges::move(texts.error(), std::back_inserter(problems));
      continue;
    }
    LanguageTexts::Table& table = tables[file.tag];
    for (auto& [name, text] : *texts)
      table[name] = std::move(text);
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return Pointer(new Texts(std::move(tables)));
}

const LanguageTexts& Texts::language(std::string_view tag) const {
  for (const std::string_view candidate : {tag, primary_language(tag)}) {
    const auto found = languages_.find(candidate);
    if (found != languages_.end()) return found->second;
  }
  return languages_.find(kEnglish)->second;
}

}  // namespace fulmar::notice
