#include "conf/toml_reader.h"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <string>

namespace fulmar::conf {
namespace {

constexpr std::size_t kLongestLine = 8192;

Position position(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

// The parser bounds nesting, so this recursion is bounded too.
Value convert(const toml::node& node);

Value::Fields convert_table(const toml::table& table) {
  Value::Fields fields;
  for (const auto& [key, node] : table) {
    fields.push_back({std::string(key.str()), position(key.source()), convert(node)});
  }
  // The library sorts by name; errors and origins read better in the order of the file.
  std::ranges::stable_sort(fields, {}, &Entry::at);
  return fields;
}

Value::List convert_array(const toml::array& array) {
  Value::List list;
  for (const auto& node : array)
    list.push_back(convert(node));
  return list;
}

Value convert(const toml::node& node) {
  Value value{.at = position(node.source()), .data = DateOrTime{}};
  if (const auto* day = node.as_date()) {
    value.data = DateOrTime{std::chrono::year_month_day(std::chrono::year(day->get().year),
                                                        std::chrono::month(day->get().month),
                                                        std::chrono::day(day->get().day))};
  } else if (const auto* text = node.as_string()) {
    value.data = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.data = integer->get();
  } else if (const auto* fraction = node.as_floating_point()) {
    value.data = fraction->get();
  } else if (const auto* flag = node.as_boolean()) {
    value.data = flag->get();
  } else if (const auto* array = node.as_array()) {
    value.data = convert_array(*array);
  } else if (const auto* table = node.as_table()) {
    value.data = convert_table(*table);
  }
  return value;
}

/// toml++ recurses once for each part of a dotted key, which stands on one line; without a limit a
/// long key ends the program by its stack.
std::optional<Fault> find_long_line(std::string_view text) {
  for (std::uint32_t line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    if (std::min(end, text.size()) > kLongestLine) {
      return Fault{{line, 1}, "line of over " + std::to_string(kLongestLine) + " octets"};
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::nullopt;
}

}  // namespace

std::expected<Value, Fault> read_toml(std::string_view text) {
  if (const auto fault = find_long_line(text)) return std::unexpected(*fault);
  // The packaged library reports by exception; it goes no further than this function.
  try {
    return convert(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return std::unexpected(
        Fault{position(error.source()), "not valid TOML: " + std::string(error.description())});
  }
}

}  // namespace fulmar::conf
