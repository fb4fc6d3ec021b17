// What operators may do to a queued delivery.
#include <utility>

#include "mta/delivery/courier.h"
#include "mta/delivery/courier_job.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
using queue::DeliveryKey;

/// The record as `edit` makes it, unless that finds nothing to change.
asio::awaitable<Result<Changed>> Courier::rewrite(DeliveryKey key, Edit edit,
                                                  Durability durability) {
  Claim claim(parts_.line, key, parts_.clock.utc_now());
  static_cast<void>(parts_.first_copies.take(key));  // what is put back is read again
  auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
  // One that cannot be read goes back into the line, where it is found out what to do with it.
  if (!delivery && delivery.error().code != Errc::store_failed) co_return Changed::no;
  if (!delivery) co_return fail(delivery.error());
  queue::Delivery edited = *std::move(delivery);
  recall(edited);
  claim.bring_to_clock(edited);
  const Changed changed = edit(edited, parts_.clock.utc_now()) ? Changed::yes : Changed::no;
  if (changed == Changed::yes) {
    queue::Batch batch{queue::PutDelivery{edited}};
    auto written = durability == Durability::synced ? parts_.store.commit(std::move(batch))
                                                    : parts_.store.commit_relaxed(std::move(batch));
    const auto stored = co_await std::move(written);
    if (!stored) co_return fail(stored.error());
    claim.note_written();
  }
  // Whether its sender can be told is in the envelope; at worst this wakes once too early.
  claim.put_back(times_of(edited, queue::Notifiable::yes));
  co_return changed;
}

asio::awaitable<Result<Changed>> Courier::retry(DeliveryKey key) {
  // Whoever asks for it may know that a host is up again.
  if (parts_.attempt.unreachable != nullptr) parts_.attempt.unreachable->forget_all();
  const auto make_due = [](queue::Delivery& delivery, UtcTime now) {
    if (delivery.held) return false;
    delivery.next_attempt = now;
    return true;
  };
  // One that a power loss takes back is made at its old time.
  return rewrite(std::move(key), make_due, Durability::relaxed);
}

asio::awaitable<Result<Changed>> Courier::hold(DeliveryKey key) {
  const auto hold = [](queue::Delivery& delivery, UtcTime) {
    return !std::exchange(delivery.held, true);
  };
  return rewrite(std::move(key), hold, Durability::synced);
}

asio::awaitable<Result<Changed>> Courier::release(DeliveryKey key) {
  const auto release = [](queue::Delivery& delivery, UtcTime now) {
    if (!std::exchange(delivery.held, false)) return false;
    delivery.next_attempt = now;
    return true;
  };
  return rewrite(std::move(key), release, Durability::synced);
}

asio::awaitable<Result<Changed>> Courier::bounce(DeliveryKey key, std::string reason) {
  Claim claim(parts_.line, key, parts_.clock.utc_now());
  static_cast<void>(parts_.first_copies.take(key));  // what is put back is read again
  // An outcome is stored in the end, whatever it takes; while the disk is in trouble this is not
  // begun.
  if (!parts_.store.writable()) co_return fail(Errc::store_failed, "the spool cannot be written");
  auto message = co_await parts_.store.read_message(key.message);
  if (!message) co_return fail(message.error());
  auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
  if (!delivery) co_return fail(delivery.error());
  recall(*delivery);
  std::vector<OwedWord> words;
  for (const queue::Recipient& recipient : delivery->recipients)
    words.push_back(ended(recipient, reason));
  Job job{std::move(claim), *std::move(message), *std::move(delivery)};
  job.claim.bring_to_clock(job.delivery);
  co_await end(std::move(job), std::move(words));
  co_return Changed::yes;
}

asio::awaitable<Result<Changed>> Courier::remove(DeliveryKey key) {
  Claim claim(parts_.line, key, parts_.clock.utc_now());
  static_cast<void>(parts_.first_copies.take(key));  // what is put back is read again
  const auto message = co_await parts_.store.read_message(key.message);
  if (!message) co_return fail(message.error());
  const bool last = parts_.line.siblings(key) == WaitingLine::Siblings::none;
  NoticeDesk::Withdrawn withdrawn;
  if (message->sender) {
    withdrawn = parts_.notice_desk.withdraw_delays(*message, key.destination, {});
  }
  queue::Batch batch = std::move(withdrawn.operations);
  batch.emplace_back(queue::RemoveDelivery{key.message, key.destination});
  if (last) batch.emplace_back(queue::RemoveMessage{key.message, message->chunks});
  const auto stored = co_await parts_.store.commit(std::move(batch));
  if (!stored) {
    parts_.notice_desk.give_back(std::move(withdrawn));
    co_return fail(stored.error());
  }
  const auto siblings = claim.remove();
  if (siblings == WaitingLine::Siblings::none) note_gone(*message, last);
  co_return Changed::yes;
}

}  // namespace fulmar::delivery
