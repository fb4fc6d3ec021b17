// The spool form of an StsCacheEntry, in the octets of base/wire.h:
//
//   version u8 = 1 | domain text | policy flag
//   [mode u8 | max_age u64 | patterns u32 | patterns × (wildcard flag | name text)]
//   policy_id text | policy_text text | fetched_at | expires_at | refresh_at time
//   failed_id text | failures u32 | retry_at time | last_error text | forced_at time
#include <utility>

#include "base/wire.h"
#include "tls/mta_sts_cache.h"

namespace fulmar::tls {
namespace {

constexpr std::uint8_t kVersion = 1;

void write_policy(Writer& out, const StsPolicy& policy) {
  out.u8(std::to_underlying(policy.mode));
  out.u64(static_cast<std::uint64_t>(policy.max_age.count()));
  out.u32(static_cast<std::uint32_t>(policy.mx.size()));
  for (const MxPattern& pattern : policy.mx) {
    out.flag(pattern.wildcard);
    out.text(pattern.name.str());
  }
}

Result<Domain> read_domain(Reader& in) {
  FULMAR_TRY(const std::string_view stored, in.text());
  auto domain = Domain::parse(stored);
  if (!domain || domain->str() != stored) return fail(Errc::corrupt, "stored name is no domain");
  return domain;
}

Result<MxPattern> read_pattern(Reader& in) {
  MxPattern pattern;
  FULMAR_TRY(pattern.wildcard, in.flag());
  FULMAR_TRY(pattern.name, read_domain(in));
  return pattern;
}

/// What parse_sts_policy promises must hold for a stored policy too: one without hosts would refuse
/// them all.
bool is_sound(const StsPolicy& policy) {
  return policy.mode == StsMode::none || !policy.mx.empty();
}

Result<StsPolicy> read_policy(Reader& in) {
  FULMAR_TRY(const std::uint8_t mode, in.u8());
  FULMAR_TRY(const std::uint64_t max_age, in.u64());
  FULMAR_TRY(const std::uint32_t patterns, in.u32());
  // Every pattern takes octets of the record, so that its length bounds the loop.
  if (mode > std::to_underlying(StsMode::enforce) ||
      std::cmp_greater(max_age, kMaxPolicyAge.count()) || patterns > in.left()) {
    return fail(Errc::corrupt, "stored policy out of bounds");
  }
  StsPolicy policy{static_cast<StsMode>(mode), std::chrono::seconds(max_age), {}};
  for (std::uint32_t i = 0; i < patterns; ++i) {
    FULMAR_TRY(MxPattern pattern, read_pattern(in));
    policy.mx.push_back(std::move(pattern));
  }
  if (!is_sound(policy)) return fail(Errc::corrupt, "stored policy without hosts");
  return policy;
}

Result<> read_text(Reader& in, std::string& to) {
  FULMAR_TRY(to, in.text());
  return {};
}

Result<> read_state(Reader& in, StsCacheEntry& entry) {
  FULMAR_TRY_VOID(read_text(in, entry.policy_id));
  FULMAR_TRY_VOID(read_text(in, entry.policy_text));
  FULMAR_TRY(entry.fetched_at, in.time());
  FULMAR_TRY(entry.expires_at, in.time());
  FULMAR_TRY(entry.refresh_at, in.time());
  FULMAR_TRY_VOID(read_text(in, entry.failed_id));
  FULMAR_TRY(entry.failures, in.u32());
  FULMAR_TRY(entry.retry_at, in.time());
  FULMAR_TRY_VOID(read_text(in, entry.last_error));
  FULMAR_TRY(entry.forced_at, in.time());
  return {};
}

}  // namespace

std::string encode(const StsCacheEntry& entry) {
  Writer out;
  out.u8(kVersion);
  out.text(entry.domain.str());
  out.flag(entry.policy.has_value());
  if (entry.policy) write_policy(out, *entry.policy);
  out.text(entry.policy_id);
  out.text(entry.policy_text);
  out.time(entry.fetched_at);
  out.time(entry.expires_at);
  out.time(entry.refresh_at);
  out.text(entry.failed_id);
  out.u32(entry.failures);
  out.time(entry.retry_at);
  out.text(entry.last_error);
  out.time(entry.forced_at);
  return std::move(out).take();
}

Result<StsCacheEntry> decode_sts_cache_entry(std::string_view bytes) {
  Reader in(bytes);
  FULMAR_TRY(const std::uint8_t version, in.u8());
  if (version > kVersion) {
    return fail(Errc::newer_version, "MTA-STS cache entry of version " + std::to_string(version));
  }
  if (version != kVersion) return fail(Errc::corrupt, "MTA-STS cache entry of no known version");
  StsCacheEntry entry;
  FULMAR_TRY(entry.domain, read_domain(in));
  FULMAR_TRY(const bool has_policy, in.flag());
  if (has_policy) {
    FULMAR_TRY(entry.policy, read_policy(in));
  }
  FULMAR_TRY_VOID(read_state(in, entry));
  if (in.left() > 0) return fail(Errc::corrupt, "MTA-STS cache entry has octets left over");
  return entry;
}

}  // namespace fulmar::tls
