// One MX host's addresses, and the names under which its TLSA records may stand. RFC 7672 §2.2.2,
// §2.2.3
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/domain.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "conf/config.h"
#include "resolver/answer.h"
#include "resolver/resolver.h"
#include "resolver/tlsa.h"

namespace fulmar::resolver {

/// The most addresses considered for one host (pitfall 50).
inline constexpr std::size_t kMaxAddresses = 20;

struct HostLookup {
  Domain host;
  Domain canonical;                  ///< End of the CNAME chain; the host itself without alias.
  std::vector<IpAddress> addresses;  ///< Families interleaved, IPv6 first; each in resolver order.
  Security security =
      Security::insecure;  ///< secure when DANE may apply to the host: `tlsa_bases` is not empty.
  std::vector<Domain>
      tlsa_bases;  ///< Candidates in order; empty: TLSA must not be asked for (DANE-21).
  std::optional<Error> error;  ///< Why there is no address: a dns_* class when lookups failed,
                               ///< no_addresses when the host exists without any or does not exist.
};

/// A and AAAA in parallel. One secure family is enough for DANE, and then only secure addresses are
/// kept (pitfall 33). An insecure alias costs one further CNAME query (DANE-11). Never fails as a
/// whole: failures are in the result.
boost::asio::awaitable<HostLookup> lookup_host(Resolver& resolver, Domain host);

struct TlsaSettings {
  std::vector<conf::Digest> digests = conf::Dane{}.digests;  ///< Strongest first.
  enum class Source : std::uint8_t {
    cache,  ///< As long as its TTL allows.
    fresh,  ///< Resolver::fresh_tlsa().
  } source = Source::cache;
};

/// Asks `_<port>._tcp.<base>` for each candidate until one gives a secure RRset. Any lookup error
/// on the way means lookup_failed (DANE-08); an insecure or absent answer means the next candidate
/// (DANE-29). A fresh lookup that is not due is lookup_failed with Errc::limit: the caller keeps
/// what it had. So is a fresh answer that is not secure.
boost::asio::awaitable<TlsaLookup> lookup_tlsa(Resolver& resolver, std::vector<Domain> bases,
                                               std::uint16_t port, TlsaSettings settings);

/// The pure half of lookup_host: base candidates from what the address answers and the CNAME query
/// said.
struct AliasFacts {
  Domain host;
  Domain canonical;
  Security chain = Security::insecure;  ///< Of the address answer as a whole.
  Security first_link =
      Security::insecure;  ///< Of the CNAME at the host itself; equals `chain` without alias.
};
[[nodiscard]] std::vector<Domain> tlsa_base_candidates(const AliasFacts& facts);

}  // namespace fulmar::resolver
