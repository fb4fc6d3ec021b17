// From a member of a section of Config and a Type to a row of the schema.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/schema.h"
#include "conf/types.h"

namespace fulmar::conf {

/// A Key before it is known where its section stands in Config.
template <class Section>
struct Row {
  std::string_view name;
  std::string_view doc;
  std::string_view missing;
  std::function<std::vector<Fault>(Section&, const Value&)> set;
  std::function<std::string(const Section&)> show;
};

/// A key that sets `member`, unless the value is faulty.
template <class Section, class T>
Row<Section> key(std::string_view name, T Section::*member, Type<T> type, std::string_view doc) {
  auto set = [member, read = std::move(type.read)](Section& section, const Value& value) {
    auto result = read(value);
    if (!result) return std::move(result).error();
    section.*member = *std::move(result);
    return std::vector<Fault>();
  };
  auto show = [member, write = std::move(type.show)](const Section& section) {
    return write(section.*member);
  };
  return {name, doc, {}, std::move(set), std::move(show)};
}

/// A key that does not exist yet in a section that does.
template <class Section>
Row<Section> missing_key(std::string_view name, std::string_view missing) {
  return {name, {}, missing, {}, {}};
}

/// `find(config, index)` is the section, const or not as the Config is.
template <class Section, class Find>
Table table_of(std::string_view name, Table::Shape shape, std::vector<Row<Section>> rows,
               Find find) {
  Table table{.name = name, .shape = shape, .missing = {}, .keys = {}, .size = {}, .resize = {}};
  for (Row<Section>& row : rows) {
    Key key{.name = row.name, .doc = row.doc, .missing = row.missing, .set = {}, .show = {}};
    if (row.missing.empty()) {
      key.set = [find, set = std::move(row.set)](Config& config, std::size_t index,
                                                 const Value& value) {
        return set(find(config, index), value);
      };
      key.show = [find, show = std::move(row.show)](const Config& config, std::size_t index) {
        return show(find(config, index));
      };
    }
    table.keys.push_back(std::move(key));
  }
  return table;
}

/// `[name]`, kept in one member of Config.
template <class Section>
Table section(std::string_view name, Section Config::*member, std::vector<Row<Section>> rows) {
  return table_of(name, Table::Shape::single, std::move(rows),
                  [member](auto& config, std::size_t) -> auto& { return config.*member; });
}

/// `[[name]]`, kept in one member of Config; each element starts as `fresh`.
template <class Element>
Table array_section(std::string_view name, std::vector<Element> Config::*member,
                    const Element& fresh, std::vector<Row<Element>> rows) {
  Table table = table_of(
      name, Table::Shape::array, std::move(rows),
      [member](auto& config, std::size_t index) -> auto& { return (config.*member).at(index); });
  table.size = [member](const Config& config) { return (config.*member).size(); };
  table.resize = [member, fresh](Config& config, std::size_t size) {
    (config.*member).assign(size, fresh);
  };
  return table;
}

/// A table of which nothing exists yet.
inline Table missing_table(std::string_view name, Table::Shape shape, std::string_view missing,
                           const std::vector<std::string_view>& names) {
  Table table{
      .name = name, .shape = shape, .missing = missing, .keys = {}, .size = {}, .resize = {}};
  for (const std::string_view each : names) {
    table.keys.push_back({.name = each, .doc = {}, .missing = missing, .set = {}, .show = {}});
  }
  return table;
}

}  // namespace fulmar::conf
