// What a DNS lookup gives: an answer with its security, or an Error.
//
// That a name or a type does not exist is an answer. Only bogus, SERVFAIL-like, timed-out and
// malformed lookups are errors (dns_bogus, dns_servfail, dns_timeout, dns_malformed), and they are
// kept apart. RFC 7672 §2.1.1
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/domain.h"

namespace fulmar::resolver {

/// All insecure answers are alike, whether no trust anchor or an unsigned delegation made them so.
/// RFC 7672 §2.1.1
enum class Security : std::uint8_t { insecure, secure };

enum class Existence : std::uint8_t { records, no_data, no_domain };

template <class Record>
struct Answer {
  Existence existence = Existence::no_data;
  Security security = Security::insecure;  ///< Of the whole CNAME chain.
  std::vector<Record> records;             ///< Empty unless `existence` is records.
  Domain canonical;  ///< The name at the end of the CNAME chain; the queried one without alias.
  std::chrono::seconds ttl{0};  ///< How long the answer may be used, from now.

  [[nodiscard]] bool secure() const { return security == Security::secure; }
};

struct MxRecord {
  std::uint16_t preference = 0;
  Domain exchange;  ///< The root for a null MX (RFC 7505 §3).
  friend bool operator==(const MxRecord&, const MxRecord&) = default;
};

/// One TXT record, its strings joined without separator (RFC 8461 §3.1).
struct TxtRecord {
  std::string text;
  friend bool operator==(const TxtRecord&, const TxtRecord&) = default;
};

/// One TLSA record as published, not yet judged. RFC 6698 §2.1
struct TlsaRecord {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching_type = 0;
  std::string data;  ///< Octets, not hex.
  friend bool operator==(const TlsaRecord&, const TlsaRecord&) = default;
};

/// "3 1 1 0a1b…".
[[nodiscard]] std::string to_string(const TlsaRecord& record);

}  // namespace fulmar::resolver
