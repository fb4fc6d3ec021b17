#include "conf/types.h"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/language_tag.h"
#include "base/result.h"
#include "conf/nearest.h"
#include "conf/units.h"

namespace fulmar::conf {
namespace {

constexpr std::size_t kMaxWord = 100;
constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// The string itself, or why it is none that a key could take.
Reading<std::string> read_string(const std::string& wanted, const Value& value) {
  const auto* written = std::get_if<std::string>(&value.data);
  if (written == nullptr) return must_be(wanted, value);
  if (std::ranges::any_of(*written, is_control)) {
    return must_be(wanted, value, "it holds a control character");
  }
  return *written;
}

/// A type written as a string that a parser of base/ understands. `reject` names what is wrong with
/// a value that parses and yet will not do; empty when nothing is.
template <class T>
Type<T> parsed(
    std::string wanted, Result<T> (*parse)(std::string_view), std::string (*show)(const T&),
    std::string (*reject)(const T&) = [](const T&) { return std::string(); }) {
  auto read = [wanted = std::move(wanted), parse, reject](const Value& value) -> Reading<T> {
    const auto written = read_string(wanted, value);
    if (!written) return std::unexpected(written.error());
    auto result = parse(*written);
    if (!result) return must_be(wanted, value, result.error().detail);
    const std::string objection = reject(*result);
    if (!objection.empty()) return must_be(wanted, value, objection);
    return *std::move(result);
  };
  return {std::move(read), show};
}

template <class T, class Parse, class Show>
Type<T> measured(const std::string& example, Bounds<T> bounds, Parse parse, Show show) {
  const std::string range = show(bounds.low) + " to " + show(bounds.high);
  auto read = [=](const Value& value) -> Reading<T> {
    const auto* written = std::get_if<std::string>(&value.data);
    const auto result = written == nullptr ? std::nullopt : parse(*written);
    if (!result) return must_be(example, value);
    if (*result < bounds.low || *result > bounds.high) return must_be(range, value);
    return *result;
  };
  return {read, [show](const T& value) { return quote(show(value)); }};
}

std::string not_root(const Domain& name) {
  return name.is_root() ? "it is the DNS root" : "";
}

std::string not_for_ehlo(const Domain& name) {
  if (name.is_root()) return not_root(name);
  if (name.str().find('_') != std::string::npos) return "a host name has no underscore";
  return IpAddress::parse(name.str()) ? "it is an address" : "";
}

std::string show_domain(const Domain& name) {
  return quote(name.str());
}

Result<std::string> parse_mailbox(std::string_view text) {
  FULMAR_TRY(const Mailbox mailbox, Mailbox::parse(text));
  return mailbox.text;
}

Result<std::string> parse_user_name(std::string_view text) {
  FULMAR_TRY_VOID(check_user_name(text));
  return std::string(text);
}

Result<std::string> parse_name_server(std::string_view text) {
  const auto at = text.find('@');
  FULMAR_TRY(const IpAddress host, IpAddress::parse(text.substr(0, at)));
  const std::string_view digits = at == std::string_view::npos ? "53" : text.substr(at + 1);
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (ec != std::errc{} || end != digits.data() + digits.size() || port == 0) {
    return fail(Errc::syntax, "a port is 1 to 65535");
  }
  return host.str() + '@' + std::to_string(port);
}

}  // namespace

std::unexpected<std::vector<Fault>> must_be(const std::string& wanted, const Value& value,
                                            const std::string& reason) {
  std::string what = "must be " + wanted + ", not " + describe(value);
  if (!reason.empty()) what += ": " + reason;
  return std::unexpected(std::vector{Fault{value.at, std::move(what)}});
}

std::unexpected<std::vector<Fault>> must_be_one_of(const std::vector<std::string_view>& names,
                                                   const Value& value) {
  std::string wanted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) wanted += i + 1 == names.size() ? " or " : ", ";
    wanted += quote(std::string(names[i]));
  }
  auto faults = must_be(wanted, value);
  const auto* written = std::get_if<std::string>(&value.data);
  const auto meant = written == nullptr ? std::nullopt : nearest(*written, names);
  if (meant) faults.error().front().what += "; did you mean " + quote(std::string(*meant)) + '?';
  return faults;
}

Type<bool> boolean() {
  return {[](const Value& value) -> Reading<bool> {
            const auto* flag = std::get_if<bool>(&value.data);
            if (flag == nullptr) return must_be("true or false, without quotes", value);
            return *flag;
          },
          [](const bool& flag) { return flag ? "true" : "false"; }};
}

