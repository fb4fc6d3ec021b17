#include "mta/delivery/unreachable.h"

#include <functional>
#include <string_view>
#include <utility>

namespace fulmar::delivery {
namespace {

/// When there are more, all are forgotten; it only costs connect timeouts.
constexpr std::size_t kMostKept = 10'000;

}  // namespace

std::size_t UnreachableAddresses::Hash::operator()(const Endpoint& endpoint) const noexcept {
  const auto& bytes = endpoint.address.bytes();
  const std::string_view octets(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::hash<std::string_view>{}(octets) ^ endpoint.port;
}

std::optional<UnreachableAddresses::Trouble> UnreachableAddresses::trouble_with(
    const Endpoint& endpoint, SteadyTime began) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(endpoint);
  if (found == entries_.end() || found->second.since >= began) return std::nullopt;
  const auto ago = clock_.steady_now() - found->second.since;
  if (ago >= pause_) return std::nullopt;
  return Trouble{.ago = std::chrono::duration_cast<std::chrono::seconds>(ago),
                 .what = found->second.what};
}

void UnreachableAddresses::note_failure(const Endpoint& endpoint, std::string what) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady_now();
  if (entries_.size() >= kMostKept) drop_old(now);
  entries_.insert_or_assign(endpoint, Entry{.since = now, .what = std::move(what)});
}

void UnreachableAddresses::drop_old(SteadyTime now) {
  std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.since >= pause_; });
  if (entries_.size() >= kMostKept) entries_.clear();
}

void UnreachableAddresses::note_answer(const Endpoint& endpoint) {
  const std::lock_guard lock(mutex_);
  entries_.erase(endpoint);
}

void UnreachableAddresses::forget_all() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

std::size_t UnreachableAddresses::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace fulmar::delivery
