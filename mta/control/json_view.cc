#include "mta/control/json_view.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <limits>

#include "base/ascii.h"

namespace fulmar::control {
namespace {

constexpr std::size_t kMaxText = 16 * 1024;

/// One line that no terminal takes for a command: the C1 controls, well-formed UTF-8 of two octets,
/// count as such too.
std::string one_line(std::string_view text) {
  std::string line = sanitize_line(text, kMaxText);
  for (std::size_t at = line.find('\xC2'); at != std::string::npos;
       at = line.find('\xC2', at + 1)) {
    const bool is_control = at + 1 < line.size() && static_cast<unsigned char>(line[at + 1]) < 0xA0;
    if (is_control) line.replace(at, 2, "?");
  }
  return line;
}

std::string safe(std::string_view text) {
  return text.empty() ? "-" : one_line(text);
}

}  // namespace

JsonView JsonView::operator[](std::string_view member) const {
  const auto* object = value_ == nullptr ? nullptr : value_->if_object();
  return JsonView(object == nullptr ? nullptr : object->if_contains(member));
}

bool JsonView::present() const {
  return value_ != nullptr && !value_->is_null();
}

bool JsonView::is_true() const {
  return value_ != nullptr && value_->is_bool() && value_->get_bool();
}

std::optional<std::int64_t> JsonView::number() const {
  if (value_ == nullptr) return std::nullopt;
  if (value_->is_int64()) return value_->get_int64();
  if (value_->is_uint64() &&
      value_->get_uint64() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    return static_cast<std::int64_t>(value_->get_uint64());
  }
  return std::nullopt;
}

std::string JsonView::text() const {
  if (!present()) return "-";
  if (value_->is_string()) return safe(value_->get_string());
  if (value_->is_bool()) return value_->get_bool() ? "yes" : "no";
  return safe(boost::json::serialize(*value_));
}

std::vector<std::string> JsonView::lines() const {
  const auto* string = value_ == nullptr ? nullptr : value_->if_string();
  std::vector<std::string> result;
  if (string == nullptr) return result;
  for (std::string_view rest = *string; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    result.push_back(one_line(line));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return result;
}

std::string JsonView::time() const {
  std::string shown = text();
  constexpr std::size_t kToSeconds = std::string_view("2026-11-21T23:09:00").size();
  if (shown.size() <= kToSeconds || shown[10] != 'T') return shown;
  shown.resize(kToSeconds);
  shown[10] = ' ';
  return shown;
}

std::vector<JsonView> JsonView::items() const {
  std::vector<JsonView> result;
  const auto* array = value_ == nullptr ? nullptr : value_->if_array();
  if (array == nullptr) return result;
  for (const auto& item : *array)
    result.emplace_back(&item);
  return result;
}

std::string JsonView::joined(std::string_view separator) const {
  std::string result;
  for (const JsonView& item : items()) {
    if (!result.empty()) result += separator;
    result += item.text();
  }
  return result.empty() ? "-" : result;
}

std::vector<std::pair<std::string, JsonView>> JsonView::members() const {
  std::vector<std::pair<std::string, JsonView>> result;
  const auto* object = value_ == nullptr ? nullptr : value_->if_object();
  if (object == nullptr) return result;
  for (const auto& member : *object)
    result.emplace_back(safe(member.key()), JsonView(&member.value()));
  return result;
}

std::string JsonView::rule_text() const {
  const JsonView& rule = *this;
  std::string text = "rule " + rule["where"].text() + ": tls " + rule["tls"].text();
  if (rule["relay"].present()) text += ", relay " + rule["relay"].text();
  if (rule["until"].present()) text += ", until " + rule["until"].text();
  if (!rule["comment"].lines().empty()) text += " (" + rule["comment"].text() + ')';
  return text;
}

}  // namespace fulmar::control
