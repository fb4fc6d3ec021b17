#include "tls/mta_sts_memory.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace fulmar::tls {
namespace {

// The entry itself, its place in the map, ids, and the longest error text.
constexpr std::size_t kFixedOctets = 1024;
// What the allocator adds to a name.
constexpr std::size_t kPerAllocation = 16;
// Past its end an entry is of use to nobody but explain.
constexpr std::chrono::hours kForgetAfter{24};

/// What would be lost with an entry, least first.
enum class Worth : std::uint8_t { expired, failure_only, not_enforced, enforced };

Worth worth_of(const StsCacheEntry& entry, UtcTime now) {
  if (!entry.policy) return Worth::failure_only;
  if (!is_in_force(entry, now)) return Worth::expired;
  return entry.policy->mode == StsMode::enforce ? Worth::enforced : Worth::not_enforced;
}

bool is_useless(const StsCacheEntry& entry, UtcTime now) {
  return now >= entry.expires_at + kForgetAfter && now >= entry.retry_at + kForgetAfter;
}

struct Candidate {
  Worth worth;
  UtcTime until;  ///< Of two of the same worth, the one that matters for a shorter time goes.
  const StsCacheEntry* entry;
};

bool goes_before(const Candidate& one, const Candidate& other) {
  return std::tie(one.worth, one.until) < std::tie(other.worth, other.until);
}

}  // namespace

std::size_t octets_of(const StsCacheEntry& entry) {
  std::size_t octets = kFixedOctets + 2 * entry.domain.str().size() + entry.policy_text.size();
  if (!entry.policy) return octets;
  for (const MxPattern& pattern : entry.policy->mx) {
    octets += sizeof(MxPattern) + kPerAllocation + pattern.name.str().size();
  }
  return octets;
}

std::optional<StsCacheEntry> StsMemory::find(const Domain& domain) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(domain);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

std::vector<StsCacheEntry> StsMemory::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<StsCacheEntry> all;
  all.reserve(entries_.size());
  for (const auto& [domain, entry] : entries_)
    all.push_back(entry);
  return all;
}

std::size_t StsMemory::known_octets(const Domain& domain) const {
  const auto found = entries_.find(domain);
  return found == entries_.end() ? 0 : octets_of(found->second);
}

void StsMemory::put(StsCacheEntry entry) {
  const std::lock_guard lock(mutex_);
  used_ += octets_of(entry);
  used_ -= known_octets(entry.domain);
  Domain domain = entry.domain;
  entries_.insert_or_assign(std::move(domain), std::move(entry));
}

std::optional<StsCacheEntry> StsMemory::take(const Domain& domain) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(domain);
  if (found == entries_.end()) return std::nullopt;
  used_ -= octets_of(found->second);
  std::optional<StsCacheEntry> taken = std::move(found->second);
  entries_.erase(found);
  return taken;
}

std::optional<StsMemory::Room> StsMemory::find_room(const StsCacheEntry& entry, UtcTime now,
                                                    const IsBusy& is_busy) const {
  const std::lock_guard lock(mutex_);
  const std::size_t wanted = octets_of(entry);
  const std::size_t known = known_octets(entry.domain);
  // What does not grow always fits, also when the spool held more than the budget at start.
  if (wanted <= known) return Room{};
  Room room{.evict = {}, .growth = wanted - known};
  const std::size_t needed = used_ + pledged_ + room.growth;
  if (needed <= budget_) return room;

  const Worth limit = std::min(worth_of(entry, now), Worth::not_enforced);
  std::vector<Candidate> candidates;
  for (const auto& [domain, other] : entries_) {
    const Worth worth = worth_of(other, now);
    if (worth > limit || domain == entry.domain || is_busy(domain)) continue;
    candidates.push_back({worth, other.policy ? other.expires_at : other.retry_at, &other});
  }
  std::ranges::sort(candidates, goes_before);
  std::size_t freed = 0;
  for (const Candidate& candidate : candidates) {
    freed += octets_of(*candidate.entry);
    room.evict.push_back(candidate.entry->domain);
    if (freed >= needed - budget_) return room;
  }
  return std::nullopt;
}

void StsMemory::pledge(std::size_t octets) {
  const std::lock_guard lock(mutex_);
  pledged_ += octets;
}

void StsMemory::release(std::size_t octets) {
  const std::lock_guard lock(mutex_);
  pledged_ -= octets;
}

std::deque<Domain> StsMemory::due(UtcTime now) const {
  std::vector<std::pair<UtcTime, Domain>> found;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [domain, entry] : entries_) {
      const bool is_due = fetch_need(entry, LiveId{}, now) == FetchNeed::refresh;
      if (is_due) found.emplace_back(entry.expires_at, domain);
    }
  }
  std::ranges::sort(found);
  std::deque<Domain> domains;
  for (auto& [expires_at, domain] : found)
    domains.push_back(std::move(domain));
  return domains;
}

std::vector<Domain> StsMemory::useless(UtcTime now, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  std::vector<Domain> domains;
  for (const auto& [domain, entry] : entries_) {
    if (domains.size() == most) break;
    if (is_useless(entry, now)) domains.push_back(domain);
  }
  return domains;
}

std::vector<StsCacheEntry> StsMemory::expired(UtcTime since, UtcTime now) const {
  const std::lock_guard lock(mutex_);
  std::vector<StsCacheEntry> ended;
  for (const auto& [domain, entry] : entries_) {
    const bool lived = entry.fetched_at < entry.expires_at;
    if (lived && entry.expires_at > since && entry.expires_at <= now) ended.push_back(entry);
  }
  return ended;
}

std::optional<UtcTime> StsMemory::next_due(UtcTime now) const {
  const std::lock_guard lock(mutex_);
  std::optional<UtcTime> next;
  for (const auto& [domain, entry] : entries_) {
    if (!is_in_force(entry, now)) continue;
    for (const UtcTime due : {entry.refresh_at, entry.retry_at}) {
      if (due > now && (!next || due < *next)) next = due;
    }
  }
  return next;
}

}  // namespace fulmar::tls
