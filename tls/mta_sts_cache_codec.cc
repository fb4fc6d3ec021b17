// The spool form of an StsCacheEntry. Integers are big-endian; a text is its length in 4 octets,
// then its octets.
//
//   version u8 = 1 | domain text | policy u8 (0: absent)
//   [mode u8 | max_age u64 | patterns u32 | patterns × (wildcard u8 | name text)]
//   policy_id text | policy_text text | fetched_at u64 | expires_at u64 | refresh_at u64
//   failed_id text | failures u32 | retry_at u64 | last_error text | forced_at u64
//
// Times are milliseconds since 1970.
#include <algorithm>
#include <utility>

#include "tls/mta_sts_cache.h"

namespace fulmar::tls {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kMaxText = 2 * kMaxPolicyBody;
constexpr std::uint64_t kMaxTime =
    253'402'300'800'000;  // the year 10000: no sum of times overflows

class Writer {
 public:
  void number(std::uint64_t value, unsigned octets) {
    for (unsigned i = octets; i > 0; --i)
      out_.push_back(static_cast<char>(value >> (8 * (i - 1))));
  }
  void flag(bool value) { number(value ? 1 : 0, 1); }
  void text(std::string_view value) {
    number(value.size(), 4);
    out_ += value;
  }
  void time(UtcTime value) {
    number(static_cast<std::uint64_t>(value.time_since_epoch().count()), 8);
  }
  std::string take() && { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads past the end or out of bounds give zeros and empty texts, and make finish() false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number(unsigned octets, std::uint64_t most) {
    if (rest_.size() < octets) return bad();
    std::uint64_t value = 0;
    for (unsigned i = 0; i < octets; ++i) {
      value = value << 8 | static_cast<unsigned char>(rest_[i]);
    }
    rest_.remove_prefix(octets);
    return value <= most ? value : bad();
  }
  bool flag() { return number(1, 1) == 1; }
  std::string text() {
    const std::uint64_t size = number(4, kMaxText);
    if (size > rest_.size()) {
      bad();
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  UtcTime time() { return UtcTime(std::chrono::milliseconds(number(8, kMaxTime))); }
  Domain name() {
    const std::string stored = text();
    auto parsed = Domain::parse(stored);
    if (!parsed || parsed->str() != stored) {
      bad();
      return {};
    }
    return *std::move(parsed);
  }

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool finish() const { return good_ && rest_.empty(); }

 private:
  std::uint64_t bad() {
    good_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

void write_policy(Writer& out, const StsPolicy& policy) {
  out.number(std::to_underlying(policy.mode), 1);
  out.number(static_cast<std::uint64_t>(policy.max_age.count()), 8);
  out.number(policy.mx.size(), 4);
  for (const MxPattern& pattern : policy.mx) {
    out.flag(pattern.wildcard);
    out.text(pattern.name.str());
  }
}

StsPolicy read_policy(Reader& in) {
  StsPolicy policy;
  policy.mode = static_cast<StsMode>(in.number(1, std::to_underlying(StsMode::enforce)));
  policy.max_age = std::chrono::seconds(in.number(8, kMaxPolicyAge.count()));
  const std::uint64_t patterns = in.number(4, kMaxPolicyBody);
  for (std::uint64_t i = 0; i < patterns && in.good(); ++i) {
    MxPattern pattern;
    pattern.wildcard = in.flag();
    pattern.name = in.name();
    policy.mx.push_back(std::move(pattern));
  }
  return policy;
}

/// What parse_sts_policy promises must hold for a stored policy too: without it every host would be
/// refused.
bool is_sound(const StsPolicy& policy) {
  return policy.mode == StsMode::none || !policy.mx.empty();
}

}  // namespace

std::string encode(const StsCacheEntry& entry) {
  Writer out;
  out.number(kVersion, 1);
  out.text(entry.domain.str());
  out.flag(entry.policy.has_value());
  if (entry.policy) write_policy(out, *entry.policy);
  out.text(entry.policy_id);
  out.text(entry.policy_text);
  out.time(entry.fetched_at);
  out.time(entry.expires_at);
  out.time(entry.refresh_at);
  out.text(entry.failed_id);
  out.number(entry.failures, 4);
  out.time(entry.retry_at);
  out.text(entry.last_error);
  out.time(entry.forced_at);
  return std::move(out).take();
}

Result<StsCacheEntry> decode_sts_cache_entry(std::string_view bytes) {
  if (bytes.empty()) return fail(Errc::corrupt, "empty MTA-STS cache entry");
  const auto version = static_cast<std::uint8_t>(bytes.front());
  if (version > kVersion) {
    return fail(Errc::newer_version, "MTA-STS cache entry of version " + std::to_string(version));
  }
  Reader in(bytes);
  in.number(1, kVersion);
  StsCacheEntry entry;
  entry.domain = in.name();
  if (in.flag()) entry.policy = read_policy(in);
  entry.policy_id = in.text();
  entry.policy_text = in.text();
  entry.fetched_at = in.time();
  entry.expires_at = in.time();
  entry.refresh_at = in.time();
  entry.failed_id = in.text();
  entry.failures = static_cast<std::uint32_t>(in.number(4, UINT32_MAX));
  entry.retry_at = in.time();
  entry.last_error = in.text();
  entry.forced_at = in.time();
  if (version != kVersion || !in.finish() || (entry.policy && !is_sound(*entry.policy))) {
    return fail(Errc::corrupt, "MTA-STS cache entry does not decode");
  }
  return entry;
}

}  // namespace fulmar::tls
