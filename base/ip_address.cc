#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>

#include "base/check.h"

namespace fulmar {
namespace {

template <class Integer>
std::optional<Integer> parse_number(std::string_view text, Integer max) {
  Integer value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return value;
}

bool starts_with(const IpAddress& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.bytes().begin());
}

IpAddress embedded_v4(const IpAddress& address, std::size_t offset) {
  const auto& bytes = address.bytes();
  return IpAddress::from_v4(
      {bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]});
}

bool is_non_public_v4(const IpAddress& address) {
  const auto& b = address.bytes();
  return b[0] == 0 || b[0] == 10 || b[0] == 127 || (b[0] == 100 && (b[1] & 0xC0) == 64) ||
         (b[0] == 169 && b[1] == 254) || (b[0] == 172 && (b[1] & 0xF0) == 16) ||
         (b[0] == 192 && b[1] == 168) || b[0] >= 224;
}

bool is_non_public_v6(const IpAddress& address) {
  const auto& b = address.bytes();
  if ((b[0] & 0xFE) == 0xFC) return true;                  // unique local, fc00::/7
  if (b[0] == 0xFE && (b[1] & 0xC0) >= 0x80) return true;  // link-local and the old site-local
  if (b[0] == 0xFF) return true;                           // multicast
  if (starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
    return true;  // ::/96 with ::, ::1
  if (starts_with(address, {0x20, 0x02})) return is_non_public_v4(embedded_v4(address, 2));
  if (starts_with(address, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) {
    return is_non_public_v4(embedded_v4(address, 12));
  }
  return false;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  std::array<std::uint8_t, 16> bytes{};
  // inet_pton stops at a NUL and would overlook what follows it.
  const bool whole = text.find('\0') == std::string_view::npos;
  if (whole && inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
    return from_v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  if (whole && inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return from_v6(bytes);
  return fail(Errc::syntax, "not an IP address: \"" + terminated + '"');
}

IpAddress IpAddress::from_v4(const std::array<std::uint8_t, 4>& bytes) {
  IpAddress result;
  std::copy(bytes.begin(), bytes.end(), result.bytes_.begin());
  return result;
}

IpAddress IpAddress::from_v6(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress result;
  result.family_ = AddressFamily::v6;
  result.bytes_ = bytes;
  return result;
}

std::string IpAddress::str() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = family_ == AddressFamily::v4 ? AF_INET : AF_INET6;
  FULMAR_CHECK(inet_ntop(family, bytes_.data(), text.data(), text.size()) != nullptr);
  return text.data();
}

IpAddress IpAddress::unmapped() const {
  if (family_ == AddressFamily::v6 &&
      starts_with(*this, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF})) {
    return embedded_v4(*this, 12);
  }
  return *this;
}

Result<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  Network network;
  FULMAR_TRY(network.base_, IpAddress::parse(text.substr(0, slash)));
  const unsigned width = network.base_.family() == AddressFamily::v4 ? 32 : 128;
  network.prefix_ = width;
  if (slash != std::string_view::npos) {
    const auto prefix = parse_number<unsigned>(text.substr(slash + 1), width);
    if (!prefix) return fail(Errc::syntax, "not a prefix length: \"" + std::string(text) + '"');
    network.prefix_ = *prefix;
  }
  return network;
}

bool Network::contains(const IpAddress& address) const {
  const IpAddress candidate = base_.family() == AddressFamily::v4 ? address.unmapped() : address;
  if (candidate.family() != base_.family()) return false;
  const std::size_t whole = prefix_ / 8;
  if (!std::equal(base_.bytes().begin(), base_.bytes().begin() + static_cast<std::ptrdiff_t>(whole),
                  candidate.bytes().begin())) {
    return false;
  }
  const unsigned rest = prefix_ % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
  return (base_.bytes()[whole] & mask) == (candidate.bytes()[whole] & mask);
}

std::string Network::str() const {
  return base_.str() + '/' + std::to_string(prefix_);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(Errc::syntax, "no port in \"" + std::string(text) + '"');
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  Endpoint endpoint;
  FULMAR_TRY(endpoint.address, IpAddress::parse(host));
  if (bracketed != (endpoint.address.family() == AddressFamily::v6)) {
    return fail(Errc::syntax, "brackets belong around IPv6 addresses, and only there: \"" +
                                  std::string(text) + '"');
  }
  const auto port = parse_number<std::uint32_t>(text.substr(colon + 1), 65535);
  if (!port) return fail(Errc::syntax, "not a port: \"" + std::string(text) + '"');
  endpoint.port = static_cast<std::uint16_t>(*port);
  return endpoint;
}

std::string Endpoint::str() const {
  const std::string host = address.str();
  const std::string shown = address.family() == AddressFamily::v6 ? '[' + host + ']' : host;
  return shown + ':' + std::to_string(port);
}

bool is_non_public(const IpAddress& address) {
  const IpAddress plain = address.unmapped();
  return plain.family() == AddressFamily::v4 ? is_non_public_v4(plain) : is_non_public_v6(plain);
}

bool may_be_dialed(const IpAddress& address, const std::vector<Network>& exceptions) {
  return !is_non_public(address) || std::ranges::any_of(exceptions, [&](const Network& network) {
    return network.contains(address);
  });
}

}  // namespace fulmar
