// PROXY headers: one row per branch, and every cut.
#include "mta/net/proxy_header.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace fulmar::net {
namespace {

/// Octets from hexadecimal digits; spaces only separate.
std::string octets(std::string_view hex) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string result;
  std::string digits(hex);
  std::erase(digits, ' ');
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    result += static_cast<char>(value(digits[i]) * 16 + value(digits[i + 1]));
  return result;
}

const std::string kSignature = octets("0d0a0d0a 000d0a51 5549540a");
// 192.0.2.1:50000 to 198.51.100.2:25
const std::string kV4Addresses = octets("c0000201 c6336402 c350 0019");
// [2001:db8::1]:50000 to [2001:db8::2]:25
const std::string kV6Addresses =
    octets("20010db8000000000000000000000001 20010db8000000000000000000000002 c350 0019");

/// `command_and_family`: two octets in hexadecimal.
std::string header(std::string_view command_and_family, const std::string& block) {
  const std::string length = {static_cast<char>(block.size() >> 8),
                              static_cast<char>(block.size() & 0xFF)};
  return kSignature + octets(command_and_family) + length + block;
}

std::string tlv(std::uint8_t type, const std::string& value) {
  return std::string({static_cast<char>(type), static_cast<char>(value.size() >> 8),
                      static_cast<char>(value.size() & 0xFF)}) +
         value;
}

/// "192.0.2.1:50000", "LOCAL", "3 more", or the reason of a refusal.
std::string answer(std::string_view received) {
  const auto progress = parse_proxy_header(received);
  if (!progress) return progress.error().detail;
  if (const auto* cut = std::get_if<ProxyHeaderCut>(&*progress)) {
    return std::to_string(cut->at_least) + " more";
  }
  const auto& whole = std::get<ProxyHeader>(*progress);
  return whole.source ? whole.source->str() : "LOCAL";
}

struct Case {
  std::string_view name;
  std::string received;
  std::string_view want;
};

