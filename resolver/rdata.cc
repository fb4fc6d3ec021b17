#include "resolver/rdata.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/ascii.h"

namespace fulmar::resolver {
namespace {

constexpr std::size_t kMaxWireName = 255;  // RFC 1035 §2.3.4
constexpr std::size_t kMaxLabel =
    63;  // RFC 1035 §2.3.4; a higher octet would be a compression pointer

std::uint8_t octet_at(std::string_view octets, std::size_t index) {
  return static_cast<std::uint8_t>(octets[index]);
}

bool is_label_char(char c) {
  return is_alnum(c) || c == '-' || c == '_';
}

template <std::size_t N>
Result<std::array<std::uint8_t, N>> exactly(std::string_view rdata, std::string_view what) {
  if (rdata.size() != N) {
    return fail(Errc::dns_malformed, std::string(what) + " of " + std::to_string(rdata.size()) +
                                         " octets instead of " + std::to_string(N));
  }
  std::array<std::uint8_t, N> bytes{};
  std::ranges::transform(rdata, bytes.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return bytes;
}

}  // namespace

Result<Domain> parse_name_rdata(std::string_view rdata) {
  if (rdata.size() > kMaxWireName) return fail(Errc::dns_malformed, "name over 255 octets");
  std::string text;
  std::size_t at = 0;
  while (at < rdata.size() && octet_at(rdata, at) != 0) {
    const std::size_t length = octet_at(rdata, at);
    if (length > kMaxLabel) return fail(Errc::dns_malformed, "label over 63 octets");
    if (length >= rdata.size() - at) return fail(Errc::dns_malformed, "name cut off");
    const std::string_view label = rdata.substr(at + 1, length);
    // A dot inside a label is a character like any other on the wire, and would become a border in
    // text.
    if (!std::ranges::all_of(label, is_label_char)) {
      return fail(Errc::dns_malformed, "character in a name that no host name has");
    }
    text.append(label).push_back('.');
    at += length + 1;
  }
  if (at + 1 != rdata.size()) return fail(Errc::dns_malformed, "name does not end where it should");
  if (text.empty()) return Domain{};
  auto name = Domain::parse(text);
  if (!name) return fail(Errc::dns_malformed, std::move(name).error().detail);
  return name;
}

Result<IpAddress> parse_a_rdata(std::string_view rdata) {
  FULMAR_TRY(const auto bytes, exactly<4>(rdata, "IPv4 address"));
  return IpAddress::from_v4(bytes);
}

Result<IpAddress> parse_aaaa_rdata(std::string_view rdata) {
  FULMAR_TRY(const auto bytes, exactly<16>(rdata, "IPv6 address"));
  return IpAddress::from_v6(bytes);
}

Result<MxRecord> parse_mx_rdata(std::string_view rdata) {
  if (rdata.size() < 3) return fail(Errc::dns_malformed, "MX record cut off");
  FULMAR_TRY(Domain exchange, parse_name_rdata(rdata.substr(2)));
  const unsigned preference = octet_at(rdata, 0) * 256U + octet_at(rdata, 1);
  return MxRecord{.preference = static_cast<std::uint16_t>(preference),
                  .exchange = std::move(exchange)};
}

Result<TxtRecord> parse_txt_rdata(std::string_view rdata) {
  if (rdata.empty()) return fail(Errc::dns_malformed, "TXT record without a string");
  TxtRecord record;
  while (!rdata.empty()) {
    const std::size_t length = octet_at(rdata, 0);
    if (length >= rdata.size()) return fail(Errc::dns_malformed, "TXT string cut off");
    record.text.append(rdata.substr(1, length));  // RFC 8461 §3.1: joined without separator
    rdata.remove_prefix(length + 1);
  }
  return record;
}

Result<TlsaRecord> parse_tlsa_rdata(std::string_view rdata) {
  if (rdata.size() < 3) return fail(Errc::dns_malformed, "TLSA record cut off");
  return TlsaRecord{.usage = octet_at(rdata, 0),
                    .selector = octet_at(rdata, 1),
                    .matching_type = octet_at(rdata, 2),
                    .data = std::string(rdata.substr(3))};
}

}  // namespace fulmar::resolver
