// Reading a JSON answer leniently, for rendering: what is missing or of another kind is simply not
// there. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fulmar::control {

/// A place in a JSON value that may not exist. `value` must outlive the view.
class JsonView {
 public:
  explicit JsonView(const boost::json::value* value) : value_(value) {}

  [[nodiscard]] JsonView operator[](std::string_view member) const;

  /// Exists and is not null.
  [[nodiscard]] bool present() const;
  [[nodiscard]] bool is_true() const;
  [[nodiscard]] std::optional<std::int64_t> number() const;

  /// One line that is safe on a terminal: strings sanitised, numbers, "yes" or "no"; "-" for what
  /// is absent or empty.
  [[nodiscard]] std::string text() const;
  /// The lines of a string, each as text(); none when there is no string.
  [[nodiscard]] std::vector<std::string> lines() const;
  /// "2026-11-21 23:09:00" of "2026-11-21T23:09:00.125Z".
  [[nodiscard]] std::string time() const;

  /// Elements of an array; none when it is none.
  [[nodiscard]] std::vector<JsonView> items() const;
  /// text() of every element, joined; "-" when there is none.
  [[nodiscard]] std::string joined(std::string_view separator) const;
  /// An operator's rule: "rule fulmar.toml:12: tls secure, relay [a.example]:587 (why)".
  [[nodiscard]] std::string rule_text() const;
  /// Names and values of an object, in its order.
  [[nodiscard]] std::vector<std::pair<std::string, JsonView>> members() const;

 private:
  const boost::json::value* value_;  // null: not there
};

}  // namespace fulmar::control