Type<std::uint32_t> count(Bounds<std::uint32_t> bounds) {
  const std::string range = std::to_string(bounds.low) + " to " + std::to_string(bounds.high);
  auto read = [bounds, range](const Value& value) -> Reading<std::uint32_t> {
    const auto* number = std::get_if<std::int64_t>(&value.data);
    if (number == nullptr) return must_be("a whole number without quotes, " + range, value);
    if (*number < bounds.low || *number > bounds.high) return must_be(range, value);
    return static_cast<std::uint32_t>(*number);
  };
  return {read, [](const std::uint32_t& number) { return std::to_string(number); }};
}

Type<std::uint64_t> size(Bounds<std::uint64_t> bounds) {
  return measured(R"(a size such as "64KB", "50MB" or "1GB")", bounds, parse_size, format_size);
}

Type<std::chrono::milliseconds> duration(Bounds<std::chrono::milliseconds> bounds) {
  return measured(R"(a duration such as "30s", "5m", "4h" or "5d")", bounds, parse_duration,
                  format_duration);
}

Type<std::optional<std::chrono::milliseconds>> duration_or_none(
    Bounds<std::chrono::milliseconds> bounds) {
  using Duration = std::optional<std::chrono::milliseconds>;
  const auto some = duration(bounds);
  auto read = [some](const Value& value) -> Reading<Duration> {
    const auto* written = std::get_if<std::string>(&value.data);
    if (written != nullptr && written->empty()) return Duration();
    auto duration = some.read(value);
    if (!duration) return std::unexpected(std::move(duration.error()));
    return Duration(*duration);
  };
  return {read, [some](const Duration& value) { return value ? some.show(*value) : quote(""); }};
}

Type<std::string> text() {
  return {[](const Value& value) { return read_string("a string", value); }, quote};
}

Type<std::string> language_tag() {
  return parsed<std::string>(
      "a language such as \"en\" or \"pt-BR\"",
      [](std::string_view text) -> Result<std::string> {
        if (!is_language_tag(text)) return fail(Errc::syntax, "it is no language tag");
        return std::string(text);
      },
      quote, [](const std::string&) -> std::string { return ""; });
}

Type<std::string> text_not_empty() {
  return parsed<std::string>(
      "a string that is not empty",
      [](std::string_view text) -> Result<std::string> { return std::string(text); }, quote,
      [](const std::string& text) -> std::string { return text.empty() ? "it is empty" : ""; });
}

Type<std::string> socket_path() {
  return parsed<std::string>(
      "a path of 1 to " + std::to_string(kMaxSocketPath) + " octets",
      [](std::string_view path) -> Result<std::string> {
        if (path.empty() || path.size() > kMaxSocketPath) {
          return fail(Errc::limit, "it has " + std::to_string(path.size()));
        }
        return std::string(path);
      },
      quote);
}

Type<Domain> domain() {
  return parsed<Domain>("a domain name", Domain::parse, show_domain, not_root);
}

Type<Domain> domain_or_none() {
  return parsed<Domain>(
      "a domain name, or an empty string",
      [](std::string_view text) -> Result<Domain> {
        return text.empty() ? Domain{} : Domain::parse(text);
      },
      [](const Domain& name) { return name.is_root() ? quote("") : quote(name.str()); });
}

Type<Domain> host_name() {
  return parsed<Domain>("a host name", Domain::parse, show_domain, not_for_ehlo);
}

Type<std::string> mailbox() {
  return parsed<std::string>(R"(a mail address such as "postmaster@example.com")", parse_mailbox,
                             quote);
}

Type<IpAddress> address() {
  return parsed<IpAddress>("an IP address", IpAddress::parse,
                           [](const IpAddress& address) { return quote(address.str()); });
}

Type<Network> network() {
  return parsed<Network>(R"(a network such as "192.0.2.0/24" or "2001:db8::/32")", Network::parse,
                         [](const Network& network) { return quote(network.str()); });
}

Type<Endpoint> endpoint() {
  return parsed<Endpoint>(R"(an address with a port such as "127.0.0.1:25" or "[::1]:25")",
                          Endpoint::parse,
                          [](const Endpoint& endpoint) { return quote(endpoint.str()); });
}

Type<std::string> name_server() {
  return parsed<std::string>(R"(a name server such as "127.0.0.1@53")", parse_name_server, quote);
}

Type<std::string> user_name() {
  return parsed<std::string>("the name of a user", parse_user_name, quote);
}

