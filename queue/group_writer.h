// One thread that writes for everybody. Whatever is waiting when the last write has ended becomes
// the next group: one write, one sync, however many callers. Under light load a group is one
// caller's and who waits never waits for company; the slower the disk, the larger the groups. Knows
// no engine.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "queue/edits.h"

namespace fulmar::queue {

enum class Durability : std::uint8_t {
  relaxed,  ///< Survives the process.
  synced,   ///< Survives the machine, and with it all that was written before.
};

/// Whether somebody waits for a write.
enum class Hurry : std::uint8_t {
  now,
  /// It goes along with the next write that somebody waits for, `company_after` later at the
  /// latest, and when it fails it is tried again until close(). REQUIRES: relaxed.
  none,
};

struct PendingWrite {
  Edits edits;
  Durability durability = Durability::synced;
  /// Called once, on any thread; must not block. Without hurry errors mean that the spool was
  /// closed.
  std::move_only_function<void(Result<>)> done;
  Hurry hurry = Hurry::now;
};

struct GroupLimits {
  std::size_t waiting =
      64UL << 20;  ///< ///< Octets; a write that somebody waits for is refused at once when more
                   ///< are waiting. Others never are: there are no more than deliveries under way.
  std::size_t group = 8UL << 20;  ///< Octets after which a group takes no further write.
  std::chrono::milliseconds probe_interval{
      5'000};  ///< Between attempts to get a failed engine going again.
  /// How long a write that nobody waits for stays in memory, while there is no other.
  std::chrono::milliseconds company_after{5};
  /// How long relaxed writes stand before a sync is made for them alone; one that is asked for
  /// meanwhile covers them too.
  std::chrono::milliseconds sync_after{1'000};
  /// How long nothing is written before the engine gets time to tidy up.
  std::chrono::milliseconds settle_after{5'000};
};

class GroupWriter {
 public:
  /// Applies a group in its order, atomically, synced when any write of it asks for that. Called on
  /// the writer's thread only. After it has failed it is also called from time to time with what
  /// nobody waits for, or with an empty group, until it succeeds; after relaxed writes with a
  /// synced one that edits nothing; and with an empty group once after writes, when nothing has
  /// come for `settle_after`.
  using Apply = std::move_only_function<Result<>(std::span<const PendingWrite>)>;

  GroupWriter(Apply apply, GroupLimits limits);
  ~GroupWriter();

  /// Errors that `done` gets: what apply returned for the group; store_failed when too much is
  /// waiting, never without hurry; cancelled after close().
  void submit(PendingWrite write);

  /// Writes what was submitted, then ends the thread. Safe to call twice.
  void close();

 private:
  enum class News : std::uint8_t { no, yes };
  Result<News> enqueue(PendingWrite& write);
  void run();
  void wait(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] std::optional<SteadyTime> next_deadline() const;
  std::vector<PendingWrite> next_group();
  Result<> apply(std::span<const PendingWrite> group);
  void note(std::span<const PendingWrite> group, const Result<>& result);
  void keep_unhurried(std::vector<PendingWrite>& group);

  Apply apply_;
  const GroupLimits limits_;
  const SystemClock clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<PendingWrite> waiting_;
  std::size_t waiting_octets_ = 0;
  std::size_t hurried_ = 0;                    ///< Of those waiting.
  std::optional<SteadyTime> unhurried_since_;  ///< The first of the others.
  bool closed_ = false;
  // The writer's thread only.
  bool failing_ = false;
  bool unsettled_ = false;                    ///< Written since the engine last had time.
  SteadyTime applied_;                        ///< When the last group ended.
  std::optional<SteadyTime> unsynced_since_;  ///< The first relaxed write behind the last sync.
  std::thread thread_;
};

}  // namespace fulmar::queue
