#include "mta/delivery/waiting_line.h"

#include <algorithm>
#include <chrono>

namespace fulmar::delivery {

using queue::DeliveryKey;
using queue::Ending;

namespace {

/// How long looking at both clocks may take to count: a program that is stopped in between would
/// see the one ahead of the other.
constexpr std::chrono::milliseconds kOneLook{100};

std::optional<UtcTime::duration> ahead_of_steady(const Clock& clock) {
  const SteadyTime before = clock.steady_now();
  const auto wall = clock.utc_now().time_since_epoch();
  if (clock.steady_now() - before > kOneLook) return std::nullopt;
  return wall - std::chrono::floor<UtcTime::duration>(before.time_since_epoch());
}

}  // namespace

WaitingLine::WaitingLine(queue::SchedulerLimits limits, Clock& clock, std::function<void()> wake)
    : clock_(clock), scheduler_(std::move(limits)), wake_(std::move(wake)) {}

/// Under the lock, before any time is taken in or given out.
void WaitingLine::heed_clock() {
  const auto ahead = ahead_of_steady(clock_);
  if (!ahead) return;
  if (ahead_ && *ahead < *ahead_ - queue::kMended) {
    scheduler_.set_back(*ahead_ - *ahead);
    ahead_ = ahead;
  }
  // Mail does not wait for what the machine slept through.
  ahead_ = std::max(ahead_, ahead);
}

void WaitingLine::add(const DeliveryKey& key, queue::Times times, queue::Origin origin) {
  {
    const std::lock_guard lock(mutex_);
    heed_clock();
    scheduler_.add(key, times, origin);
  }
  wake_();
}

std::vector<queue::Scheduler::Taken> WaitingLine::add_accepted(
    std::span<const Arrival> deliveries) {
  std::vector<queue::Scheduler::Taken> taken;
  {
    const std::lock_guard lock(mutex_);
    heed_clock();
    const UtcTime now = clock_.utc_now();
    for (const auto& [key, times] : deliveries) {
      auto one = scheduler_.add_and_take(key, times, queue::Origin::intake, now);
      if (one) taken.push_back(*std::move(one));
    }
  }
  if (taken.size() < deliveries.size()) wake_();
  return taken;
}

std::optional<queue::Scheduler::Taken> WaitingLine::take() {
  const std::lock_guard lock(mutex_);
  heed_clock();
  return scheduler_.take(clock_.utc_now());
}

std::optional<UtcTime> WaitingLine::next_due() {
  const std::lock_guard lock(mutex_);
  heed_clock();
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
    heed_clock();
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
  remove_running(key, Ending::untried, FreedRoom::announced);
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
                                                  FreedRoom room) {
  Siblings left{};
  {
    const std::lock_guard lock(mutex_);
    left = siblings_now(key);
    scheduler_.remove(key, ending);
  }
  if (room == FreedRoom::announced) wake_();
  return left;
}

bool WaitingLine::claim(const DeliveryKey& key) {
  const std::lock_guard lock(mutex_);
  return scheduler_.claim(key);
}

void WaitingLine::hasten(const std::function<bool(const MailHost&)>& meant, UtcTime attempt) {
  {
    const std::lock_guard lock(mutex_);
    heed_clock();
    scheduler_.hasten(meant, attempt);
  }
  wake_();
}

queue::SetBack WaitingLine::set_back_so_far() {
  const std::lock_guard lock(mutex_);
  heed_clock();
  return scheduler_.set_back_so_far();
}

queue::SetBack WaitingLine::set_back_when_written(const DeliveryKey& key) {
  const std::lock_guard lock(mutex_);
  return scheduler_.set_back_when_written(key);
}

void WaitingLine::note_written(const DeliveryKey& key, queue::SetBack clock) {
  const std::lock_guard lock(mutex_);
  scheduler_.note_written(key, clock);
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
