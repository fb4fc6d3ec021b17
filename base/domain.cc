#include "base/domain.h"

#include <idn2.h>

#include <algorithm>
#include <memory>

#include "base/ascii.h"
#include "base/check.h"

namespace fulmar {
namespace {

constexpr std::size_t kMaxName = 253;  // RFC 1035 §2.3.4, in text form without the trailing dot
constexpr std::size_t kMaxLabel = 63;  // RFC 1035 §2.3.4
constexpr std::size_t kMaxLocalPart = 64;  // RFC 5321 §4.5.3.1.1
constexpr std::size_t kMaxPath = 254;      // RFC 5321 §4.5.3.1.3, less the angle brackets

bool is_name_char(char c) {
  return is_alnum(c) || c == '-' || c == '_';
}

Result<> check_labels(std::string_view name) {
  std::size_t start = 0;
  while (start <= name.size()) {
    const std::size_t dot = std::min(name.find('.', start), name.size());
    const std::string_view label = name.substr(start, dot - start);
    if (label.empty()) return fail(Errc::syntax, "empty label in domain name");
    if (label.size() > kMaxLabel) return fail(Errc::syntax, "label over 63 octets in domain name");
    if (!std::ranges::all_of(label, is_name_char)) {
      return fail(Errc::syntax, "character not allowed in domain name");
    }
    start = dot + 1;
  }
  return {};
}

/// U-labels to A-labels by IDNA2008 with the UTS 46 mapping browsers and other mail servers use.
Result<std::string> to_a_labels(std::string_view text) {
  if (is_ascii(text)) return to_lower(text);
  const std::string terminated(text);
  char* raw = nullptr;
  const int rc = idn2_to_ascii_8z(terminated.c_str(), &raw, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, void (*)(void*)> owned(raw, idn2_free);
  if (rc != IDN2_OK) {
    return fail(Errc::syntax,
                std::string("not an internationalised domain name: ") + idn2_strerror(rc));
  }
  return to_lower(owned.get());
}

bool is_dot_string(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(text, [](char c) { return c == '.' || is_atext(c); });
}

/// RFC 5321 §4.1.2 Quoted-string, with the extension of RFC 6531 §3.3.
bool is_quoted_string(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const char c = inner[i];
    if (c == '\\') {
      if (++i == inner.size() || !is_printable(inner[i])) return false;
    } else if (c == '"' || !(is_printable(c) || is_utf8_octet(c))) {
      return false;
    }
  }
  return true;
}

Result<MailHost> parse_mail_host(std::string_view text) {
  if (!text.starts_with('[')) {
    FULMAR_TRY(Domain name, Domain::parse(text));
    if (name.is_root()) return fail(Errc::syntax, "no domain");
    return name;
  }
  if (!text.ends_with(']')) return fail(Errc::syntax, "address literal without closing bracket");
  std::string_view literal = text.substr(1, text.size() - 2);
  constexpr std::string_view kTag = "ipv6:";
  const bool tagged = to_lower(literal).starts_with(kTag);
  if (tagged) literal.remove_prefix(kTag.size());
  FULMAR_TRY(const IpAddress address, IpAddress::parse(literal));
  if (tagged != (address.family() == AddressFamily::v6)) {
    return fail(Errc::syntax, "address literal with a wrong tag");
  }
  return address;
}

}  // namespace

Result<Domain> Domain::parse(std::string_view text) {
  if (text == ".") return Domain{};
  if (text.size() > 4 * kMaxName) return fail(Errc::syntax, "domain name too long");
  // A NUL would end the name early inside C libraries; it is never part of one.
  if (text.find('\0') != std::string_view::npos) return fail(Errc::syntax, "NUL in domain name");
  FULMAR_TRY(std::string name, to_a_labels(text));
  if (name.ends_with('.')) name.pop_back();
  if (name.empty()) return fail(Errc::syntax, "empty domain name");
  if (name.size() > kMaxName) return fail(Errc::syntax, "domain name too long");
  FULMAR_TRY_VOID(check_labels(name));
  return Domain(std::move(name));
}

Domain Domain::with_prefix(std::string_view label) const {
  FULMAR_CHECK(!label.empty());
  return Domain(std::string(label) + (is_root() ? "" : "." + name_));
}

Domain Domain::parent() const {
  const auto dot = name_.find('.');
  return dot == std::string::npos ? Domain{} : Domain(name_.substr(dot + 1));
}

bool Domain::is_within(const Domain& ancestor) const {
  if (ancestor.is_root() || name_ == ancestor.name_) return true;
  return name_.size() > ancestor.name_.size() && name_.ends_with(ancestor.name_) &&
         name_[name_.size() - ancestor.name_.size() - 1] == '.';
}

std::string to_string(const MailHost& host) {
  if (const auto* domain = std::get_if<Domain>(&host)) return domain->str();
  const auto& address = std::get<IpAddress>(host);
  return (address.family() == AddressFamily::v6 ? "[IPv6:" : "[") + address.str() + ']';
}

Result<Mailbox> Mailbox::parse(std::string_view text) {
  if (text.size() > kMaxPath) return fail(Errc::syntax, "address over 254 octets");
  const std::size_t at = find_unquoted(text, '@');  // an @ inside quotes is local
  if (at == std::string_view::npos) return fail(Errc::syntax, "address without @");
  const std::string_view local = text.substr(0, at);
  if (local.size() > kMaxLocalPart) return fail(Errc::syntax, "local part over 64 octets");
  if (!is_dot_string(local) && !is_quoted_string(local)) {
    return fail(Errc::syntax, "malformed local part");
  }
  if (!is_valid_utf8(local)) return fail(Errc::syntax, "local part is not valid UTF-8");
  FULMAR_TRY(MailHost host, parse_mail_host(text.substr(at + 1)));
  Mailbox mailbox{std::string(local), std::move(host), std::string(text)};
  // A-labels are longer than what they stand for, and it is they that travel.
  if (mailbox.ascii_domain_form().size() > kMaxPath) {
    return fail(Errc::syntax, "address over 254 octets");
  }
  return mailbox;
}

std::string Mailbox::ascii_domain_form() const {
  return local_part + '@' + to_string(host);
}

}  // namespace fulmar
