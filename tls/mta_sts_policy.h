// The MTA-STS record and policy file: parsing and MX matching. Pure, fuzzed; never throws, whatever
// the bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "resolver/answer.h"

namespace fulmar::tls {

/// Longest lifetime that counts; larger values are cut to it. RFC 8461 §3.2, STS-23
inline constexpr std::chrono::seconds kMaxPolicyAge{31'557'600};
/// Largest policy file. RFC 8461 §3.3
inline constexpr std::size_t kMaxPolicyBody = 64 * 1024;

/// The live record at `_mta-sts.<domain>`.
struct StsRecord {
  std::string id;  ///< 1..32 alphanumerics; only equality means anything. RFC 8461 §3.1
};

/// Drops what does not begin with "v=STSv1;"; exactly one well-formed record must be left.
/// Errc::not_found when none begins so, Errc::syntax when several do or the one is malformed.
/// Either way there is no live record, and a cached policy stays in force. RFC 8461 §3.1
[[nodiscard]] Result<StsRecord> parse_sts_record(const std::vector<resolver::TxtRecord>& records);

enum class StsMode : std::uint8_t { none, testing, enforce };
[[nodiscard]] std::string_view to_string(StsMode mode);

/// One `mx` value: a name, or "*." and a name. RFC 8461 §4.1
struct MxPattern {
  Domain name;  ///< Without the "*.".
  bool wildcard = false;
  friend bool operator==(const MxPattern&, const MxPattern&) = default;
};
[[nodiscard]] std::string to_string(const MxPattern& pattern);

struct StsPolicy {
  StsMode mode = StsMode::none;
  std::chrono::seconds max_age{0};  ///< 0..kMaxPolicyAge
  std::vector<MxPattern> mx;        ///< Not empty unless mode is none.
  friend bool operator==(const StsPolicy&, const StsPolicy&) = default;
};

/// Errc::syntax with the reason. Unusable `mx` lines (addresses, partial wildcards, U-labels) are
/// dropped; none left is an error unless mode is none (pitfall 14). RFC 8461 §3.2
[[nodiscard]] Result<StsPolicy> parse_sts_policy(std::string_view body);

/// Whether the MX record's name is covered: equal, or a wildcard standing for exactly one left-most
/// label.
[[nodiscard]] bool matches(const StsPolicy& policy, const Domain& mx_host);

}  // namespace fulmar::tls
