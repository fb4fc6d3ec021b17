// The schedule shared by threads: queue::Scheduler behind a lock, and which messages an operator is
// to mend.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
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
  /// before. It must not call back into the line. `clock` must outlive the line, which goes by it
  /// for one thing only: that the wall clock was set back is noticed before anything else happens.
  WaitingLine(queue::SchedulerLimits limits, Clock& clock, std::function<void()> wake);

  /// A delivery that is in the spool since just now, or since before the start.
  void add(const queue::DeliveryKey& key, queue::Times times,
           queue::Origin origin = queue::Origin::spool);

  /// The same; handed out at once when it is its turn already, and the caller sees to it.
  [[nodiscard]] std::optional<queue::Scheduler::Taken> add_and_take(const queue::DeliveryKey& key,
                                                                    queue::Times times,
                                                                    queue::Origin origin,
                                                                    UtcTime now);

  [[nodiscard]] std::optional<queue::Scheduler::Taken> take(UtcTime now);
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
  enum class Room : std::uint8_t {
    announced,  ///< By `wake`.
    used,       ///< The caller asks take() for the next one at once.
  };
  /// A running delivery is gone from the spool. `none`: it was the message's last.
  Siblings remove_running(const queue::DeliveryKey& key, queue::Ending ending, Room room);

  /// Takes a queued delivery out so that it can be changed or removed; it then counts as running.
  /// False when it is running already or unknown.
  bool claim(const queue::DeliveryKey& key);

  /// Lets what is queued for the destinations that are meant be attempted at `attempt`, where that
  /// is earlier.
  void hasten(const std::function<bool(const MailHost&)>& meant, UtcTime attempt);

  // Whoever holds a delivery's record compares these (mta/delivery/claim.h).

  /// The wall clock as it is now.
  [[nodiscard]] queue::SetBack clock();
  /// By which one the delivery's record in the spool tells its times.
  [[nodiscard]] queue::SetBack record_clock(const queue::DeliveryKey& key);
  void note_written(const queue::DeliveryKey& key, queue::SetBack clock);

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
  UtcTime::duration ahead_;  ///< The wall clock of the steady one, when it was last set or mended.
  std::unordered_set<MessageId> pinned_;
  std::function<void()> wake_;
};

}  // namespace fulmar::delivery
