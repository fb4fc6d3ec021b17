#include "queue/group_writer.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace fulmar::queue {

GroupWriter::GroupWriter(Apply apply, GroupLimits limits)
    : apply_(std::move(apply)), limits_(limits), thread_([this] { run(); }) {}

GroupWriter::~GroupWriter() {
  close();
}

void GroupWriter::submit(PendingWrite write) {
  const std::size_t octets = cost(write.edits);
  Result<> refused;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      refused = fail(Errc::cancelled, "the spool is closed");
    } else if (waiting_octets_ + octets > limits_.waiting) {
      refused = fail(Errc::store_failed, "spool is overloaded");
    } else {
      waiting_octets_ += octets;
      waiting_.push_back(std::move(write));
      wake_.notify_one();
      return;
    }
  }
  write.done(std::move(refused));
}

void GroupWriter::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::vector<PendingWrite> GroupWriter::next_group() {
  std::vector<PendingWrite> group;
  std::size_t octets = 0;
  while (!waiting_.empty() && octets < limits_.group) {
    octets += cost(waiting_.front().edits);
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_octets_ -= octets;
  return group;
}

Result<> GroupWriter::apply(std::span<const PendingWrite> group) {
  try {
    return apply_(group);
  } catch (const std::exception& error) {
    return fail(Errc::store_failed, std::string("the storage engine threw: ") + error.what());
  }
}

/// Until there is something to write, or to be done for what was written.
void GroupWriter::wait(std::unique_lock<std::mutex>& lock) {
  const auto something_to_do = [this] { return closed_ || !waiting_.empty(); };
  if (failing_) {
    wake_.wait_for(lock, limits_.probe_interval, something_to_do);
  } else if (unsynced_since_) {
    // However busy it is: the sync joins the group that is next.
    const SteadyTime until = *unsynced_since_ + limits_.sync_after;
    wake_.wait_until(lock, until, something_to_do);
    if (clock_.steady_now() < until) return;
    waiting_.push_back({.edits = {}, .durability = Durability::synced, .done = [](Result<>) {}});
  } else if (unsettled_) {
    wake_.wait_for(lock, limits_.settle_after, something_to_do);
  } else {
    wake_.wait(lock, something_to_do);
  }
}

void GroupWriter::note_sync(bool synced) {
  if (failing_) return;
  if (synced) {
    unsynced_since_.reset();
  } else if (!unsynced_since_) {
    unsynced_since_ = clock_.steady_now();
  }
}

void GroupWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wait(lock);
    if (closed_ && waiting_.empty()) return;
    std::vector<PendingWrite> group = next_group();
    lock.unlock();
    const Result<> result = apply(group);
    failing_ = !result.has_value();
    unsettled_ = !group.empty();
    const bool synced = std::ranges::any_of(
        group, [](const PendingWrite& write) { return write.durability == Durability::synced; });
    note_sync(synced);
    for (PendingWrite& write : group)
      write.done(result);
    group.clear();
    lock.lock();
  }
}

}  // namespace fulmar::queue
