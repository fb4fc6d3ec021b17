// Which client a connection through a load balancer comes from: the PROXY protocol, version 2, of
// which a listener reads one header before anything else, TLS included. Pure: octets in, verdict
// out. The specification is HAProxy's doc/proxy-protocol.txt; § below are its sections.
//
// Whom to believe is not decided here: anybody can send such a header, so the caller reads one only
// from the load balancers that the operator named, and from them it is not optional (§2).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>

#include "base/ip_address.h"
#include "base/result.h"

namespace fulmar::net {

/// A whole header.
struct ProxyHeader {
  static constexpr std::size_t kFixedPart = 16;  ///< Octets, the signature included.
  /// Octets of addresses and TLVs at most: the smallest segment size TCP may have, which §2.2 wants
  /// a header to stay below.
  static constexpr std::size_t kMaxBlock = 536;

  std::size_t consumed = 0;  ///< Octets of the header; what follows is the client's.
  /// The client as the balancer sees it; an IPv4-mapped address is unmapped. Empty for LOCAL: the
  /// balancer speaks for itself (health checks), and the socket's own address counts.
  std::optional<Endpoint> source;

  friend bool operator==(const ProxyHeader&, const ProxyHeader&) = default;
};

/// The header is not all there yet.
struct ProxyHeaderCut {
  std::size_t at_least = 0;  ///< Octets still missing; to read these takes none behind the header.

  friend bool operator==(const ProxyHeaderCut&, const ProxyHeaderCut&) = default;
};

using ProxyHeaderProgress = std::variant<ProxyHeaderCut, ProxyHeader>;

/// `received` is all that came over the connection so far. What is wrong shows as soon as its octet
/// is there, and the answer for a longer `received` is the same however it came.
///
/// Errc::syntax: no header, version 1 (text), an unknown or unsupported command, family or
/// protocol, a block too short for its addresses, a TLV that goes past the end, or a checksum that
/// is wrong (§2.2.3); Errc::limit: a block over kMaxBlock octets. The caller then closes the
/// connection without a word, since it cannot know who is there, nor what they speak.
///
/// A PROXY command without an address (AF_UNSPEC) is refused, as §2.2 allows: the client would get
/// the rights of the balancer's own address.
[[nodiscard]] Result<ProxyHeaderProgress> parse_proxy_header(std::string_view received);

}  // namespace fulmar::net
