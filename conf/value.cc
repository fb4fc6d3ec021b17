#include "conf/value.h"

#include <array>

#include "base/ascii.h"

namespace fulmar::conf {
namespace {

constexpr std::size_t kMaxShown = 100;

}  // namespace

std::string kind_of(const Value& value) {
  constexpr std::array kKinds = {"a string",      "a whole number", "a number with a fraction",
                                 "true or false", "a date or time", "a list",
                                 "a table"};
  static_assert(kKinds.size() == std::variant_size_v<decltype(Value::data)>);
  return kKinds.at(value.data.index());
}

std::string describe(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) {
    return quote(sanitize_line(*text, kMaxShown));
  }
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  return kind_of(value);
}

std::string quote(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace fulmar::conf
