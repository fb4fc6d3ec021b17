// How the spool gets to know what became of a delivery.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/maillog.h"
#include "mta/delivery/courier.h"
#include "mta/delivery/courier_job.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

/// Between tries to store an outcome.
constexpr milliseconds kFirstCommitPause{1000};
constexpr milliseconds kLongestCommitPause{60'000};

}  // namespace

/// False only when the spool is being closed. Until then it never gives up: an outcome that is not
/// stored is a duplicate, or a bounce that nobody hears of.
asio::awaitable<bool> Courier::commit(MessageId id, queue::Batch batch, Durability durability) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  milliseconds wait = kFirstCommitPause;
  for (;;) {
    auto storing = durability == Durability::synced ? parts_.store.commit(batch)
                                                    : parts_.store.commit_relaxed(batch);
    const auto stored = co_await std::move(storing);
    if (stored) co_return true;
    if (stored.error().code == Errc::cancelled) co_return false;
    log_error("outcome cannot be stored", {{"id", id.str()}, {"reason", stored.error().detail}});
    pause.expires_after(wait);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    wait = std::min(2 * wait, kLongestCommitPause);
  }
}

/// Everybody was served. Nobody waits for the spool to know: a crash before it does costs a
/// duplicate, as one before the host's reply came would have.
void Courier::finish(Job job) {
  const MessageId id = job.id();
  const bool last = parts_.line.siblings(job.claim.key()) == WaitingLine::Siblings::none;
  queue::Batch removals;
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
asio::awaitable<SpooledNotice> Courier::make_notice(Job& job) {
  OwedNotice owed{.message = job.message, .delivery = job.delivery, .words = std::move(job.owed)};
  owed.content = co_await parts_.report_back.read_content(owed);
  std::vector<OwedNotice> all;
  all.push_back(std::move(owed));
  co_return parts_.report_back.make(all);
}

/// REQUIRES: the spool has it.
void Courier::announce(const MessageId& original, const SpooledNotice& notice) {
  parts_.metrics.notices_sent.add();
  maillog(NoticeEvent{.original = original,
                      .notice = notice.message.id,
                      .kind = std::string(notice::to_string(notice.kind))});
  parts_.line.add({notice.message.id, notice.delivery.destination},
                  {.attempt = notice.delivery.next_attempt});
}

/// Stores the delivery's new state, with the notice its sender is owed in the same batch. What
/// costs nothing but an attempt or a duplicate when the machine dies is not waited for until it is
/// on the disk; a notice is, and so is the word that something was shown in clear.
asio::awaitable<void> Courier::settle(Job job) {
  const bool done = job.delivery.recipients.empty();
  const bool owes_notice = !job.owed.empty();
  if (done && !owes_notice) {
    finish(std::move(job));
    co_return;
  }
  queue::Batch batch;
  const bool last = done && parts_.line.siblings(job.claim.key()) == WaitingLine::Siblings::none;
  if (done) {
    batch.emplace_back(queue::RemoveDelivery{job.id(), job.claim.key().destination});
  } else {
    batch.emplace_back(queue::PutDelivery{job.delivery});
  }
  if (last) batch.emplace_back(queue::RemoveMessage{job.id(), job.message.chunks});
  std::optional<SpooledNotice> notice;
  if (owes_notice && job.message.sender) notice = co_await make_notice(job);
  if (notice) std::ranges::move(notice->operations, std::back_inserter(batch));
  const bool costs_little = !owes_notice && !job.shown_more;
  const bool stored = co_await commit(job.id(), std::move(batch),
                                      costs_little ? Durability::relaxed : Durability::synced);
  if (!stored) {
    // The record of before the attempt stands: whoever was served is served again at the next
    // attempt.
    job.claim.put_back({.attempt = job.delivery.next_attempt}, job.ending);
    co_return;
  }
  if (notice) announce(job.id(), *notice);
  if (owes_notice && !notice) {
    log_error("undeliverable notice dropped: it has the null reverse-path",
              {{"id", job.id().str()}});
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
