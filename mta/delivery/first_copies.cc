#include "mta/delivery/first_copies.h"

#include <algorithm>
#include <utility>

namespace fulmar::delivery {
namespace {

/// Of an entry and its nodes beside the texts.
constexpr std::size_t kOverhead = 512;
constexpr std::size_t kPerRecipient = 256;

/// A first attempt that has not begun by then waits for its destination.
constexpr std::chrono::seconds kLongest{30};

std::size_t cost(const queue::Message& message, const std::vector<queue::Delivery>& deliveries) {
  std::size_t octets = kOverhead + message.header.size();
  for (const queue::Delivery& delivery : deliveries) {
    for (const queue::Recipient& recipient : delivery.recipients)
      octets += kPerRecipient + recipient.original_recipient.size();
  }
  return octets;
}

}  // namespace

void FirstCopies::keep(queue::Message message, std::vector<queue::Delivery> deliveries,
                       std::shared_ptr<const queue::BodyChunks> body) {
  const std::size_t octets = cost(message, deliveries);
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady_now();
  while (!by_age_.empty()) {
    const auto oldest = entries_.find(by_age_.front());
    if (now - oldest->second.since < kLongest) break;
    drop(oldest);
  }
  if (octets_ + octets > limit_) return;
  const MessageId id = message.id;
  const auto age = by_age_.insert(by_age_.end(), id);
  entries_.emplace(id, Entry{.message = std::move(message),
                             .deliveries = std::move(deliveries),
                             .body = std::move(body),
                             .octets = octets,
                             .since = now,
                             .age = age});
  octets_ += octets;
}

std::optional<FirstCopy> FirstCopies::take(const queue::DeliveryKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key.message);
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  const auto delivery =
      std::ranges::find(entry.deliveries, key.destination, &queue::Delivery::destination);
  if (delivery == entry.deliveries.end()) return std::nullopt;
  FirstCopy copy{.message = {}, .delivery = std::move(*delivery), .body = entry.body};
  entry.deliveries.erase(delivery);
  if (entry.deliveries.empty()) {
    copy.message = std::move(entry.message);
    drop(found);
  } else {
    copy.message = entry.message;
  }
  return copy;
}

void FirstCopies::drop(Entries::iterator entry) {
  octets_ -= entry->second.octets;
  by_age_.erase(entry->second.age);
  entries_.erase(entry);
}

std::size_t FirstCopies::octets() const {
  const std::lock_guard lock(mutex_);
  return octets_;
}

}  // namespace fulmar::delivery
