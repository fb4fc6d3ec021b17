// A delivery that was taken from the waiting line, as an object: whoever holds it must say what
// becomes of it. What is dropped unsaid, by an exception for one, goes back into the line, so that
// no slot is ever lost.
#pragma once

#include <utility>

#include "base/clock.h"
#include "mta/delivery/waiting_line.h"
#include "queue/backoff.h"

namespace fulmar::delivery {

class Claim {
 public:
  /// REQUIRES: `key` counts as running in `line`, which must outlive the claim. `otherwise`: when
  /// it is due again if the claim is dropped. `room`: what becomes of its room when it is removed.
  Claim(WaitingLine& line, queue::DeliveryKey key, UtcTime otherwise,
        WaitingLine::FreedRoom room = WaitingLine::FreedRoom::announced)
      : line_(&line),
        key_(std::move(key)),
        clock_(line.set_back_when_written(key_)),
        otherwise_(otherwise),
        room_(room) {}
  ~Claim() {
    if (line_ != nullptr) put_back({.attempt = otherwise_});
  }
  Claim(Claim&& other) noexcept
      : line_(std::exchange(other.line_, nullptr)),
        key_(std::move(other.key_)),
        clock_(other.clock_),
        otherwise_(other.otherwise_),
        room_(other.room_) {}
  Claim& operator=(Claim&&) = delete;

  [[nodiscard]] const queue::DeliveryKey& key() const { return key_; }

  /// Before the first connection. False: there is no place, and the claim is to give_way().
  [[nodiscard]] bool begin() const { return line_->begin(key_); }

  /// Brings what was read of the delivery to the clock as it is now: where that was set back since
  /// the record was written, or since the last call, its times move with it (pitfall 90).
  void bring_to_clock(queue::Delivery& record) {
    const queue::SetBack now = line_->set_back_so_far();
    if (now != clock_) queue::move_back(record, now - std::exchange(clock_, now));
  }
  /// The spool has the record as bring_to_clock() left it.
  void note_written() { line_->note_written(key_, clock_); }

  // Each ends the claim.
  void give_way() { std::exchange(line_, nullptr)->give_way(key_); }
  void put_back(queue::Times times, queue::Ending ending = queue::Ending::untried) {
    std::exchange(line_, nullptr)->put_back(key_, times, ending);
  }
  WaitingLine::Siblings remove(queue::Ending ending = queue::Ending::untried) {
    return std::exchange(line_, nullptr)->remove_running(key_, ending, room_);
  }
  void set_aside() { std::exchange(line_, nullptr)->set_aside(key_); }

 private:
  WaitingLine* line_;  // null once it is said what becomes of the delivery
  queue::DeliveryKey key_;
  queue::SetBack clock_;  // by which the record tells its times that the holder has in hand
  UtcTime otherwise_;
  WaitingLine::FreedRoom room_;
};

}  // namespace fulmar::delivery
