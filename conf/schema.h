// Every key there is, one row each: name, type, bounds, what it is for, and where it lives in
// Config. Keys of features that this version lacks have a row too, so that they are refused by name
// and never ignored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/value.h"

namespace fulmar::conf {

/// `index` says which element of an array of tables is meant; 0 for all others.
struct Key {
  std::string_view name;
  std::string_view doc;  ///< What the value is, for the end of an error: "client sessions at once";
                         ///< may be empty.
  std::string_view missing;  ///< Not empty: the feature does not exist yet; "message rates are".
  std::function<std::vector<Fault>(Config&, std::size_t index, const Value&)> set;
  std::function<std::string(const Config&, std::size_t index)> show;
};

struct Table {
  enum class Shape : std::uint8_t { single, array };

  std::string_view name;  ///< Empty: the keys above the first header.
  Shape shape = Shape::single;
  std::string_view missing;  ///< Not empty: nothing in the table exists yet.
  std::vector<Key> keys;
  // For arrays: how many elements there are, and making them, each with its defaults.
  std::function<std::size_t(const Config&)> size = {};
  std::function<void(Config&, std::size_t)> resize = {};
};

/// In the order of the documentation; the first table is the unnamed one.
[[nodiscard]] const std::vector<Table>& schema();

/// "limits.message_size"; the bare key for the unnamed table.
[[nodiscard]] std::string key_path(const Table& table, std::string_view key);

/// "not in this version yet", as a sentence about `missing`.
[[nodiscard]] std::string not_yet(std::string_view missing);

/// The table of that name; null when there is none.
[[nodiscard]] const Table* find_table(std::string_view name);

/// The listener of one [[listen]] table with nothing in it.
[[nodiscard]] Listen default_listener();

/// The listeners of a file without any [[listen]].
[[nodiscard]] std::vector<Listen> default_listeners();

}  // namespace fulmar::conf