TEST(ProxyHeader, whole_headers) {
  const Case cases[] = {
      {"TCP over IPv4", header("2111", kV4Addresses), "192.0.2.1:50000"},
      {"TCP over IPv6", header("2121", kV6Addresses), "[2001:db8::1]:50000"},
      {"an IPv4-mapped address is an IPv4 address",
       header("2121", octets("00000000000000000000ffffc0000201 00000000000000000000ffffc6336402"
                             "c350 0019")),
       "192.0.2.1:50000"},
      {"LOCAL", header("2000", ""), "LOCAL"},
      {"LOCAL with a block, which is not looked at", header("2000", "garbage"), "LOCAL"},
      {"LOCAL with a family, which is not looked at", header("20ff", kV4Addresses), "LOCAL"},
      {"TLVs are skipped",
       header("2111", kV4Addresses + tlv(0x02, "mx.example") + tlv(0x04, "") + tlv(0xEA, "x")),
       "192.0.2.1:50000"},
      {"as long as may be",
       header("2111", kV4Addresses + tlv(0x04, std::string(536 - 12 - 3, '\0'))),
       "192.0.2.1:50000"},
      {"right checksum", header("2111", kV4Addresses + tlv(0x03, octets("f7b3d84a"))),
       "192.0.2.1:50000"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(answer(each.received), each.want) << each.name;
}

TEST(ProxyHeader, refusals) {
  constexpr std::string_view kNoHeader = "no PROXY header at the beginning of the connection";
  constexpr std::string_view kCutTlv = "cut-off TLV in PROXY header";
  const std::string checksum = tlv(0x03, octets("f7b3d84a"));
  const Case cases[] = {
      {"an SMTP client", "EHLO client.example\r\n", kNoHeader},
      {"a TLS client", octets("160301"), kNoHeader},
      {"one wrong octet in the signature", octets("0d0a0d0a 000d0a51 5549550a"), kNoHeader},
      {"nearly version 1", "PROXI", kNoHeader},
      {"version 1", "PROXY TCP4 192.0.2.1 198.51.100.2 50000 25\r\n",
       "PROXY header in version 1, the text form; only version 2 is taken"},
      {"version 3", kSignature + octets("31"), "PROXY header of an unknown version"},
      {"command 2", kSignature + octets("22"), "PROXY header with an unknown command"},
      {"PROXY without address", kSignature + octets("2100"),
       "PROXY header names no client address"},
      {"UDP over IPv4", kSignature + octets("2112"), "PROXY header for UDP"},
      {"UDP over IPv6", kSignature + octets("2122"), "PROXY header for UDP"},
      {"Unix stream", kSignature + octets("2131"), "PROXY header for a Unix socket"},
      {"Unix datagram", kSignature + octets("2132"), "PROXY header for a Unix socket"},
      {"family without protocol", kSignature + octets("2110"),
       "PROXY header with an unknown address family or protocol"},
      {"unknown family", kSignature + octets("2141"),
       "PROXY header with an unknown address family or protocol"},
      {"over the bound", kSignature + octets("2111 0219"), "PROXY header over 552 octets"},
      {"LOCAL over the bound", kSignature + octets("2000 0219"), "PROXY header over 552 octets"},
      {"block too short for IPv4", kSignature + octets("2111 000b"),
       "PROXY header too short for its addresses"},
      {"block too short for IPv6", kSignature + octets("2121 0023"),
       "PROXY header too short for its addresses"},
      {"TLV without its length", header("2111", kV4Addresses + octets("0400")), kCutTlv},
      {"TLV longer than the rest", header("2111", kV4Addresses + octets("04000201")), kCutTlv},
      {"wrong checksum", header("2111", kV4Addresses + tlv(0x03, octets("f7b3d84b"))),
       "wrong checksum in PROXY header"},
      {"checksum of another length", header("2111", kV4Addresses + tlv(0x03, octets("f7b3d8"))),
       "malformed checksum in PROXY header"},
      {"nothing behind the checksum's head", header("2111", kV4Addresses + tlv(0x03, "")),
       "malformed checksum in PROXY header"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(answer(each.received), each.want) << each.name;
}

/// Of 192.0.2.1:50000 with two checksums of which the first is right.
TEST(ProxyHeader, a_second_checksum_is_refused) {
  const std::string received = header(
      "2111", kV4Addresses + tlv(0x03, octets("7daa16ea")) + tlv(0x03, std::string(4, '\0')));
  EXPECT_EQ(answer(received), "malformed checksum in PROXY header");
}

TEST(ProxyHeader, a_flipped_bit_fails_the_checksum) {
  const std::string good = header("2111", kV4Addresses + tlv(0x03, octets("f7b3d84a")));
  for (std::size_t i = ProxyHeader::kFixedPart; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    const auto progress = parse_proxy_header(bad);
    // A flipped type is no checksum any more, and a flipped length goes past the end.
    if (i == ProxyHeader::kFixedPart + kV4Addresses.size()) continue;
    ASSERT_FALSE(progress) << i;
    EXPECT_EQ(progress.error().code, Errc::syntax) << i;
    EXPECT_EQ(progress.error().retry, Retry::never) << i;
  }
}

TEST(ProxyHeader, the_bound_is_a_limit_and_all_else_syntax) {
  EXPECT_EQ(parse_proxy_header(kSignature + octets("2111 ffff")).error().code, Errc::limit);
  EXPECT_EQ(parse_proxy_header("PROXY TCP4").error().code, Errc::syntax);
}

TEST(ProxyHeader, says_how_much_is_missing) {
  const Case cases[] = {
      {"nothing yet", "", "16 more"},
      {"in the signature", kSignature.substr(0, 5), "11 more"},
      {"perhaps version 1", "PRO", "13 more"},
      {"before the length", kSignature + octets("2111 00"), "1 more"},
      {"the fixed part", kSignature + octets("2111 000c"), "12 more"},
      {"in the addresses", header("2121", kV6Addresses).substr(0, 20), "32 more"},
      {"LOCAL with a block", header("2000", "garbage").substr(0, 18), "5 more"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(answer(each.received), each.want) << each.name;
}

TEST(ProxyHeader, every_cut_waits_and_what_follows_is_left_alone) {
  const std::string headers[] = {
      header("2000", ""),
      header("2000", "garbage"),
      header("2111", kV4Addresses),
      header("2121", kV6Addresses + tlv(0x02, "mx.example")),
      header("2111", kV4Addresses + tlv(0x03, octets("f7b3d84a"))),
  };
  for (const std::string& whole : headers) {
    const std::string received = whole + "EHLO client.example\r\n";
    const auto want = parse_proxy_header(whole).value();
    EXPECT_EQ(std::get<ProxyHeader>(want).consumed, whole.size());
    for (std::size_t i = 0; i < received.size(); ++i) {
      const auto progress = parse_proxy_header(received.substr(0, i)).value();
      if (i >= whole.size()) {
        EXPECT_EQ(progress, want) << i;
        continue;
      }
      const auto& cut = std::get<ProxyHeaderCut>(progress);
      EXPECT_GT(cut.at_least, 0U) << i;
      EXPECT_LE(i + cut.at_least, whole.size()) << i;
    }
  }
}

}  // namespace
}  // namespace fulmar::net
