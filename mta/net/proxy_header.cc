#include "mta/net/proxy_header.h"

#include <array>
#include <cstdint>

namespace fulmar::net {
namespace {

// §2.2; the 5th octet is a NUL, so the length must be said.
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kVersion1 = "PROXY";

// Where things stand in the fixed part.
constexpr std::size_t kCommandAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::size_t kLengthAt = 14;

constexpr std::uint8_t kLocal = 0x20;  ///< Version and command in one octet.
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcpOverV4 = 0x11;
constexpr std::uint8_t kTcpOverV6 = 0x21;

// Octets of both addresses and both ports.
constexpr std::size_t kV4Block = 12;
constexpr std::size_t kV6Block = 36;

constexpr std::size_t kTlvHead = 3;  ///< Type and length.
constexpr std::uint8_t kCrc32cType = 0x03;
constexpr std::size_t kCrc32cOctets = 4;

std::uint8_t octet(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

/// Network order.
std::uint16_t u16(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(octet(text, at) << 8 | octet(text, at + 1));
}

std::uint32_t u32(std::string_view text, std::size_t at) {
  return static_cast<std::uint32_t>(u16(text, at)) << 16 | u16(text, at + 2);
}

bool is_beginning_of(std::string_view text, std::string_view whole) {
  return whole.starts_with(text.substr(0, whole.size()));
}

Result<> check_signature(std::string_view received) {
  if (received.starts_with(kVersion1)) {
    return fail(Errc::syntax, "PROXY header in version 1, the text form; only version 2 is taken");
  }
  if (is_beginning_of(received, kSignature) || is_beginning_of(received, kVersion1)) return {};
  return fail(Errc::syntax, "no PROXY header at the beginning of the connection");
}

Result<> check_command(std::uint8_t command) {
  if (command == kLocal || command == kProxy) return {};
  if (command >> 4 != 2) return fail(Errc::syntax, "PROXY header of an unknown version");
  return fail(Errc::syntax, "PROXY header with an unknown command");
}

/// Of a PROXY command.
Result<> check_family(std::uint8_t family) {
  switch (family) {
    case kTcpOverV4:
    case kTcpOverV6:
      return {};
    case 0x00:
      return fail(Errc::syntax, "PROXY header names no client address");
    case 0x12:
    case 0x22:
      return fail(Errc::syntax, "PROXY header for UDP");
    case 0x31:
    case 0x32:
      return fail(Errc::syntax, "PROXY header for a Unix socket");
    default:
      return fail(Errc::syntax, "PROXY header with an unknown address family or protocol");
  }
}

/// As far as the octets are there, in their order, so that the first wrong one decides.
Result<> check_fixed_part(std::string_view received) {
  FULMAR_TRY_VOID(check_signature(received));
  if (received.size() > kCommandAt) FULMAR_TRY_VOID(check_command(octet(received, kCommandAt)));
  // §2.2: of LOCAL, the family is ignored.
  if (received.size() > kFamilyAt && octet(received, kCommandAt) == kProxy) {
    FULMAR_TRY_VOID(check_family(octet(received, kFamilyAt)));
  }
  return {};
}

std::size_t address_block(std::uint8_t family) {
  return family == kTcpOverV4 ? kV4Block : kV6Block;
}

/// REQUIRES: the address block is there.
Endpoint read_source(std::string_view header) {
  const std::string_view block = header.substr(ProxyHeader::kFixedPart);
  if (octet(header, kFamilyAt) == kTcpOverV4) {
    std::array<std::uint8_t, 4> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = octet(block, i);
    return {.address = IpAddress::from_v4(bytes), .port = u16(block, 2 * bytes.size())};
  }
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = octet(block, i);
  return {.address = IpAddress::from_v6(bytes).unmapped(), .port = u16(block, 2 * bytes.size())};
}

/// CRC-32C of RFC 4960 Appendix B, with zeros for the checksum that stands at `checksum_at`. Bit by
/// bit: a header has 552 octets at most, and a connection one header.
std::uint32_t crc32c(std::string_view header, std::size_t checksum_at) {
  constexpr std::uint32_t kReversedPolynomial = 0x82F63B78;
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool is_checksum = i >= checksum_at && i - checksum_at < kCrc32cOctets;
    crc ^= is_checksum ? 0 : octet(header, i);
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
  }
  return ~crc;
}

/// §2.2: what follows the addresses. Two checksums would each cover the other, so neither could be
/// trusted to mean anything.
Result<> check_tlvs(std::string_view header, std::size_t at) {
  bool saw_checksum = false;
  while (at < header.size()) {
    if (header.size() - at < kTlvHead) return fail(Errc::syntax, "cut-off TLV in PROXY header");
    const std::size_t length = u16(header, at + 1);
    const bool is_checksum = octet(header, at) == kCrc32cType;
    at += kTlvHead;
    if (header.size() - at < length) return fail(Errc::syntax, "cut-off TLV in PROXY header");
    if (is_checksum) {
      if (saw_checksum || length != kCrc32cOctets) {
        return fail(Errc::syntax, "malformed checksum in PROXY header");
      }
      if (crc32c(header, at) != u32(header, at)) {
        return fail(Errc::syntax, "wrong checksum in PROXY header");
      }
      saw_checksum = true;
    }
    at += length;
  }
  return {};
}

}  // namespace

Result<ProxyHeaderProgress> parse_proxy_header(std::string_view received) {
  FULMAR_TRY_VOID(check_fixed_part(received));
  if (received.size() < ProxyHeader::kFixedPart) {
    return ProxyHeaderCut{.at_least = ProxyHeader::kFixedPart - received.size()};
  }
  const std::size_t block = u16(received, kLengthAt);
  if (block > ProxyHeader::kMaxBlock) return fail(Errc::limit, "PROXY header over 552 octets");
  const bool is_local = octet(received, kCommandAt) == kLocal;
  const std::size_t addresses = is_local ? 0 : address_block(octet(received, kFamilyAt));
  if (block < addresses) return fail(Errc::syntax, "PROXY header too short for its addresses");
  const std::size_t total = ProxyHeader::kFixedPart + block;
  if (received.size() < total) return ProxyHeaderCut{.at_least = total - received.size()};
  // §2.2: the block of LOCAL is discarded unread.
  if (is_local) return ProxyHeader{.consumed = total, .source = std::nullopt};
  const std::string_view header = received.substr(0, total);
  FULMAR_TRY_VOID(check_tlvs(header, ProxyHeader::kFixedPart + addresses));
  return ProxyHeader{.consumed = total, .source = read_source(header)};
}

}  // namespace fulmar::net
