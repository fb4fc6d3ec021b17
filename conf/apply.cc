#include "conf/apply.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "conf/nearest.h"
#include "conf/schema.h"

namespace fulmar::conf {
namespace {

using Shape = Table::Shape;

constexpr std::size_t kMaxShown = 100;

const Key* find_key(const Table& table, std::string_view name) {
  const auto found = std::ranges::find(table.keys, name, &Key::name);
  return found == table.keys.end() ? nullptr : &*found;
}

std::vector<std::string_view> names_in(const Table& table) {
  std::vector<std::string_view> names;
  for (const Key& key : table.keys)
    names.push_back(key.name);
  if (!table.name.empty()) return names;
  for (const Table& each : schema()) {
    if (!each.name.empty()) names.push_back(each.name);
  }
  return names;
}

/// The same word in another table, or a word like it.
std::optional<std::string> meant_elsewhere(const Table& table, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Table& other : schema()) {
    if (other.name == table.name) continue;
    const auto more = names_in(other);
    names.insert(names.end(), more.begin(), more.end());
  }
  const auto meant = nearest(name, names);
  if (!meant) return std::nullopt;
  for (const Table& other : schema()) {
    if (other.name != table.name && find_key(other, *meant) != nullptr)
      return key_path(other, *meant);
  }
  return std::string(*meant);
}

std::string unknown_key(const Table& table, const std::string& name) {
  const auto shown = [](const std::string& path) { return quote(sanitize_line(path, kMaxShown)); };
  const std::string complaint = "unknown key " + shown(key_path(table, name));
  const auto names = names_in(table);
  if (const auto meant = nearest(name, names)) {
    return complaint + "; did you mean " + shown(key_path(table, *meant)) + '?';
  }
  if (const auto meant = meant_elsewhere(table, name)) {
    return complaint + "; did you mean " + shown(*meant) + '?';
  }
  std::string known;
  for (const std::string_view each : names)
    known += (known.empty() ? "" : ", ") + std::string(each);
  return complaint + "; known here are " + known;
}

/// Walks one file. Lives for one call of apply().
class Application {
 public:
  void top_level(const Value::Fields& entries);
  Applied finish();

 private:
  void known_table(const Table& table, const Entry& entry);
  void array_of_tables(const Table& table, const Entry& entry, const Value::List& elements);
  void entries_of(const Table& table, std::size_t index, const Value::Fields& entries);
  void known_key(const Table& table, std::size_t index, const Key& key, const Entry& entry);
  void fault(Position at, std::string what) { result_.faults.push_back({at, std::move(what)}); }

  Applied result_;
};

void Application::top_level(const Value::Fields& entries) {
  const Table& root = schema().front();
  for (const Entry& entry : entries) {
    if (const Key* key = find_key(root, entry.key)) {
      known_key(root, 0, *key, entry);
    } else if (const Table* table = entry.key.empty() ? nullptr : find_table(entry.key)) {
      known_table(*table, entry);
    } else {
      fault(entry.at, unknown_key(root, entry.key));
    }
  }
}

void Application::known_table(const Table& table, const Entry& entry) {
  const std::string name(table.name);
  const auto* fields = std::get_if<Value::Fields>(&entry.value.data);
  const auto* elements = std::get_if<Value::List>(&entry.value.data);
  if (elements != nullptr && table.shape == Shape::array) {
    array_of_tables(table, entry, *elements);
  } else if (fields != nullptr && (table.shape == Shape::single || !table.missing.empty())) {
    if (fields->empty() && !table.missing.empty())
      fault(entry.at, name + ": " + not_yet(table.missing));
    entries_of(table, 0, *fields);
  } else if (!table.missing.empty()) {
    fault(entry.at, name + ": " + not_yet(table.missing));
  } else {
    const std::string form = table.shape == Shape::single
                                 ? "one table, written [" + name + ']'
                                 : "a list of tables, each written [[" + name + "]]";
    fault(entry.at, name + ": must be " + form + ", not " + describe(entry.value));
  }
}

void Application::array_of_tables(const Table& table, const Entry& entry,
                                  const Value::List& elements) {
  const std::string name(table.name);
  if (elements.empty() && !table.missing.empty())
    fault(entry.at, name + ": " + not_yet(table.missing));
  if (table.missing.empty()) {
    table.resize(result_.config, elements.size());
    result_.origins[name] = {entry.at, entry.value.at};
  }
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Value& element = elements[i];
    const auto* fields = std::get_if<Value::Fields>(&element.data);
    result_.origins[name + '[' + std::to_string(i) + ']'] = {element.at, element.at};
    if (fields == nullptr) {
      fault(element.at,
            name + ": each must be a table, written [[" + name + "]], not " + describe(element));
    } else if (fields->empty() && !table.missing.empty()) {
      fault(element.at, name + ": " + not_yet(table.missing));
    } else {
      entries_of(table, i, *fields);
    }
  }
}

void Application::entries_of(const Table& table, std::size_t index, const Value::Fields& entries) {
  for (const Entry& entry : entries) {
    if (const Key* key = find_key(table, entry.key)) {
      known_key(table, index, *key, entry);
    } else {
      fault(entry.at, unknown_key(table, entry.key));
    }
  }
}

void Application::known_key(const Table& table, std::size_t index, const Key& key,
                            const Entry& entry) {
  const std::string name = setting_name(table.name, index, key.name);
  if (!key.missing.empty()) {
    fault(entry.at, key_path(table, key.name) + ": " + not_yet(key.missing));
    return;
  }
  const std::vector<Fault> faults = key.set(result_.config, index, entry.value);
  const auto outcome = faults.empty() ? Origin::Outcome::taken : Origin::Outcome::refused;
  result_.origins[name] = {entry.at, entry.value.at, outcome};
  for (const Fault& each : faults) {
    const std::string doc = key.doc.empty() ? "" : " (" + std::string(key.doc) + ')';
    fault(each.at, name + ": " + each.what + doc);
  }
}

Applied Application::finish() {
  if (!result_.origins.contains("listen")) result_.config.listen = default_listeners();
  return std::move(result_);
}

}  // namespace

Applied apply(const Value& file) {
  Application application;
  application.top_level(std::get<Value::Fields>(file.data));
  return application.finish();
}

std::string setting_name(std::string_view table, std::size_t index, std::string_view key) {
  if (table.empty()) return std::string(key);
  const Table* found = find_table(table);
  const bool is_array = found != nullptr && found->shape == Shape::array;
  const std::string element = is_array ? '[' + std::to_string(index) + ']' : "";
  return std::string(table) + element + '.' + std::string(key);
}

}  // namespace fulmar::conf