Type<SenderPattern> sender_pattern() {
  return parsed<SenderPattern>(
      R"(a mail address, "@example.com" for its domain, "@.example.com" for all below it, or "*")",
      SenderPattern::parse, [](const SenderPattern& pattern) { return quote(pattern.str()); });
}

Type<DomainPattern> domain_pattern() {
  return parsed<DomainPattern>(R"(a domain name, ".example.com" for all below it, or "*")",
                               DomainPattern::parse,
                               [](const DomainPattern& pattern) { return quote(pattern.str()); });
}

Type<std::optional<Relay>> relay() {
  return parsed<std::optional<Relay>>(
      R"(a host such as "[smtp.example.com]:587")",
      [](std::string_view text) -> Result<std::optional<Relay>> {
        if (text.empty()) return std::optional<Relay>();
        FULMAR_TRY(Relay parsed_relay, Relay::parse(text));
        return std::optional(std::move(parsed_relay));
      },
      [](const std::optional<Relay>& relay) { return quote(relay ? relay->str() : ""); });
}

Type<std::optional<Rate>> rate() {
  return parsed<std::optional<Rate>>(
      R"(a rate such as "100/s", "30/m" or "1000/h")",
      [](std::string_view text) -> Result<std::optional<Rate>> {
        if (text.empty()) return std::optional<Rate>();
        const auto parsed_rate = parse_rate(text);
        if (!parsed_rate) return fail(Errc::syntax, "not a number, a slash and a unit of time");
        return parsed_rate;
      },
      [](const std::optional<Rate>& rate) { return quote(rate ? format_rate(*rate) : ""); });
}

Type<std::optional<std::chrono::year_month_day>> date() {
  using Date = std::optional<std::chrono::year_month_day>;
  auto read = [](const Value& value) -> Reading<Date> {
    const auto* written = std::get_if<DateOrTime>(&value.data);
    if (written == nullptr || !written->date || !written->date->ok()) {
      return must_be("a date such as 2027-01-31, without quotes", value);
    }
    return written->date;
  };
  auto show = [](const Date& day) { return day ? to_string(*day) : quote(""); };
  return {read, show};
}

Type<FailureRule> failure_rule() {
  const auto action =
      choice<FailureAction>({{"defer", FailureAction::defer}, {"bounce", FailureAction::bounce}});
  const auto limit = duration({std::chrono::seconds(1), std::chrono::days(30)});
  auto read = [=](const Value& value) -> Reading<FailureRule> {
    const auto* fields = std::get_if<Value::Fields>(&value.data);
    if (fields == nullptr) return must_be(R"(a table such as { action = "bounce" })", value);
    FailureRule rule;
    std::vector<Fault> faults;
    const auto take = [&faults](auto reading, auto& slot) {
      if (reading) {
        slot = *reading;
      } else {
        faults.insert(faults.end(), reading.error().begin(), reading.error().end());
      }
    };
    for (const Entry& entry : *fields) {
      if (entry.key == "action") {
        take(action.read(entry.value), rule.action);
      } else if (entry.key == "give_up_after") {
        take(limit.read(entry.value), rule.give_up_after);
      } else {
        faults.push_back({entry.at, "unknown key " + quote(sanitize_line(entry.key, kMaxWord)) +
                                        "; known here are action, give_up_after"});
      }
    }
    if (!faults.empty()) return std::unexpected(std::move(faults));
    return rule;
  };
  auto show = [=](const FailureRule& rule) {
    std::string text = "{ action = " + action.show(rule.action);
    if (rule.give_up_after) text += ", give_up_after = " + limit.show(*rule.give_up_after);
    return text + " }";
  };
  return {read, show};
}

Type<std::vector<IpAddress>> one_address_per_family() {
  Type<std::vector<IpAddress>> type = list(address());
  type.read = [read = std::move(type.read)](const Value& value) -> Reading<std::vector<IpAddress>> {
    auto result = read(value);
    if (!result) return result;
    std::array<bool, 2> taken{};
    std::vector<Fault> faults;
    const auto& items = std::get<Value::List>(value.data);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const AddressFamily family = (*result)[i].family();
      if (std::exchange(taken.at(static_cast<std::size_t>(family)), true)) {
        faults.push_back({items[i].at, describe(items[i]) +
                                           " is the second of its family, at most one IPv4 " +
                                           "and one IPv6 address can be used"});
      }
    }
    if (!faults.empty()) return std::unexpected(std::move(faults));
    return result;
  };
  return type;
}

}  // namespace fulmar::conf
