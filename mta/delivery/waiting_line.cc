#include "mta/delivery/waiting_line.h"

namespace fulmar::delivery {

using queue::DeliveryKey;
using queue::Ending;

WaitingLine::WaitingLine(queue::SchedulerLimits limits, std::function<void()> wake)
    : scheduler_(std::move(limits)), wake_(std::move(wake)) {}

void WaitingLine::add(const DeliveryKey& key, queue::Times times, queue::Origin origin) {
  {
    const std::lock_guard lock(mutex_);
    scheduler_.add(key, times, origin);
  }
  wake_();
}

std::optional<queue::Scheduler::Taken> WaitingLine::add_and_take(const DeliveryKey& key,
                                                                 queue::Times times,
                                                                 queue::Origin origin,
                                                                 UtcTime now) {
  {
    const std::lock_guard lock(mutex_);
    auto taken = scheduler_.add_and_take(key, times, origin, now);
    if (taken) return taken;
  }
  wake_();
  return std::nullopt;
}

std::optional<queue::Scheduler::Taken> WaitingLine::take(UtcTime now) {
  const std::lock_guard lock(mutex_);
  return scheduler_.take(now);
}

std::optional<UtcTime> WaitingLine::next_due() const {
  const std::lock_guard lock(mutex_);
  return scheduler_.next_due();
}

bool WaitingLine::begin(const DeliveryKey& key) {
  const std::lock_guard lock(mutex_);
  return scheduler_.begin(key);
}

void WaitingLine::give_way(const DeliveryKey& key) {
  {
    const std::lock_guard lock(mutex_);
    scheduler_.give_way(key);
  }
  wake_();
}

void WaitingLine::put_back(const DeliveryKey& key, queue::Times times, Ending ending) {
  {
    const std::lock_guard lock(mutex_);
    scheduler_.put_back(key, times, ending);
  }
  wake_();
}

void WaitingLine::pin(const MessageId& message) {
  const std::lock_guard lock(mutex_);
  pinned_.insert(message);
}

void WaitingLine::set_aside(const DeliveryKey& key) {
  pin(key.message);
  remove_running(key, Ending::untried, Room::announced);
}

WaitingLine::Siblings WaitingLine::siblings(const DeliveryKey& key) const {
  const std::lock_guard lock(mutex_);
  return siblings_now(key);
}

WaitingLine::Siblings WaitingLine::siblings_now(const DeliveryKey& key) const {
  const bool some = scheduler_.has_siblings(key) || pinned_.contains(key.message);
  return some ? Siblings::some : Siblings::none;
}

WaitingLine::Siblings WaitingLine::remove_running(const DeliveryKey& key, Ending ending,
                                                  Room room) {
  Siblings left{};
  {
    const std::lock_guard lock(mutex_);
    left = siblings_now(key);
    scheduler_.remove(key, ending);
  }
  if (room == Room::announced) wake_();
  return left;
}

bool WaitingLine::claim(const DeliveryKey& key) {
  const std::lock_guard lock(mutex_);
  return scheduler_.claim(key);
}

void WaitingLine::hasten(const std::function<bool(const MailHost&)>& meant, UtcTime attempt) {
  {
    const std::lock_guard lock(mutex_);
    scheduler_.hasten(meant, attempt);
  }
  wake_();
}

void WaitingLine::heed_clock(UtcTime now) {
  const std::lock_guard lock(mutex_);
  scheduler_.heed_clock(now);
}

std::vector<DeliveryKey> WaitingLine::keys() const {
  const std::lock_guard lock(mutex_);
  return scheduler_.keys();
}

std::vector<DeliveryKey> WaitingLine::keys_of(const MessageId& message) const {
  const std::lock_guard lock(mutex_);
  return scheduler_.keys_of(message);
}

WaitingLine::Depth WaitingLine::depth() const {
  const std::lock_guard lock(mutex_);
  const auto load = scheduler_.load();
  return {.messages = scheduler_.messages(),
          .deliveries = load.queued + load.running,
          .running = load.running};
}

std::optional<queue::Scheduler::Load> WaitingLine::load(const MailHost& destination) const {
  const std::lock_guard lock(mutex_);
  return scheduler_.load(destination);
}

}  // namespace fulmar::delivery
