// A delivery that was taken from the waiting line, as an object: whoever holds it must say what
// becomes of it. What is dropped unsaid, by an exception for one, goes back into the line, so that
// no slot is ever lost.
#pragma once

#include <utility>

#include "base/clock.h"
#include "mta/delivery/waiting_line.h"

namespace fulmar::delivery {

class Claim {
 public:
  /// REQUIRES: `key` counts as running in `line`, which must outlive the claim. `otherwise`: when
  /// it is due again if the claim is dropped. `room`: what becomes of its room when it is removed.
  Claim(WaitingLine& line, queue::DeliveryKey key, UtcTime otherwise,
        WaitingLine::Room room = WaitingLine::Room::announced)
      : line_(&line), key_(std::move(key)), otherwise_(otherwise), room_(room) {}
  ~Claim() {
    if (line_ != nullptr) put_back({.attempt = otherwise_});
  }
  Claim(Claim&& other) noexcept
      : line_(std::exchange(other.line_, nullptr)),
        key_(std::move(other.key_)),
        otherwise_(other.otherwise_),
        room_(other.room_) {}
  Claim& operator=(Claim&&) = delete;

  [[nodiscard]] const queue::DeliveryKey& key() const { return key_; }

  /// Before the first connection. False: there is no place, and the claim is to give_way().
  [[nodiscard]] bool begin() const { return line_->begin(key_); }

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
  UtcTime otherwise_;
  WaitingLine::Room room_;
};

}  // namespace fulmar::delivery
