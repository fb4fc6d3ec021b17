// Is this TLSA RRset usable, and which of its records count? Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "conf/config.h"
#include "resolver/answer.h"

namespace fulmar::resolver {

enum class TlsaStatus : std::uint8_t {
  not_applicable,  ///< No secure TLSA RRset: DANE says nothing about this host.
  usable,          ///< TLS and DANE authentication are owed. RFC 7672 §2.2
  unusable,  ///< Secure records, none usable: TLS is owed, without authentication. RFC 7672 §2.2
  lookup_failed,  ///< The host must not be used; nothing else can rescue it. RFC 7672 §2.1.2
};

[[nodiscard]] std::string_view to_string(TlsaStatus status);

/// The most records of one RRset. More prove nothing that these could not, and would cost time in
/// every attempt: such a set counts as a lookup that failed, so that nobody gains by publishing
/// one.
inline constexpr std::size_t kMaxTlsaRecords = 100;

/// What is known about TLSA for one MX host and port.
struct TlsaLookup {
  TlsaStatus status = TlsaStatus::not_applicable;
  Domain base;  ///< TLSA base domain (RFC 7672 §2.2.3): SNI and first reference name.
  std::vector<TlsaRecord> published;  ///< As found, for explain and reports.
  std::vector<TlsaRecord> usable;  ///< What verification gets, after usability and digest agility.
  std::chrono::seconds ttl{0};
  std::optional<Error>
      error;  ///< Set exactly when status is lookup_failed: dane_lookup, cancelled, or limit.
};

/// Usage 2 or 3, selector 0 or 1, matching type 0, 1 or 2, and data of the right length: the others
/// are unusable for SMTP (RFC 7672 §3.1.3, RFC 7671 §9). Whether Full(0) data parses is asked by
/// tls/tlsa_certificates.h, which may drop such a record later: it never outranks another.
[[nodiscard]] bool is_usable(const TlsaRecord& record);

/// The usable records, of which per usage and selector only the strongest digest and Full(0) stay.
/// `digests` names them strongest first; one that is not named counts last. RFC 7671 §9
[[nodiscard]] std::vector<TlsaRecord> select_usable(const std::vector<TlsaRecord>& published,
                                                    const std::vector<conf::Digest>& digests);

}  // namespace fulmar::resolver
