#include "mta/delivery/notice_desk.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "base/ascii.h"
#include "base/log.h"
#include "base/maillog.h"
#include "mta/delivery/outcome_commit.h"
#include "mta/delivery/owed_notice_codec.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
using Siblings = WaitingLine::Siblings;

namespace {

constexpr std::chrono::seconds kLook{1};

std::string key_of(const MessageId& record) {
  return record.str();
}

}  // namespace

NoticeDesk::NoticeDesk(NoticeDeskParts parts) : parts_(parts) {}

asio::awaitable<Result<>> NoticeDesk::load() {
  FULMAR_CO_TRY(const auto records, co_await parts_.store.read_table(queue::kOwedNotices));
  for (const auto& [key, bytes] : records) {
    const auto record = MessageId::parse(key);
    auto owed = decode_owed_notice(bytes);
    if (record && owed) {
      gather({.record = *record, .owed = *std::move(owed), .memory = nullptr});
    } else {
      log_error("notice that is owed cannot be read",
                {{"key", sanitize_line(key, 100)},
                 {"reason", owed ? "its key is no id" : owed.error().detail}});
    }
  }
  co_return Result<>();
}

NoticeDesk::Telling NoticeDesk::tell(OwedNotice owed, Siblings siblings) {
  const MessageId original = owed.message.id;
  if (siblings == Siblings::none) return compose(take(original), std::move(owed));
  std::string bytes = encode(owed);
  auto memory = std::make_shared<Budget::Share>(memory_);
  if (!memory->grow_to(bytes.size())) return compose(take(original), std::move(owed));
  Telling telling{.original = original};
  const MessageId record = MessageId::make(parts_.clock.utc_now(), parts_.random);
  telling.operations.emplace_back(
      queue::PutRecord{queue::kOwedNotices, key_of(record), std::move(bytes)});
  telling.waiting = {.record = record, .owed = std::move(owed), .memory = std::move(memory)};
  return telling;
}

/// `stored` stands in the spool already, `last` does not.
NoticeDesk::Telling NoticeDesk::compose(std::vector<Waiting> stored,
                                        std::optional<OwedNotice> last) {
  Telling telling;
  std::vector<OwedNotice> all;
  for (Waiting& waiting : stored) {
    telling.operations.emplace_back(
        queue::RemoveRecord{queue::kOwedNotices, key_of(waiting.record)});
    all.push_back(std::move(waiting.owed));
  }
  if (last) all.push_back(*std::move(last));
  telling.original = all.at(0).message.id;
  telling.notice = parts_.report_back.make(all);
  std::ranges::move(std::exchange(telling.notice->operations, {}),
                    std::back_inserter(telling.operations));
  return telling;
}

void NoticeDesk::note_stored(Telling telling) {
  if (telling.waiting) return gather(*std::move(telling.waiting));
  const SpooledNotice& notice = telling.notice.value();
  parts_.metrics.notices_sent.add();
  maillog(NoticeEvent{.original = telling.original,
                      .notice = notice.message.id,
                      .kind = std::string(notice::to_string(notice.kind))});
  parts_.line.add({notice.message.id, notice.delivery.destination},
                  {.attempt = notice.delivery.next_attempt});
}

void NoticeDesk::gather(Waiting waiting) {
  const MessageId message = waiting.owed.message.id;
  const std::lock_guard lock(mutex_);
  const auto [entry, first] = gathered_.try_emplace(message);
  if (first) entry->second.due = parts_.clock.steady_now() + kGather;
  entry->second.all.push_back(std::move(waiting));
}

std::vector<NoticeDesk::Waiting> NoticeDesk::take(const MessageId& message) {
  const std::lock_guard lock(mutex_);
  auto node = gathered_.extract(message);
  return node ? std::move(node.mapped().all) : std::vector<Waiting>();
}

/// Of one message; empty when nothing is due.
std::vector<NoticeDesk::Waiting> NoticeDesk::take_due() {
  const SteadyTime now = parts_.clock.steady_now();
  const std::lock_guard lock(mutex_);
  const auto due =
      std::ranges::find_if(gathered_, [&](const auto& entry) { return entry.second.due <= now; });
  if (due == gathered_.end()) return {};
  return std::move(gathered_.extract(due).mapped().all);
}

asio::awaitable<void> NoticeDesk::tell_due() {
  for (auto due = take_due(); !due.empty(); due = take_due()) {
    Telling telling = compose(std::move(due), std::nullopt);
    const bool stored = co_await commit_outcome(
        parts_.store, telling.original, std::exchange(telling.operations, {}), Durability::synced);
    if (!stored) co_return;  // told after the next start
    note_stored(std::move(telling));
  }
}

asio::awaitable<void> NoticeDesk::run() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!stopping_) {
    timer.expires_after(kLook);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_await tell_due();
  }
}

}  // namespace fulmar::delivery
