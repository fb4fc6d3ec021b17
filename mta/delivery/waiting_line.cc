#include "mta/delivery/waiting_line.h"

#include <algorithm>

#include "base/check.h"

namespace fulmar::delivery {

using queue::DeliveryKey;

WaitingLine::WaitingLine(queue::SchedulerLimits limits, std::function<void()> wake)
    : scheduler_(std::move(limits)), wake_(std::move(wake)) {}

void WaitingLine::add(const DeliveryKey& key, UtcTime due) {
  {
    const std::lock_guard lock(mutex_);
    alive_[key.message].push_back(key.destination);
    scheduler_.add(key, due);
  }
  wake_();
}

std::optional<DeliveryKey> WaitingLine::take(UtcTime now) {
  const std::lock_guard lock(mutex_);
  return scheduler_.take(now);
}

std::optional<UtcTime> WaitingLine::next_due() const {
  const std::lock_guard lock(mutex_);
  return scheduler_.next_due();
}

void WaitingLine::put_back(const DeliveryKey& key, UtcTime due) {
  {
    const std::lock_guard lock(mutex_);
    scheduler_.finish(key);
    scheduler_.add(key, due);
  }
  wake_();
}

void WaitingLine::pin(const MessageId& message) {
  const std::lock_guard lock(mutex_);
  pinned_.insert(message);
}

void WaitingLine::set_aside(const DeliveryKey& key) {
  pin(key.message);
  remove_running(key);
}

WaitingLine::Siblings WaitingLine::siblings(const DeliveryKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = alive_.find(key.message);
  FULMAR_CHECK(found != alive_.end());
  const bool some = found->second.size() > 1 || pinned_.contains(key.message);
  return some ? Siblings::some : Siblings::none;
}

WaitingLine::Siblings WaitingLine::forget(const DeliveryKey& key) {
  const auto found = alive_.find(key.message);
  FULMAR_CHECK(found != alive_.end());
  std::erase(found->second, key.destination);
  if (!found->second.empty()) return Siblings::some;
  alive_.erase(found);
  return pinned_.contains(key.message) ? Siblings::some : Siblings::none;
}

WaitingLine::Siblings WaitingLine::remove_running(const DeliveryKey& key) {
  Siblings left{};
  {
    const std::lock_guard lock(mutex_);
    scheduler_.finish(key);
    left = forget(key);
  }
  wake_();  // a slot is free
  return left;
}

bool WaitingLine::claim(const DeliveryKey& key) {
  const std::lock_guard lock(mutex_);
  return scheduler_.claim(key);
}

std::vector<DeliveryKey> WaitingLine::keys() const {
  std::vector<DeliveryKey> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [message, destinations] : alive_) {
      for (const MailHost& destination : destinations)
        all.push_back({message, destination});
    }
  }
  std::ranges::sort(all, {}, &DeliveryKey::message);  // ids sort by time of arrival
  return all;
}

std::vector<DeliveryKey> WaitingLine::keys_of(const MessageId& message) const {
  const std::lock_guard lock(mutex_);
  std::vector<DeliveryKey> found;
  const auto entry = alive_.find(message);
  if (entry == alive_.end()) return found;
  for (const MailHost& destination : entry->second)
    found.push_back({message, destination});
  return found;
}

WaitingLine::Depth WaitingLine::depth() const {
  const std::lock_guard lock(mutex_);
  return {.messages = alive_.size(),
          .deliveries = scheduler_.queued() + scheduler_.running(),
          .running = scheduler_.running()};
}

std::optional<queue::Scheduler::DestinationLoad> WaitingLine::load(
    const MailHost& destination) const {
  const std::lock_guard lock(mutex_);
  for (auto& candidate : scheduler_.destinations()) {
    if (candidate.destination == destination) return candidate;
  }
  return std::nullopt;
}

}  // namespace fulmar::delivery
