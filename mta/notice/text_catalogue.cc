#include "mta/notice/text_catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "base/troubles.h"
#include "conf/nearest.h"
#include "mta/notice/cause.h"
#include "mta/notice/kind.h"
#include "mta/notice/months.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxText = 500;

using Names = std::vector<std::string_view>;

// What every sentence about a cause may speak of.
const Names kUsual = {"domain", "postmaster"};

Names with(Names names, const Names& more) {
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

void add_headlines(std::vector<TextKey>& keys) {
  for (const std::string_view table : {"subject", "verdict"}) {
    for (const NoticeKind kind : kNoticeKinds) {
      const std::string name(to_string(kind));
      keys.push_back({std::string(table), name, {"recipients"}, {"recipients"}});
    }
    for (const std::string_view name : {kFailedInDoubt, kDelayedInDoubt})
      keys.push_back({std::string(table), std::string(name), {"recipients"}, {"recipients"}});
  }
}

TextKey happened(std::string_view cause) {
  const Names told = cause == "operator" ? Names{"reason"} : Names{};
  return {"happened", std::string(cause), with(kUsual, told), told};
}

void add_causes(std::vector<TextKey>& keys) {
  for (const std::string_view cause : cause_names())
    keys.push_back(happened(cause));
  keys.push_back({"happened", "relayed", with(kUsual, {"server"}), {"server"}});
  keys.push_back({"happened", "cleared", with(kUsual, {"server", "time"}), {"server", "time"}});
  for (std::size_t claim = 0; claim < kSentClaims; ++claim)
    keys.push_back({"sent", std::string(to_string(static_cast<Sent>(claim))), kUsual, {}});
}

void add_next(std::vector<TextKey>& keys) {
  for (const NoticeKind kind : kNoticeKinds)
    keys.push_back({"next", std::string(to_string(kind)), kUsual, {}});
  keys.push_back({"next", "expired", kUsual, {}});
  keys.push_back({"next", "attempt", {"next_attempts"}, {"next_attempts"}});
  keys.push_back({"next", "attempts", {"next_attempts"}, {"next_attempts"}});
  keys.push_back({"next", "about", {"time"}, {"time"}});
  keys.push_back({"next", "give-up", {"give_up"}, {"give_up"}});
}

void add_mend(std::vector<TextKey>& keys) {
  for (const std::string_view cause : cause_names())
    keys.push_back({"mend", std::string(cause), kUsual, {}});
  for (const NoticeKind kind : kNoticeKinds) {
    if (is_good_news(kind)) keys.push_back({"mend", std::string(to_string(kind)), kUsual, {}});
  }
}

void add_building_blocks(std::vector<TextKey>& keys) {
  keys.push_back({"list", "comma", {"list", "item"}, {"list", "item"}});
  keys.push_back({"list", "and", {"list", "item"}, {"list", "item"}});
  keys.push_back({"list", "more", {"list", "count"}, {"list", "count"}});
  const Names date = {"day", "month", "year", "time"};
  keys.push_back({"date", "form", date, date});
  for (const std::string_view month : kMonths)
    keys.push_back({"date", std::string(month), {}, {}});
  keys.push_back({"words", "arrived", {"time"}, {"time"}});
  keys.push_back({"words", "arrived-subject", {"time", "subject"}, {"time", "subject"}});
  keys.push_back({"words", "more-recipients", {"count"}, {"count"}});
  keys.push_back({"words", "technical", {}, {}});
}

void add_summary(std::vector<TextKey>& keys) {
  const Names usual = {"count", "postmaster"};
  for (const std::string_view key : {"subject", "opening", "left-out"})
    keys.push_back({"summary", std::string(key), usual, {"count"}});
  keys.push_back({"summary", "mend", usual, {}});
  for (const NoticeKind kind : kNoticeKinds)
    keys.push_back({"summary", std::string(to_string(kind)), {"count"}, {"count"}});
}

void add_digest(std::vector<TextKey>& keys) {
  const Names usual = {"count", "server"};
  for (const std::string_view key : {"subject", "opening"})
    keys.push_back({"digest", std::string(key), usual, usual});
  for (const std::string_view key : {"mend", "again"})
    keys.push_back({"digest", std::string(key), usual, {}});
  for (const std::string_view key : {"so-at", "once"})
    keys.push_back({"digest", std::string(key), {"time"}, {"time"}});
  keys.push_back({"digest", "times", {"count", "time"}, {"count", "time"}});
  keys.push_back({"digest", "left-out", {"count"}, {"count"}});
  for (const std::string_view table : {"trouble", "trouble-mend"}) {
    for (const TroubleKind kind : kTroubleKinds)
      keys.push_back({std::string(table), std::string(to_string(kind)), {}, {}});
  }
}

std::vector<TextKey> make_catalogue() {
  std::vector<TextKey> keys;
  add_headlines(keys);
  add_causes(keys);
  add_next(keys);
  add_mend(keys);
  add_building_blocks(keys);
  add_summary(keys);
  add_digest(keys);
  return keys;
}

std::string in_braces(const Names& names) {
  if (names.empty()) return "none";
  return fmt::format("{{{}}}", fmt::join(names, "}, {"));
}

/// Control characters of ASCII and of Latin 1, and the separators of lines and paragraphs.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x20 || octet == 0x7F) return true;
    const std::string_view rest = text.substr(i);
    if (octet == 0xC2 && rest.size() > 1 && static_cast<unsigned char>(rest[1]) < 0xA0) return true;
    if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) return true;
  }
  return false;
}

