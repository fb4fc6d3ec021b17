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

#include "queue/message.h"
#include "queue/scheduler.h"

namespace fulmar::delivery {

struct FirstCopy {
  queue::Message message;
  queue::Delivery delivery;
  std::shared_ptr<const std::string> body;  ///< All of it; null when it is to be read.
};

/// May be used from any thread.
class FirstCopies {
 public:
  /// `octets` of bodies and envelopes are kept at most, by estimate.
  explicit FirstCopies(std::size_t octets = 32UL << 20) : limit_(octets) {}

  /// Keeps what was committed, in place of the oldest ones where there is no room. `body`: empty
  /// when it is too long to be kept.
  void keep(queue::Message message, std::vector<queue::Delivery> deliveries, std::string body);

  /// Hands a copy out, once; empty when there is none. REQUIRES: the delivery is as it was when it
  /// was accepted, as it is before its first attempt.
  [[nodiscard]] std::optional<FirstCopy> take(const queue::DeliveryKey& key);

  [[nodiscard]] std::size_t octets() const;

 private:
  struct Entry {
    queue::Message message;
    std::vector<queue::Delivery> deliveries;
    std::shared_ptr<const std::string> body;
    std::size_t octets = 0;
    std::list<MessageId>::iterator age;
  };
  using Entries = std::unordered_map<MessageId, Entry>;

  void drop(Entries::iterator entry);

  const std::size_t limit_;
  mutable std::mutex mutex_;
  Entries entries_;
  std::list<MessageId> by_age_;  // oldest first
  std::size_t octets_ = 0;
};

}  // namespace fulmar::delivery
