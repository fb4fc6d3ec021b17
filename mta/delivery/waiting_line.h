// The schedule shared by threads: queue::Scheduler behind a lock, and which messages an operator is
// to mend.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/message_id.h"
#include "queue/scheduler.h"

namespace fulmar::delivery {

/// All functions may be called from any thread.
class WaitingLine {
 public:
  /// `wake` is called, on the caller's thread, whenever something may have become due earlier than
  /// before. It must not call back into the line. `clock` must outlive the line, which notices by
  /// it that the wall clock was set back before anything else happens.
  WaitingLine(queue::SchedulerLimits limits, Clock& clock, std::function<void()> wake);

  /// A delivery that is in the spool since just now, or since before the start.
  void add(const queue::DeliveryKey& key, queue::Times times,
           queue::Origin origin = queue::Origin::spool);

  struct Arrival {
    queue::DeliveryKey key;
    queue::Times times;
  };
  /// All deliveries of a message that this program has just accepted. Those whose turn it is
  /// already are handed out at once; the caller sees to them. All are in the line before any is
  /// handed out: one that ends at once must know of the others.
  [[nodiscard]] std::vector<queue::Scheduler::Taken> add_accepted(
      std::span<const Arrival> deliveries);

  [[nodiscard]] std::optional<queue::Scheduler::Taken> take();
  [[nodiscard]] std::optional<UtcTime> next_due();

  /// Before a running delivery's first connection; false when there is no place for it, and it is
  /// to give_way(): queue::Scheduler::begin().
  [[nodiscard]] bool begin(const queue::DeliveryKey& key);
  /// It is queued as if it had never been taken.
  void give_way(const queue::DeliveryKey& key);

  /// A running delivery ended and waits again.
  void put_back(const queue::DeliveryKey& key, queue::Times times, queue::Ending ending);

  /// A delivery of the message stands in the spool unread, for an operator to mend: the message
  /// never counts as done.
  void pin(const MessageId& message);
  /// A running delivery turned out to be unreadable: it leaves the schedule, and its message is
  /// pinned.
  void set_aside(const queue::DeliveryKey& key);

  enum class Siblings : std::uint8_t { none, some };
  /// Whether other deliveries of the message are alive, or it is pinned. A message never gets new
  /// ones after it was accepted, so `none` stays true.
  [[nodiscard]] Siblings siblings(const queue::DeliveryKey& key) const;
  /// What becomes of the room that a running delivery leaves.
  enum class FreedRoom : std::uint8_t {
    announced,  ///< By `wake`.
    /// The caller asks take() for the next one at once, and has others look again when there is
    /// none: what waited for this room may be due soon.
    used,
  };
  /// A running delivery is gone from the spool. `none`: it was the message's last.
  Siblings remove_running(const queue::DeliveryKey& key, queue::Ending ending, FreedRoom room);

  /// Takes a queued delivery out so that it can be changed or removed; it then counts as running.
  /// False when it is running already or unknown.
  bool claim(const queue::DeliveryKey& key);

  /// Lets what is queued for the destinations that are meant be attempted at `attempt`, where that
  /// is earlier.
  void hasten(const std::function<bool(const MailHost&)>& meant, UtcTime attempt);

  // Whoever holds a delivery's record compares these (mta/delivery/claim.h).

  /// By how much the wall clock has been set back in all, since the start.
  [[nodiscard]] queue::SetBack set_back_so_far();
  /// The same, when the delivery's record in the spool was written.
  [[nodiscard]] queue::SetBack set_back_when_written(const queue::DeliveryKey& key);
  /// The record was written when the clock had been set back by `so_far`.
  void note_written(const queue::DeliveryKey& key, queue::SetBack so_far);

  /// Every delivery alive, by message, oldest first.
  [[nodiscard]] std::vector<queue::DeliveryKey> keys() const;
  [[nodiscard]] std::vector<queue::DeliveryKey> keys_of(const MessageId& message) const;

  struct Depth {
    std::size_t messages = 0;
    std::size_t deliveries = 0;
    std::size_t running = 0;
  };
  [[nodiscard]] Depth depth() const;
  [[nodiscard]] std::optional<queue::Scheduler::Load> load(const MailHost& destination) const;

 private:
  void heed_clock();
  [[nodiscard]] Siblings siblings_now(const queue::DeliveryKey& key) const;

  Clock& clock_;
  mutable std::mutex mutex_;
  queue::Scheduler scheduler_;
  /// By how much the wall clock was ahead of the steady one: the most since it was last set back.
  std::optional<UtcTime::duration> ahead_;
  std::unordered_set<MessageId> pinned_;
  std::function<void()> wake_;
};

}  // namespace fulmar::delivery
