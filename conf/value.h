// A configuration file as plain data: what stood where. It knows neither TOML's library nor any
// key's meaning.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace fulmar::conf {

/// Where something stands in the file, counted from 1; 0 is "nowhere in it".
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

/// One thing wrong, and where. The file's name is added at the end, by load.cc.
struct Fault {
  Position at;
  std::string what;
};

/// A date, a time or both.
struct DateOrTime {
  std::optional<std::chrono::year_month_day> date;  ///< Set for a date without time.
};

struct Entry;

struct Value {
  using List = std::vector<Value>;
  using Fields = std::vector<Entry>;

  Position at;
  std::variant<std::string, std::int64_t, double, bool, DateOrTime, List, Fields> data;
};

/// `key = value` in a table. Entries keep the order of the file.
struct Entry {
  std::string key;
  Position at;
  Value value;
};

/// "a string", "a whole number", "a table".
[[nodiscard]] std::string kind_of(const Value& value);

/// The value as an error shows it: `"text"`, `12`, "true", else its kind.
[[nodiscard]] std::string describe(const Value& value);

/// `text` as a TOML basic string. REQUIRES: no control characters.
[[nodiscard]] std::string quote(const std::string& text);

}  // namespace fulmar::conf
