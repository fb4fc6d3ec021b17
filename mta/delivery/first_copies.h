// Messages that were accepted a moment ago, as they are in the spool, so that a first attempt reads
// nothing back. A bounded convenience: what is not here is read from the spool.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "queue/message.h"
#include "queue/scheduler.h"
#include "queue/store.h"

namespace fulmar::delivery {

struct FirstCopy {
  queue::Message message;
  queue::Delivery delivery;
  std::shared_ptr<const queue::BodyChunks> body;  ///< All of it; null when it is to be read.
};

/// May be used from any thread.
class FirstCopies {
 public:
  /// `octets` of envelopes are kept at most, by estimate; what bodies take is bounded by whoever
  /// made them. `clock` must outlive this.
  explicit FirstCopies(const Clock& clock, std::size_t octets = 16UL << 20)
      : clock_(clock), limit_(octets) {}

  /// Keeps what was committed, if there is room: who came first is served first, so that is not the
  /// one to be forgotten. What has stood here for long goes: its destination is slow, and others
  /// need its room. `body`: null when it is to be read.
  void keep(queue::Message message, std::vector<queue::Delivery> deliveries,
            std::shared_ptr<const queue::BodyChunks> body);

  /// Hands a copy out, once; empty when there is none. REQUIRES: the delivery is as it was when it
  /// was accepted, as it is before its first attempt.
  [[nodiscard]] std::optional<FirstCopy> take(const queue::DeliveryKey& key);

  [[nodiscard]] std::size_t octets() const;

 private:
  struct Entry {
    queue::Message message;
    std::vector<queue::Delivery> deliveries;
    std::shared_ptr<const queue::BodyChunks> body;
    std::size_t octets = 0;
    SteadyTime since;
    std::list<MessageId>::iterator age;
  };
  using Entries = std::unordered_map<MessageId, Entry>;

  void drop(Entries::iterator entry);

  const Clock& clock_;
  const std::size_t limit_;
  mutable std::mutex mutex_;
  Entries entries_;
  std::list<MessageId> by_age_;  // oldest first
  std::size_t octets_ = 0;
};

}  // namespace fulmar::delivery
