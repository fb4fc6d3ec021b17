// Rules for single destinations: `[[destination]]`. Which rule applies to a domain, and what it may
// say.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "conf/units.h"

namespace fulmar::conf {

/// One name, every name below it, or all there are.
struct DomainPattern {
  enum class Scope : std::uint8_t {
    exact,  ///< "example.com"
    below,  ///< ".example.com": a.example.com and a.b.example.com, but not example.com.
    any,    ///< "*": names and address literals.
  };
  Scope scope = Scope::exact;
  Domain name;  ///< The root for `any`.

  static DomainPattern exactly(Domain name) { return {Scope::exact, std::move(name)}; }
  /// Errc::syntax when it is none of the three forms.
  static Result<DomainPattern> parse(std::string_view text);
  [[nodiscard]] std::string str() const;
  [[nodiscard]] bool matches(const MailHost& host) const;
  friend bool operator==(const DomainPattern&, const DomainPattern&) = default;
};

/// What an operator demands, or forgoes, in place of what the destination publishes.
enum class TlsRule : std::uint8_t {
  automatic,  ///< No word about it: DANE, else MTA-STS, else opportunistic TLS.
  none,       ///< Never TLS.
  may,      ///< TLS when it can be had. DANE and MTA-STS are looked at and told of, never enforced.
  encrypt,  ///< TLS, whoever answers. Neither DANE nor MTA-STS is asked.
  dane,     ///< DANE where the host publishes it, else opportunistic TLS. MTA-STS is not asked.
  dane_only,  ///< DANE; without usable, secure TLSA records the mail waits.
  sts,        ///< MTA-STS as if every policy were enforced; without a policy the mail waits.
  secure,     ///< A certificate of a public authority for one of `tls_match`.
};
/// "automatic", "none", …: the words of the file; "dane-only" with its hyphen.
[[nodiscard]] std::string_view to_string(TlsRule rule);

/// A next hop that takes the place of the destination's own hosts.
struct Relay {
  MailHost host;
  std::uint16_t port = 25;  ///< 465: TLS before the greeting (RFC 8314 §3.3).
  enum class Lookup : std::uint8_t {
    address,  ///< "[host]": the host itself. Always so for an address.
    mx,       ///< "host": the host's MX records.
  } lookup = Lookup::mx;

  /// "[smtp.example]:587", "smtp.example", "[192.0.2.1]:25", "[2001:db8::1]". Errc::syntax.
  static Result<Relay> parse(std::string_view text);
  [[nodiscard]] std::string str() const;
  friend bool operator==(const Relay&, const Relay&) = default;
};

/// For destinations without an entry, too.
inline constexpr std::uint32_t kConnectionLimit = 20;
inline constexpr std::uint32_t kDeliveriesPerConnection = 100;

struct Destination {
  DomainPattern domain;
  TlsRule tls = TlsRule::automatic;
  /// For TlsRule::secure: the names of which the certificate must have one. Empty: the next-hop
  /// domain, and every name below it.
  std::vector<DomainPattern> tls_match;
  std::optional<Relay> relay;
  std::string auth_file;  ///< "user:password" for that relay; empty: no AUTH.
  std::uint32_t connection_limit = kConnectionLimit;                       ///< At once; 1 .. 1000.
  std::uint32_t max_deliveries_per_connection = kDeliveriesPerConnection;  ///< 1 .. 100000.
  std::optional<Rate> max_message_rate;              ///< Attempts begun; empty: no limit.
  std::optional<std::chrono::year_month_day> until;  ///< The last day (UTC) on which it applies.
  std::string comment;
  std::string where;  ///< "FILE:LINE" of the entry, for everything that tells of its effect.
  friend bool operator==(const Destination&, const Destination&) = default;
};

/// "2027-01-31".
[[nodiscard]] std::string to_string(std::chrono::year_month_day day);

/// The entry matches `host`, and has not ended before `today`. Of several the first one counts.
[[nodiscard]] bool applies(const Destination& entry, const MailHost& host,
                           std::chrono::sys_days today);

}  // namespace fulmar::conf
