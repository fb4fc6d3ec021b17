#include "resolver/tlsa.h"

#include <algorithm>

namespace fulmar::resolver {
namespace {

constexpr std::uint8_t kDaneTa = 2;  // RFC 7218 §2.1
constexpr std::uint8_t kDaneEe = 3;
constexpr std::uint8_t kSpki = 1;  // RFC 7218 §2.2
constexpr std::uint8_t kFull = 0;  // RFC 7218 §2.3
constexpr std::uint8_t kSha2_256 = 1;
constexpr std::uint8_t kSha2_512 = 2;

bool has_right_length(const TlsaRecord& record) {
  switch (record.matching_type) {
    case kFull:
      return !record.data.empty();
    case kSha2_256:
      return record.data.size() == 32;
    case kSha2_512:
      return record.data.size() == 64;
    default:
      return false;
  }
}

/// The digest's place in the order, 0 for the strongest.
std::size_t rank(const TlsaRecord& record, const std::vector<conf::Digest>& digests) {
  const auto digest =
      record.matching_type == kSha2_512 ? conf::Digest::sha512 : conf::Digest::sha256;
  return static_cast<std::size_t>(std::ranges::find(digests, digest) - digests.begin());
}

/// Is there, for the same certificate or key, a digest that is stronger? Full(0) is no digest:
/// neither outranked nor outranking, so it does not matter here whether it parses.
bool is_outranked(const TlsaRecord& record, const std::vector<TlsaRecord>& usable,
                  const std::vector<conf::Digest>& digests) {
  if (record.matching_type == kFull) return false;
  return std::ranges::any_of(usable, [&](const TlsaRecord& other) {
    return other.usage == record.usage && other.selector == record.selector &&
           other.matching_type != kFull && rank(other, digests) < rank(record, digests);
  });
}

}  // namespace

std::string_view to_string(TlsaStatus status) {
  switch (status) {
    case TlsaStatus::not_applicable:
      return "not-applicable";
    case TlsaStatus::usable:
      return "usable";
    case TlsaStatus::unusable:
      return "unusable";
    case TlsaStatus::lookup_failed:
      return "lookup-failed";
  }
  return "?";
}

bool is_usable(const TlsaRecord& record) {
  // PKIX-TA(0) and PKIX-EE(1) are undefined for SMTP. RFC 7672 §3.1.3
  if (record.usage != kDaneTa && record.usage != kDaneEe) return false;
  return record.selector <= kSpki && has_right_length(record);
}

std::vector<TlsaRecord> select_usable(const std::vector<TlsaRecord>& published,
                                      const std::vector<conf::Digest>& digests) {
  // Unusable records go first, so that none of them outranks a usable one. RFC 7671 §9
  std::vector<TlsaRecord> usable;
  std::ranges::copy_if(published, std::back_inserter(usable), is_usable);
  std::vector<TlsaRecord> selected;
  std::ranges::copy_if(usable, std::back_inserter(selected), [&](const TlsaRecord& record) {
    return !is_outranked(record, usable, digests);
  });
  return selected;
}

}  // namespace fulmar::resolver
