// Addresses and networks as values, free of any socket library, so that pure code can hold them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fulmar {

enum class AddressFamily : std::uint8_t { v4, v6 };

/// One IPv4 or IPv6 address. IPv4-mapped IPv6 addresses stay IPv6 here; Network and the address
/// guard look through the mapping (pitfall 10).
class IpAddress {
 public:
  IpAddress() = default;  ///< 0.0.0.0

  static Result<IpAddress> parse(std::string_view text);
  static IpAddress from_v4(const std::array<std::uint8_t, 4>& bytes);
  static IpAddress from_v6(const std::array<std::uint8_t, 16>& bytes);

  [[nodiscard]] AddressFamily family() const { return family_; }
  /// Network order; the first 4 count for IPv4.
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  /// Dotted quad, or the form of RFC 5952.
  [[nodiscard]] std::string str() const;
  /// The IPv4 address inside ::ffff:0:0/96, else the address itself.
  [[nodiscard]] IpAddress unmapped() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  AddressFamily family_ = AddressFamily::v4;
  std::array<std::uint8_t, 16> bytes_{};
};

/// "192.0.2.0/24". A bare address is a network of one.
class Network {
 public:
  static Result<Network> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] std::string str() const;
  friend bool operator==(const Network&, const Network&) = default;

 private:
  IpAddress base_;
  unsigned prefix_ = 0;
};

/// "127.0.0.1:25" or "[::1]:25".
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  static Result<Endpoint> parse(std::string_view text);
  [[nodiscard]] std::string str() const;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// Loopback, private, unique-local, link-local, unspecified, multicast, broadcast or "this
/// network": where no public mail host can be (pitfall 52). Documentation ranges are ordinary
/// addresses here. Looks through IPv4-mapped, IPv4-compatible, 6to4 and NAT64 forms.
[[nodiscard]] bool is_non_public(const IpAddress& address);

/// The address guard: public, or in one of the operator's exceptions (pitfalls 10, 52).
[[nodiscard]] bool may_be_dialed(const IpAddress& address, const std::vector<Network>& exceptions);

}  // namespace fulmar
