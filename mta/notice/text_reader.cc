#include "mta/notice/text_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "conf/nearest.h"
#include "conf/toml_reader.h"
#include "conf/value.h"
#include "mta/notice/text_catalogue.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxMessage = 1000;
constexpr std::size_t kMaxShown = 64;  // octets of a name in an error

/// Of one file: nobody mends more at once.
constexpr std::size_t kMaxProblems = 20;

/// One file while it is read.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  void read(const conf::Value& document) {
    for (const conf::Entry& entry : std::get<conf::Value::Fields>(document.data))
      read_table(entry);
  }
  void complain(conf::Position at, std::string_view what) {
    if (problems_.size() == kMaxProblems) return;
    problems_.push_back({path_, at.line, at.column, sanitize_line(what, kMaxMessage)});
  }
  std::expected<LanguageTexts::Table, std::vector<conf::Problem>> result() {
    if (!problems_.empty()) return std::unexpected(std::move(problems_));
    return std::move(texts_);
  }

 private:
  void complain_of_unknown(const conf::Entry& entry, std::string_view what,
                           const std::vector<std::string_view>& known) {
    std::string text = fmt::format("unknown {} \"{}\"", what, sanitize_line(entry.key, kMaxShown));
    if (const auto meant = conf::nearest(entry.key, known))
      text += fmt::format("; did you mean \"{}\"?", *meant);
    complain(entry.at, text);
  }

  void read_table(const conf::Entry& table) {
    std::vector<std::string_view> tables;
    std::vector<std::string_view> keys;
    for (const TextKey& each : text_catalogue()) {
      tables.push_back(each.table);
      if (each.table == table.key) keys.push_back(each.key);
    }
    if (keys.empty()) return complain_of_unknown(table, "table", tables);
    const auto* entries = std::get_if<conf::Value::Fields>(&table.value.data);
    if (entries == nullptr) {
      return complain(table.value.at, fmt::format("\"{}\" must be a table, not {}", table.key,
                                                  conf::kind_of(table.value)));
    }
    for (const conf::Entry& entry : *entries) {
      if (std::ranges::find(keys, entry.key) == keys.end()) {
        complain_of_unknown(entry, fmt::format("text in [{}]:", table.key), keys);
      } else {
        read_text(table.key, entry);
      }
    }
  }

  void read_text(const std::string& table, const conf::Entry& entry) {
    const auto& catalogue = text_catalogue();
    const auto key = std::ranges::find_if(catalogue, [&](const TextKey& each) {
      return each.table == table && each.key == entry.key;
    });
    const std::string name = table + "." + entry.key;
    const auto* text = std::get_if<std::string>(&entry.value.data);
    if (text == nullptr) {
      return complain(entry.value.at, fmt::format("{} must be text in quotes, not {}", name,
                                                  conf::kind_of(entry.value)));
    }
    for (const std::string& fault : check_text(*key, *text))
      complain(entry.value.at, name + ": " + fault);
    texts_[name] = *text;
  }

  const std::string& path_;
  LanguageTexts::Table texts_;
  std::vector<conf::Problem> problems_;
};

}  // namespace

std::expected<LanguageTexts::Table, std::vector<conf::Problem>> read_texts(const TextFile& file) {
  Reader reader(file.path);
  const auto document = conf::read_toml(file.content);
  if (document) {
    reader.read(*document);
  } else {
    reader.complain(document.error().at, document.error().what);
  }
  return reader.result();
}

}  // namespace fulmar::notice
