// What may run now: due times, one queue per destination, limits, fairness between destinations. No
// I/O, no clock; not thread-safe (it lives on one executor). The whole schedule is in memory; the
// spool rebuilds it at start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/message_id.h"

namespace fulmar::queue {

/// Names one Delivery.
struct DeliveryKey {
  MessageId message;
  MailHost destination;
  friend bool operator==(const DeliveryKey&, const DeliveryKey&) = default;
};

struct SchedulerLimits {
  std::size_t total = 500;  ///< Deliveries running at once.
  std::size_t per_destination =
      20;  ///< Of these, for one destination. Kept well below `total` (pitfall 82).
  /// In place of per_destination, where it is set; at least 1. Asked when the first delivery of a
  /// destination is added.
  std::function<std::size_t(const MailHost&)> limit_for{};
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerLimits limits);
  ~Scheduler();

  /// Adds a delivery that is due at `due`. REQUIRES: it is neither queued nor running.
  void add(DeliveryKey key, UtcTime due);

  /// The next delivery that may start at `now`, which then counts as running; empty when nothing is
  /// due or limits are reached. Destinations with due work take turns; within one the longest due
  /// goes first.
  [[nodiscard]] std::optional<DeliveryKey> take(UtcTime now);

  /// A running delivery has ended; it is gone, or add() it again afterwards.
  void finish(const DeliveryKey& key);

  /// Makes a queued delivery count as running, whatever its due time and the limits; for operators'
  /// changes. False when it is not queued.
  bool claim(const DeliveryKey& key);

  /// Takes a queued delivery out. False when it is not queued.
  bool remove(const DeliveryKey& key);

  /// When take() may next have something, if no delivery ends before; empty when only an ending or
  /// an add() can help.
  [[nodiscard]] std::optional<UtcTime> next_due() const;

  [[nodiscard]] bool is_running(const DeliveryKey& key) const;
  [[nodiscard]] std::size_t queued() const;
  [[nodiscard]] std::size_t running() const;

  struct DestinationLoad {
    MailHost destination;
    std::size_t queued = 0;
    std::size_t running = 0;
  };
  [[nodiscard]] std::vector<DestinationLoad> destinations() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fulmar::queue
