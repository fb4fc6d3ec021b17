#include "queue/group_writer.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace fulmar::queue {

GroupWriter::GroupWriter(Apply apply, GroupLimits limits)
    : apply_(std::move(apply)), limits_(limits), thread_([this] { run(); }) {}

GroupWriter::~GroupWriter() {
  close();
}

void GroupWriter::submit(PendingWrite write) {
  FULMAR_CHECK(write.hurry == Hurry::now || write.durability == Durability::relaxed);
  const Result<News> queued = enqueue(write);
  // Without the lock, which who is woken wants at once.
  if (!queued) {
    write.done(fail(queued.error()));
  } else if (*queued == News::yes) {
    wake_.notify_one();
  }
}

/// Takes the write, unless there is an error. News: the thread must look, if it waits.
Result<GroupWriter::News> GroupWriter::enqueue(PendingWrite& write) {
  const std::size_t octets = cost(write.edits);
  const bool hurried = write.hurry == Hurry::now;
  const std::lock_guard lock(mutex_);
  if (closed_) return fail(Errc::cancelled, "the spool is closed");
  if (hurried && waiting_octets_ + octets > limits_.waiting) {
    return fail(Errc::store_failed, "spool is overloaded");
  }
  waiting_octets_ += octets;
  waiting_.push_back(std::move(write));
  if (hurried) {
    ++hurried_;
    return News::yes;
  }
  if (unhurried_since_) return News::no;
  unhurried_since_ = clock_.steady_now();
  return News::yes;
}

void GroupWriter::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

/// When there will be something to do, though nobody asks for it.
std::optional<SteadyTime> GroupWriter::next_deadline() const {
  if (failing_) return applied_ + limits_.probe_interval;
  std::optional<SteadyTime> earliest;
  const auto consider = [&](SteadyTime time) {
    earliest = std::min(earliest.value_or(time), time);
  };
  if (unhurried_since_) consider(*unhurried_since_ + limits_.company_after);
  if (unsynced_since_) consider(*unsynced_since_ + limits_.sync_after);
  if (!earliest && unsettled_) consider(applied_ + limits_.settle_after);
  return earliest;
}

/// Until there is something to write, or to be done for what was written.
void GroupWriter::wait(std::unique_lock<std::mutex>& lock) {
  while (!closed_ && hurried_ == 0) {
    const auto deadline = next_deadline();
    if (!deadline) {
      wake_.wait(lock);
    } else if (clock_.steady_now() >= *deadline) {
      return;
    } else {
      wake_.wait_until(lock, *deadline);
    }
  }
}

/// All that is waiting, up to the limit; and a sync, when it is time for one, however busy it is.
std::vector<PendingWrite> GroupWriter::next_group() {
  std::vector<PendingWrite> group;
  std::size_t octets = 0;
  while (!waiting_.empty() && octets < limits_.group) {
    const std::size_t its_octets = cost(waiting_.front().edits);
    waiting_octets_ -= its_octets;
    // What nobody waits for is small, and must never keep back who does.
    if (waiting_.front().hurry == Hurry::now) {
      --hurried_;
      octets += its_octets;
    }
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (waiting_.empty()) unhurried_since_.reset();
  const bool owes_sync =
      !failing_ && unsynced_since_ && clock_.steady_now() >= *unsynced_since_ + limits_.sync_after;
  if (owes_sync) {
    group.push_back({.edits = {}, .durability = Durability::synced, .done = [](Result<>) {}});
  }
  return group;
}

Result<> GroupWriter::apply(std::span<const PendingWrite> group) {
  try {
    return apply_(group);
  } catch (const std::exception& error) {
    return fail(Errc::store_failed, std::string("the storage engine threw: ") + error.what());
  }
}

void GroupWriter::note(std::span<const PendingWrite> group, const Result<>& result) {
  applied_ = clock_.steady_now();
  failing_ = !result.has_value();
  unsettled_ = !group.empty();
  if (failing_ || group.empty()) return;
  const bool synced = std::ranges::any_of(
      group, [](const PendingWrite& write) { return write.durability == Durability::synced; });
  if (synced) {
    unsynced_since_.reset();
  } else if (!unsynced_since_) {
    unsynced_since_ = applied_;
  }
}

/// The group failed. What nobody waits for goes back to where it stood, before all that came later.
/// At the end there is no later.
void GroupWriter::keep_unhurried(std::vector<PendingWrite>& group) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  std::vector<PendingWrite> hurried;
  std::vector<PendingWrite> kept;
  for (PendingWrite& write : group) {
    if (write.hurry == Hurry::none) waiting_octets_ += cost(write.edits);
    (write.hurry == Hurry::none ? kept : hurried).push_back(std::move(write));
  }
  group = std::move(hurried);
  if (!kept.empty() && !unhurried_since_) unhurried_since_ = applied_;
  waiting_.insert(waiting_.begin(), std::make_move_iterator(kept.begin()),
                  std::make_move_iterator(kept.end()));
}

void GroupWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wait(lock);
    if (closed_ && waiting_.empty()) return;
    std::vector<PendingWrite> group = next_group();
    lock.unlock();
    const Result<> result = apply(group);
    note(group, result);
    if (!result) keep_unhurried(group);
    for (PendingWrite& write : group)
      write.done(result);
    group.clear();
    lock.lock();
  }
}

}  // namespace fulmar::queue
