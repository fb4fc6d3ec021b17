#include "mta/notice/language.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "base/language_tag.h"
#include "mta/notice/mime.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxField = 1000;
constexpr std::size_t kMaxRanges = 30;
constexpr std::size_t kMaxShown = 64;
constexpr std::string_view kAnyLanguage = "*";

/// A language range of RFC 4647 §2.1 and its weight in thousandths.
struct Range {
  std::string_view name;
  int weight = 1000;
};

/// RFC 3282 §2 allows comments between all parts; nothing here may stand in quotes.
std::string without_comments(std::string_view text) {
  std::string result;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (depth > 0 && text[i] == '\\') {
      ++i;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && depth > 0) {
      --depth;
    } else if (depth == 0) {
      result += text[i];
    }
  }
  return result;
}

/// "0.8" as 800: 0 or 1 with up to three decimals. RFC 3282 §3
std::optional<int> parse_weight(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 5 || (text.size() > 1 && text[1] != '.')) return std::nullopt;
  int weight = (text[0] - '0') * 1000;
  int place = 100;
  for (std::size_t i = 2; i < text.size(); ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    weight += (text[i] - '0') * place;
    place /= 10;
  }
  return weight <= 1000 ? std::optional(weight) : std::nullopt;
}

bool is_range(std::string_view text) {
  const bool sane = std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
  return text == kAnyLanguage || (sane && !text.empty() && is_alpha(text.front()));
}

std::optional<Range> parse_range(std::string_view text) {
  const std::size_t semicolon = text.find(';');
  Range range{.name = trim(text.substr(0, semicolon))};
  if (!is_range(range.name)) return std::nullopt;
  if (semicolon == std::string_view::npos) return range;
  const std::string_view parameter = trim(text.substr(semicolon + 1));
  const std::size_t equals = parameter.find('=');
  const std::string_view name = trim(parameter.substr(0, equals));
  if (equals == std::string_view::npos || !equals_ignoring_case(name, "q")) return std::nullopt;
  const auto weight = parse_weight(trim(parameter.substr(equals + 1)));
  if (!weight) return std::nullopt;
  range.weight = *weight;
  return range;
}

/// The one wanted most first; those not wanted at all (q=0) are left out.
std::vector<Range> parse_ranges(std::string_view field) {
  std::vector<Range> ranges;
  for (std::size_t read = 0; read < kMaxRanges && !field.empty(); ++read) {
    const std::size_t comma = std::min(field.find(','), field.size());
    const auto range = parse_range(field.substr(0, comma));
    if (range && range->weight > 0) ranges.push_back(*range);
    field.remove_prefix(std::min(comma + 1, field.size()));
  }
  std::ranges::stable_sort(ranges, std::ranges::greater{}, &Range::weight);
  return ranges;
}

/// RFC 4647 §3.4: the range with ever less at its end; then any variety of it.
std::optional<std::string> look_up(std::string_view wanted,
                                   const std::vector<std::string>& available) {
  for (std::string_view range = wanted; !range.empty();) {
    const auto same = std::ranges::find_if(
        available, [&](const std::string& tag) { return equals_ignoring_case(tag, range); });
    if (same != available.end()) return *same;
    const std::size_t hyphen = range.rfind('-');
    range = range.substr(0, hyphen == std::string_view::npos ? 0 : hyphen);
  }
  const std::string_view primary = primary_language(wanted);
  const auto variety = std::ranges::find_if(available, [&](const std::string& tag) {
    return equals_ignoring_case(primary_language(tag), primary);
  });
  return variety == available.end() ? std::nullopt : std::optional(*variety);
}

/// `any` is what "*" stands for.
std::optional<std::string> first_match(std::string_view header, std::string_view field,
                                       const std::string& any,
                                       const std::vector<std::string>& available) {
  const std::string body = find_field(header, field).value_or("");
  const std::string plain = without_comments(std::string_view(body).substr(0, kMaxField));
  for (const Range& range : parse_ranges(plain)) {
    if (range.name == kAnyLanguage) return any;
    if (auto found = look_up(range.name, available)) return found;
  }
  return std::nullopt;
}

}  // namespace

std::string choose_language(std::string_view header, std::string_view configured,
                            const std::vector<std::string>& available) {
  std::string usual = look_up(configured, available).value_or("en");
  for (const std::string_view field : {"Accept-Language", "Content-Language"}) {
    if (auto found = first_match(header, field, usual, available)) return *std::move(found);
  }
  return usual;
}

Result<std::string> find_language(std::string_view tag, const std::vector<std::string>& available) {
  if (auto found = look_up(tag, available)) return *std::move(found);
  return fail(Errc::invalid_argument,
              fmt::format("there are no texts in \"{}\", only in: {}",
                          sanitize_line(tag, kMaxShown), fmt::join(available, ", ")));
}

}  // namespace fulmar::notice