std::string unknown_placeholder(const TextKey& key, std::string_view name) {
  const std::string shown = sanitize_line(name, 64);
  if (const auto meant = conf::nearest(name, key.placeholders))
    return fmt::format("unknown placeholder {{{}}}; did you mean {{{}}}?", shown, *meant);
  return fmt::format("unknown placeholder {{{}}}; this text may hold: {}", shown,
                     in_braces(key.placeholders));
}

/// Takes text and one placeholder off the front. The name, or what is wrong; nothing at the end.
std::optional<std::string_view> take_placeholder(std::string_view& text,
                                                 std::vector<std::string>& faults) {
  const std::size_t brace = text.find_first_of("{}");
  if (brace == std::string_view::npos) return std::nullopt;
  const std::size_t close = text[brace] == '{' ? text.find_first_of("{}", brace + 1) : brace;
  if (text[brace] == '}' || close == std::string_view::npos || text[close] == '{') {
    faults.emplace_back("holds a brace that belongs to no placeholder such as {domain}");
    return std::nullopt;
  }
  const std::string_view name = text.substr(brace + 1, close - brace - 1);
  text.remove_prefix(close + 1);
  return name;
}

void check_placeholders(const TextKey& key, std::string_view text,
                        std::vector<std::string>& faults) {
  Names found;
  while (const auto name = take_placeholder(text, faults)) {
    found.push_back(*name);
    if (std::ranges::find(key.placeholders, *name) == key.placeholders.end())
      faults.push_back(unknown_placeholder(key, *name));
  }
  // A slip in a name is one fault, not two.
  if (!faults.empty()) return;
  for (const std::string_view name : key.required) {
    if (std::ranges::find(found, name) == found.end())
      faults.push_back(fmt::format("must hold {{{}}}", name));
  }
}

}  // namespace

const std::vector<TextKey>& text_catalogue() {
  static const std::vector<TextKey> kCatalogue = make_catalogue();
  return kCatalogue;
}

std::vector<std::string> check_text(const TextKey& key, std::string_view text) {
  if (trim(text).empty()) return {"is empty"};
  if (text.size() > kMaxText)
    return {fmt::format("is {} octets long; at most {} are allowed", text.size(), kMaxText)};
  if (!is_valid_utf8(text)) return {"is not UTF-8"};
  std::vector<std::string> faults;
  if (has_control_character(text))
    faults.emplace_back("holds a line break or another control character");
  check_placeholders(key, text, faults);
  return faults;
}

}  // namespace fulmar::notice
