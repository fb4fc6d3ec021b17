#include "base/error.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/check.h"

namespace fulmar {
namespace {

struct Row {
  Errc code;
  std::string_view name;
  Retry retry;
  EnhancedStatus status;
};

// One row per class: the single place where a class gets its retry rule and its status.
constexpr std::array kTable = {
    Row{Errc::invalid_argument, "invalid-argument", Retry::never, {5, 5, 4}},
    Row{Errc::syntax, "syntax", Retry::never, {5, 5, 2}},
    Row{Errc::limit, "limit", Retry::never, {5, 3, 4}},
    Row{Errc::not_found, "not-found", Retry::never, {5, 0, 0}},
    Row{Errc::cancelled, "cancelled", Retry::later, {4, 3, 2}},
    Row{Errc::timeout, "timeout", Retry::later, {4, 4, 0}},
    Row{Errc::io, "io", Retry::later, {4, 3, 0}},
    Row{Errc::corrupt, "corrupt", Retry::never, {5, 3, 0}},
    Row{Errc::newer_version, "newer-version", Retry::later, {4, 3, 5}},
    Row{Errc::store_failed, "store-failed", Retry::later, {4, 3, 0}},
    Row{Errc::store_full, "store-full", Retry::later, {4, 3, 1}},
    Row{Errc::internal, "internal", Retry::later, {4, 3, 0}},
    Row{Errc::dns_bogus, "dns-bogus", Retry::later, {4, 4, 3}},
    Row{Errc::dns_servfail, "dns-servfail", Retry::later, {4, 4, 3}},
    Row{Errc::dns_timeout, "dns-timeout", Retry::later, {4, 4, 3}},
    Row{Errc::dns_malformed, "dns-malformed", Retry::later, {4, 4, 3}},
    Row{Errc::domain_not_found, "domain-not-found", Retry::never, {5, 1, 2}},
    Row{Errc::null_mx, "null-mx", Retry::never, {5, 1, 10}},
    Row{Errc::no_addresses, "no-addresses", Retry::never, {5, 4, 4}},
    Row{Errc::mail_loop, "mail-loop", Retry::never, {5, 4, 6}},
    Row{Errc::address_refused, "address-refused", Retry::next_host, {5, 4, 6}},
    Row{Errc::connect_failed, "connect-failed", Retry::next_host, {4, 4, 1}},
    Row{Errc::connection_lost, "connection-lost", Retry::next_host, {4, 4, 2}},
    Row{Errc::dane_lookup, "dane-lookup", Retry::next_host, {4, 7, 5}},
    Row{Errc::dane_mismatch, "dane-mismatch", Retry::next_host, {4, 7, 5}},
    Row{Errc::dane_no_tls, "dane-no-tls", Retry::next_host, {4, 7, 4}},
    Row{Errc::sts_mx_mismatch, "sts-mx-mismatch", Retry::next_host, {4, 7, 5}},
    Row{Errc::sts_certificate, "sts-certificate", Retry::next_host, {4, 7, 5}},
    Row{Errc::sts_no_tls, "sts-no-tls", Retry::next_host, {4, 7, 4}},
    Row{Errc::dane_required, "dane-required", Retry::next_host, {4, 7, 5}},
    Row{Errc::sts_unknown, "sts-unknown", Retry::next_host, {4, 7, 5}},
    Row{Errc::sts_required, "sts-required", Retry::next_host, {4, 7, 5}},
    Row{Errc::rule_certificate, "rule-certificate", Retry::next_host, {4, 7, 5}},
    Row{Errc::rule_no_tls, "rule-no-tls", Retry::next_host, {4, 7, 4}},
    Row{Errc::requiretls_unsupported, "requiretls-unsupported", Retry::next_host, {5, 7, 30}},
    Row{Errc::requiretls_unmet, "requiretls-unmet", Retry::next_host, {5, 7, 10}},
    Row{Errc::tls_handshake, "tls-handshake", Retry::next_host, {4, 7, 5}},
    Row{Errc::remote_temporary, "remote-temporary", Retry::later, {4, 0, 0}},
    Row{Errc::remote_permanent, "remote-permanent", Retry::never, {5, 0, 0}},
    Row{Errc::remote_protocol, "remote-protocol", Retry::next_host, {4, 5, 0}},
    Row{Errc::relay_unusable, "relay-unusable", Retry::next_host, {4, 4, 3}},
    Row{Errc::relay_auth, "relay-auth", Retry::next_host, {4, 7, 8}},
    Row{Errc::message_too_big, "message-too-big", Retry::next_host, {5, 3, 4}},
    Row{Errc::eight_bit_unsupported, "eight-bit-unsupported", Retry::next_host, {5, 6, 3}},
    Row{Errc::smtputf8_unsupported, "smtputf8-unsupported", Retry::next_host, {5, 6, 7}},
    Row{Errc::expired, "expired", Retry::never, {5, 4, 7}},
    Row{Errc::administrative, "operator", Retry::never, {5, 7, 0}},
};

constexpr bool table_follows_enum() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (std::to_underlying(kTable[i].code) != i) return false;
  }
  return true;
}
static_assert(table_follows_enum(), "rows are indexed by the enumerator");
static_assert(kTable.size() == std::to_underlying(Errc::administrative) + 1U);

const Row& row(Errc code) {
  const auto index = std::to_underlying(code);
  FULMAR_CHECK(index < kTable.size());
  return kTable[index];
}

std::optional<std::uint16_t> parse_part(std::string_view digits) {
  if (digits.empty() || digits.size() > 3) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  std::uint16_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (ec != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(const EnhancedStatus& status) {
  return std::to_string(status.klass) + '.' + std::to_string(status.subject) + '.' +
         std::to_string(status.detail);
}

std::optional<EnhancedStatus> parse_enhanced_status(std::string_view text) {
  const auto first = text.find('.');
  if (first != 1) return std::nullopt;
  const auto second = text.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const char klass = text.front();
  if (klass != '2' && klass != '4' && klass != '5') return std::nullopt;
  const auto subject = parse_part(text.substr(first + 1, second - first - 1));
  const auto detail = parse_part(text.substr(second + 1));
  if (!subject || !detail) return std::nullopt;
  return EnhancedStatus{static_cast<std::uint8_t>(klass - '0'), *subject, *detail};
}

EnhancedStatus as_permanent(EnhancedStatus status) {
  if (status.klass == 4) status.klass = 5;
  return status;
}

std::string_view to_string(Errc code) {
  return row(code).name;
}

std::optional<Errc> parse_errc(std::string_view name) {
  for (const Row& candidate : kTable) {
    if (candidate.name == name) return candidate.code;
  }
  return std::nullopt;
}

bool is_security_failure(Errc code) {
  switch (code) {
    case Errc::dane_lookup:
    case Errc::dane_mismatch:
    case Errc::dane_no_tls:
    case Errc::sts_mx_mismatch:
    case Errc::sts_certificate:
    case Errc::sts_no_tls:
    case Errc::dane_required:
    case Errc::sts_unknown:
    case Errc::sts_required:
    case Errc::rule_certificate:
    case Errc::rule_no_tls:
    case Errc::requiretls_unsupported:
    case Errc::requiretls_unmet:
      return true;
    default:
      return false;
  }
}

Error make_error(Errc code, std::string detail) {
  const Row& found = row(code);
  return {.code = code, .retry = found.retry, .status = found.status, .detail = std::move(detail)};
}

std::string to_string(const Error& error) {
  return std::string(to_string(error.code)) + " (" + to_string(error.status) + "): " + error.detail;
}

}  // namespace fulmar
