// How the spool gets to know what became of a delivery.
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/maillog.h"
#include "mta/delivery/courier.h"
#include "mta/delivery/courier_job.h"
#include "mta/delivery/operator_troubles.h"

namespace fulmar::delivery {

namespace asio = boost::asio;

/// Everybody was served. Nobody waits for the spool to know: a crash before it does costs a
/// duplicate, as one before the host's reply came would have.
void Courier::finish(Job job, queue::Batch removals) {
  const MessageId id = job.id();
  const bool last = parts_.line.siblings(job.claim.key()) == WaitingLine::Siblings::none;
  removals.emplace_back(queue::RemoveDelivery{id, job.claim.key().destination});
  if (last) {
    removals.emplace_back(queue::RemoveMessage{id, job.message.chunks});
    parts_.store.remove_soon(std::move(removals), [id] { maillog_removed(id); });
    static_cast<void>(job.claim.remove(job.ending));
    return;
  }
  parts_.store.remove_soon(std::move(removals), [] {});
  if (job.claim.remove(job.ending) == WaitingLine::Siblings::none) note_gone(job.message, last);
}

/// `job` is held by the caller, which gives away what it owes.
asio::awaitable<NoticeDesk::Telling> Courier::tell(Job& job) {
  OwedNotice owed{.message = job.message, .delivery = job.delivery, .words = std::move(job.owed)};
  owed.content = co_await parts_.report_back.read_content(owed);
  co_return parts_.notice_desk.tell(std::move(owed), parts_.line.siblings(job.claim.key()));
}

/// A delay that is over before its notice was written is not told of, and neither is its end.
NoticeDesk::Withdrawn Courier::withdraw_untold(Job& job) {
  if (!job.message.sender || job.delivery.delay_notices == 0) return {};
  auto withdrawn = parts_.notice_desk.withdraw_delays(job.message, job.claim.key().destination,
                                                      job.delivery.recipients);
  std::erase_if(job.owed, [&](const OwedWord& word) {
    return word.kind == notice::NoticeKind::cleared &&
           std::ranges::find(withdrawn.never_told, word.recipient.address) !=
               withdrawn.never_told.end();
  });
  return withdrawn;
}

/// Stores the delivery's new state, with the notice its sender is owed in the same batch. What
/// costs nothing but an attempt or a duplicate when the machine dies is not waited for until it is
/// on the disk; a notice is, and so is the word that something was shown in clear or is in doubt.
asio::awaitable<void> Courier::settle(Job job) {
  const bool done = job.delivery.recipients.empty();
  NoticeDesk::Withdrawn withdrawn = withdraw_untold(job);
  queue::Batch batch = std::move(withdrawn.operations);
  const bool owes_notice = !job.owed.empty();
  if (done && !owes_notice) {
    finish(std::move(job), std::move(batch));
    co_return;
  }
  const bool last = done && parts_.line.siblings(job.claim.key()) == WaitingLine::Siblings::none;
  if (done) {
    batch.emplace_back(queue::RemoveDelivery{job.id(), job.claim.key().destination});
  } else {
    batch.emplace_back(queue::PutDelivery{job.delivery});
  }
  if (last) batch.emplace_back(queue::RemoveMessage{job.id(), job.message.chunks});
  std::optional<NoticeDesk::Telling> telling;
  if (owes_notice && job.message.sender) {
    telling = co_await tell(job);
    std::ranges::move(telling->operations, std::back_inserter(batch));
  }
  const bool costs_little = !owes_notice && !job.must_be_synced;
  const bool stored =
      co_await commit_outcome(parts_.store, job.id(), std::move(batch),
                              costs_little ? Durability::relaxed : Durability::synced);
  if (!stored) {
    // The record of before the attempt stands: whoever was served is served again at the next
    // attempt.
    parts_.notice_desk.give_back(std::move(withdrawn));
    job.claim.put_back({.attempt = job.delivery.next_attempt}, job.ending);
    co_return;
  }
  parts_.notice_desk.note_withdrawn(std::move(withdrawn));
  if (telling) parts_.notice_desk.note_stored(*std::move(telling));
  if (owes_notice && !job.message.sender) {
    parts_.metrics.notices_dropped.add();
    for (const OwedWord& word : job.owed)
      note_dropped(parts_.troubles, job.message, word.recipient);
  }
  if (!done) {
    job.claim.note_written();
    give_back(job);
    co_return;
  }
  const auto siblings = job.claim.remove(job.ending);
  if (siblings == WaitingLine::Siblings::none) note_gone(job.message, last);
}

/// The message's last delivery is gone; `took_it_along`: and the message with it. Else the last two
/// ended side by side, and neither did: a crash before it is gone leaves an orphan, which the next
/// start removes.
void Courier::note_gone(const queue::Message& message, bool took_it_along) {
  if (took_it_along) {
    maillog_removed(message.id);
    return;
  }
  queue::Batch rest;
  rest.emplace_back(queue::RemoveMessage{message.id, message.chunks});
  parts_.store.remove_soon(std::move(rest), [id = message.id] { maillog_removed(id); });
}

}  // namespace fulmar::delivery
