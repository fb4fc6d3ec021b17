#include "conf/destination.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/ascii.h"

namespace fulmar::conf {
namespace {

Result<Domain> parse_name(std::string_view text) {
  FULMAR_TRY(Domain name, Domain::parse(text));
  if (name.is_root()) return fail(Errc::syntax, "it is the DNS root");
  return name;
}

Result<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (ec != std::errc{} || end != digits.data() + digits.size() || port == 0) {
    return fail(Errc::syntax, "a port is 1 to 65535");
  }
  return port;
}

/// What stands in the brackets: an address, with or without the tag of RFC 5321 §4.1.3, or a name.
Result<MailHost> parse_bracketed(std::string_view text) {
  constexpr std::string_view kTag = "ipv6:";
  if (to_lower(text).starts_with(kTag)) text.remove_prefix(kTag.size());
  if (const auto address = IpAddress::parse(text)) return MailHost(*address);
  FULMAR_TRY(Domain name, parse_name(text));
  return MailHost(std::move(name));
}

/// `rest` is what follows the host: nothing, or a colon and a port.
Result<std::uint16_t> parse_port_suffix(std::string_view rest) {
  if (rest.empty()) return Relay{}.port;
  if (!rest.starts_with(':')) return fail(Errc::syntax, "only a colon and a port may follow");
  return parse_port(rest.substr(1));
}

}  // namespace

Result<DomainPattern> DomainPattern::parse(std::string_view text) {
  if (text == "*") return DomainPattern{.scope = Scope::any, .name = {}};
  const bool below = text.starts_with('.');
  if (below) text.remove_prefix(1);
  FULMAR_TRY(Domain name, parse_name(text));
  return DomainPattern{.scope = below ? Scope::below : Scope::exact, .name = std::move(name)};
}

std::string DomainPattern::str() const {
  switch (scope) {
    case Scope::exact:
      return name.str();
    case Scope::below:
      return '.' + name.str();
    case Scope::any:
      return "*";
  }
  std::unreachable();
}

bool DomainPattern::matches(const MailHost& host) const {
  if (scope == Scope::any) return true;
  const auto* domain = std::get_if<Domain>(&host);
  if (domain == nullptr) return false;
  return scope == Scope::exact ? *domain == name : *domain != name && domain->is_within(name);
}

std::string_view to_string(TlsRule rule) {
  switch (rule) {
    case TlsRule::automatic:
      return "automatic";
    case TlsRule::none:
      return "none";
    case TlsRule::may:
      return "may";
    case TlsRule::encrypt:
      return "encrypt";
    case TlsRule::dane:
      return "dane";
    case TlsRule::dane_only:
      return "dane-only";
    case TlsRule::sts:
      return "sts";
    case TlsRule::secure:
      return "secure";
  }
  std::unreachable();
}

Result<Relay> Relay::parse(std::string_view text) {
  Relay relay;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return fail(Errc::syntax, "the bracket is not closed");
    FULMAR_TRY(relay.host, parse_bracketed(text.substr(1, end - 1)));
    FULMAR_TRY(relay.port, parse_port_suffix(text.substr(end + 1)));
    relay.lookup = Lookup::address;
    return relay;
  }
  const std::string_view host = text.substr(0, text.find(':'));
  if (IpAddress::parse(text) || IpAddress::parse(host)) {
    return fail(Errc::syntax, "brackets belong around an address");
  }
  FULMAR_TRY(relay.host, parse_name(host));
  FULMAR_TRY(relay.port, parse_port_suffix(text.substr(host.size())));
  return relay;
}

std::string Relay::str() const {
  std::string host_text;
  if (const auto* name = std::get_if<Domain>(&host)) {
    host_text = lookup == Lookup::address ? '[' + name->str() + ']' : name->str();
  } else {
    host_text = '[' + std::get<IpAddress>(host).str() + ']';
  }
  return host_text + ':' + std::to_string(port);
}

std::string to_string(std::chrono::year_month_day day) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

bool applies(const Destination& entry, const MailHost& host, std::chrono::sys_days today) {
  return entry.domain.matches(host) &&
         (!entry.until || today <= std::chrono::sys_days(*entry.until));
}

}  // namespace fulmar::conf
