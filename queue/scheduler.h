// What may run now: due times, one lane per next hop, limits, rates, fairness between lanes; and
// which deliveries of a message are alive. No I/O, no clock; not thread-safe. The whole schedule is
// in memory; the spool rebuilds it at start. A queued delivery takes some 130 octets, the name of
// its destination not counted, which all deliveries to it share.
//
// A delivery that is handed out for an attempt looks things up first, and only then wants a
// connection. So it is one of `in_hand`, and of its lane's width, from the start, but one of
// `total` only from begin() on: names whose DNS or policy host never answers hold no place that
// others could use for a connection (pitfall 82). Lest much be handed out in vain, each is expected
// to begin during its first moments, which is how long caches and healthy servers take; take()
// hands out no more than could begin if all that are expected do. Who is slower than that may still
// begin, while there is a place for it.
#pragma once

#include <chrono>
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

/// Later than anything that happens.
inline constexpr UtcTime kNever = UtcTime::max();

/// Which wall clock a time was told by: by how much, in all, it had been set back until then. Zero
/// at the start.
using SetBack = std::chrono::milliseconds;
/// What NTP mends by and by: a clock that is mended by less was not set back.
inline constexpr std::chrono::milliseconds kMended{1000};

/// When a queued delivery wants to be handed out.
struct Times {
  UtcTime attempt{};        ///< From then on, when there is room for an attempt.
  UtcTime latest = kNever;  ///< At that time in any case: somebody is to be told something.
  friend bool operator==(const Times&, const Times&) = default;
};

/// Deliveries that share a next hop share a lane: its limit, its rate, its turn. A relay that takes
/// the mail of many domains is one next hop.
struct LaneRule {
  std::string next_hop;                  ///< Same text, same lane.
  std::size_t limit = 20;                ///< Attempts at once; at least 1.
  std::chrono::nanoseconds interval{0};  ///< Between the starts of two attempts, on the average; 0:
                                         ///< none.
};

struct SchedulerLimits {
  std::size_t total = 500;     ///< Attempts at once that have begun.
  std::size_t in_hand = 2000;  ///< These and those that still look up what they need to begin.
  /// What each lane starts with; answers widen it up to its limit, failures to reach the next hop
  /// halve it. So a host that never answers holds few of the places (pitfall 82).
  std::size_t first_at_once = 5;
  /// Asked when the first delivery of a destination is added. Empty: each destination has a lane of
  /// its own, with the default limit.
  std::function<LaneRule(const MailHost&)> lane_for{};
};

/// Where a delivery came from.
enum class Origin : std::uint8_t {
  spool,   ///< It was there before, or was handed out before.
  intake,  ///< This program has just accepted it.
};

/// How an attempt ended, for the width of its lane.
enum class Ending : std::uint8_t {
  answered,     ///< The next hop spoke to us, whatever it said.
  unreachable,  ///< It did not.
  untried,      ///< Nobody asked it.
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerLimits limits);
  ~Scheduler();

  /// Adds a delivery. REQUIRES: it is neither queued nor handed out.
  void add(const DeliveryKey& key, Times times, Origin origin = Origin::spool);

  struct Taken {
    DeliveryKey key;
    /// For an attempt, which is to call begin(). Otherwise only its `latest` has come: what needs
    /// no attempt may be done.
    bool has_room = false;
    Origin origin = Origin::spool;
    bool more = false;  ///< take() may have another one right away.
  };
  /// The next delivery to be handed out at `now`; empty when nothing is due or limits are reached.
  /// Lanes with due work take turns; within one the longest due goes first. Where there is no room
  /// any more, those whose `latest` has come follow.
  [[nodiscard]] std::optional<Taken> take(UtcTime now);

  /// As add(); and where take() would hand it out as the only one that is queued in its lane, that
  /// is done at once. Empty: it is queued.
  [[nodiscard]] std::optional<Taken> add_and_take(const DeliveryKey& key, Times times,
                                                  Origin origin, UtcTime now);

  /// Before the first connection for a delivery that was handed out: from now on it is one of
  /// `total`, until it ends. False when there is no place: the delivery is to give_way(). Always
  /// true for one that holds its place already, or counts against no limit. REQUIRES: it was handed
  /// out.
  [[nodiscard]] bool begin(const DeliveryKey& key);

  /// A delivery that could not begin is queued as if it had never been handed out. In its next turn
  /// it is expected for longer. REQUIRES: it was handed out by take() with room, and has not begun.
  void give_way(const DeliveryKey& key);

  /// A delivery that was handed out waits again.
  void put_back(const DeliveryKey& key, Times times, Ending ending);

  /// A delivery that was handed out is gone.
  void remove(const DeliveryKey& key, Ending ending);

  /// Hands out a queued delivery, whatever its times and the limits, which it does not count
  /// against; for operators' changes. False when it is not queued.
  bool claim(const DeliveryKey& key);

  /// Lets what is queued for the destinations that are meant be attempted at `attempt`, where that
  /// is earlier. Looks at every delivery once.
  void hasten(const std::function<bool(const MailHost&)>& meant, UtcTime attempt);

  /// The wall clock was set back by so much; from now on the times that come in and go out are told
  /// by the new one. Everything queued keeps its real delay, and lanes keep their rates (pitfall
  /// 90).
  void set_back(std::chrono::milliseconds by);
  /// The clock as it is now.
  [[nodiscard]] SetBack set_back_so_far() const;
  /// By which clock the delivery's record tells its times: that of add(), until it is written anew.
  /// REQUIRES: it is here.
  [[nodiscard]] SetBack set_back_when_written(const DeliveryKey& key) const;
  /// The record was written with times by `clock`. REQUIRES: it is here.
  void note_written(const DeliveryKey& key, SetBack clock);

  /// When take() may next have something, if nothing is put back or added before; empty when only
  /// that can help.
  [[nodiscard]] std::optional<UtcTime> next_due() const;

  struct Load {
    std::size_t queued = 0;
    std::size_t running = 0;  ///< Handed out.
  };
  [[nodiscard]] Load load() const;
  /// Of one destination; empty when it has neither.
  [[nodiscard]] std::optional<Load> load(const MailHost& destination) const;

  /// Every delivery, queued or handed out, the oldest message first.
  [[nodiscard]] std::vector<DeliveryKey> keys() const;
  [[nodiscard]] std::vector<DeliveryKey> keys_of(const MessageId& message) const;
  /// Whether the delivery, queued or handed out, is not its message's only one. REQUIRES: it is
  /// here.
  [[nodiscard]] bool has_siblings(const DeliveryKey& key) const;
  [[nodiscard]] std::size_t messages() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fulmar::queue
