// The kinds of value a key can have: how each is read, bounded and written. schema.cc builds its
// rows from these.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/domain.h"
#include "base/ip_address.h"
#include "conf/config.h"
#include "conf/value.h"

namespace fulmar::conf {

/// The value, or everything wrong with it. `what` of a Fault starts after the key: `must be 1 to 5,
/// not 6`.
template <class T>
using Reading = std::expected<T, std::vector<Fault>>;

template <class T>
struct Type {
  std::function<Reading<T>(const Value&)> read;
  std::function<std::string(const T&)> show;  ///< As it would stand in the file.
};

/// Both ends belong to the range.
template <class T>
struct Bounds {
  T low;
  T high;
};

/// `must be <wanted>, not <value>`, and the reason when there is one.
[[nodiscard]] std::unexpected<std::vector<Fault>> must_be(const std::string& wanted,
                                                          const Value& value,
                                                          const std::string& reason = {});

/// `must be "a", "b" or "c", not "x"; did you mean …?`
[[nodiscard]] std::unexpected<std::vector<Fault>> must_be_one_of(
    const std::vector<std::string_view>& names, const Value& value);

[[nodiscard]] Type<bool> boolean();
/// "en", "de", "pt-BR": a language of two or three letters, perhaps a region of two. RFC 5646 §2.1
[[nodiscard]] Type<std::string> language_tag();
[[nodiscard]] Type<std::uint32_t> count(Bounds<std::uint32_t> bounds);
[[nodiscard]] Type<std::uint64_t> size(Bounds<std::uint64_t> bounds);
[[nodiscard]] Type<std::chrono::milliseconds> duration(Bounds<std::chrono::milliseconds> bounds);
/// The same, or an empty string: none.
[[nodiscard]] Type<std::optional<std::chrono::milliseconds>> duration_or_none(
    Bounds<std::chrono::milliseconds> bounds);

/// Any text without control characters, the empty one too.
[[nodiscard]] Type<std::string> text();
[[nodiscard]] Type<std::string> text_not_empty();
/// A path that fits into a sockaddr_un.
[[nodiscard]] Type<std::string> socket_path();

/// A domain name other than the root.
[[nodiscard]] Type<Domain> domain();
/// The same, or an empty string, which is read as the root.
[[nodiscard]] Type<Domain> domain_or_none();
/// A domain name that may stand in EHLO: letters, digits and hyphens (RFC 5321 §4.1.2), and not an
/// address.
[[nodiscard]] Type<Domain> host_name();
/// An addr-spec, kept as it was written.
[[nodiscard]] Type<std::string> mailbox();
[[nodiscard]] Type<IpAddress> address();
[[nodiscard]] Type<Network> network();
[[nodiscard]] Type<Endpoint> endpoint();
/// A user's name, as check_user_name() has it.
[[nodiscard]] Type<std::string> user_name();
/// "shop@example.com", "@example.com", "@.example.com" or "*".
[[nodiscard]] Type<SenderPattern> sender_pattern();
/// "192.0.2.53@53"; a port left out is 53, and always there in what is read.
[[nodiscard]] Type<std::string> name_server();

/// "example.com", ".example.com" or "*".
[[nodiscard]] Type<DomainPattern> domain_pattern();
/// "[smtp.example.com]:587"; an empty string: none.
[[nodiscard]] Type<std::optional<Relay>> relay();
/// "100/s"; an empty string: no limit.
[[nodiscard]] Type<std::optional<Rate>> rate();
/// 2027-01-31, without quotes; absent is shown as "".
[[nodiscard]] Type<std::optional<std::chrono::year_month_day>> date();
/// { action = "defer", give_up_after = "1d" }, both of them optional.
[[nodiscard]] Type<FailureRule> failure_rule();

/// At most one IPv4 and one IPv6 address.
[[nodiscard]] Type<std::vector<IpAddress>> one_address_per_family();

template <class T>
[[nodiscard]] Type<std::vector<T>> list(Type<T> item) {
  auto read = [item](const Value& value) -> Reading<std::vector<T>> {
    const auto* items = std::get_if<Value::List>(&value.data);
    if (items == nullptr) return must_be("a list in brackets", value);
    std::vector<T> result;
    std::vector<Fault> faults;
    for (const Value& each : *items) {
      auto one = item.read(each);
      if (one) {
        result.push_back(*std::move(one));
      } else {
        faults.insert(faults.end(), one.error().begin(), one.error().end());
      }
    }
    if (!faults.empty()) return std::unexpected(std::move(faults));
    return result;
  };
  auto show = [item](const std::vector<T>& values) {
    std::string result = "[";
    for (const T& value : values)
      result += (result.size() > 1 ? ", " : "") + item.show(value);
    return result + "]";
  };
  return {std::move(read), std::move(show)};
}

template <class T>
[[nodiscard]] Type<std::vector<T>> list_not_empty(Type<T> item) {
  Type<std::vector<T>> type = list(std::move(item));
  type.read = [read = std::move(type.read)](const Value& value) -> Reading<std::vector<T>> {
    auto result = read(value);
    if (result && result->empty()) return must_be("a list of one or more", value, "it is empty");
    return result;
  };
  return type;
}

/// Each longer than the one before.
template <class T>
[[nodiscard]] Type<std::vector<T>> ascending_list(Type<T> item) {
  Type<std::vector<T>> type = list(std::move(item));
  type.read = [read = std::move(type.read)](const Value& value) -> Reading<std::vector<T>> {
    auto result = read(value);
    if (result &&
        std::ranges::adjacent_find(*result, std::ranges::greater_equal{}) != result->end())
      return must_be("a list in which each is longer than the one before", value);
    return result;
  };
  return type;
}

/// One of a few words, each with its meaning.
template <class T>
[[nodiscard]] Type<T> choice(std::vector<std::pair<std::string_view, T>> words) {
  auto read = [words](const Value& value) -> Reading<T> {
    std::vector<std::string_view> names;
    for (const auto& [name, meaning] : words) {
      const auto* written = std::get_if<std::string>(&value.data);
      if (written != nullptr && *written == name) return meaning;
      names.push_back(name);
    }
    return must_be_one_of(names, value);
  };
  auto show = [words](const T& wanted) {
    for (const auto& [name, meaning] : words) {
      if (meaning == wanted) return quote(std::string(name));
    }
    return quote("");
  };
  return {std::move(read), std::move(show)};
}

}  // namespace fulmar::conf
