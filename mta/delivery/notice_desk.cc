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
/// Messages told of by one synced write.
constexpr std::size_t kAtOnce = 64;

/// Octets of memory that a record takes beside its own.
constexpr std::size_t kPerRecord = 1024;

std::string key_of(const MessageId& record) {
  return record.str();
}

queue::Batch removals_of(const std::vector<NoticeDesk::Waiting>& stored) {
  queue::Batch removals;
  for (const NoticeDesk::Waiting& waiting : stored) {
    removals.emplace_back(queue::RemoveRecord{queue::kOwedNotices, key_of(waiting.record)});
  }
  return removals;
}

void put(SpooledNotice notice, NoticeDesk::Telling& telling) {
  std::ranges::move(std::exchange(notice.operations, {}), std::back_inserter(telling.operations));
  telling.notice = std::move(notice);
}

/// A record's id tells when it was made, as every id does (base/message_id.h).
UtcTime made_at(const MessageId& record) {
  constexpr std::size_t kTimeOctets = 6;
  std::int64_t milliseconds = 0;
  for (std::size_t i = 0; i < kTimeOctets; ++i)
    milliseconds = milliseconds << 8 | record.bytes()[i];
  return UtcTime(std::chrono::milliseconds(milliseconds));
}

/// Addresses that differ in the spelling of the domain are one sender's.
std::string sender_key(const Mailbox& sender) {
  return sender.ascii_domain_form();
}

/// Moves those that are meant from the entry to `taken`; what is empty then goes.
template <class Map, class Meant>
void take_if(Map& map, const typename Map::key_type& key, const Meant& meant,
             std::vector<NoticeDesk::Waiting>& taken) {
  const auto entry = map.find(key);
  if (entry == map.end()) return;
  auto& all = entry->second.all;
  std::vector<NoticeDesk::Waiting> left;
  for (NoticeDesk::Waiting& each : all)
    (meant(each) ? taken : left).push_back(std::move(each));
  all = std::move(left);
  if (all.empty()) map.erase(entry);
}

/// What is due of at most `most` messages or senders, one by one.
template <class Map>
std::vector<std::vector<NoticeDesk::Waiting>> take_due(Map& map, SteadyTime now, std::size_t most) {
  std::vector<std::vector<NoticeDesk::Waiting>> due;
  for (auto entry = map.begin(); entry != map.end() && due.size() < most;) {
    const auto here = entry++;
    if (here->second.due <= now) due.push_back(std::move(map.extract(here).mapped().all));
  }
  return due;
}

}  // namespace

NoticeDesk::NoticeDesk(NoticeDeskParts parts, std::optional<conf::Rate> max_per_sender)
    : parts_(parts), quota_(max_per_sender) {}

asio::awaitable<Result<>> NoticeDesk::load() {
  FULMAR_CO_TRY(const auto records, co_await parts_.store.read_table(queue::kOwedNotices));
  for (const auto& [key, bytes] : records) {
    const auto record = MessageId::parse(key);
    auto owed = decode_owed_notice(bytes);
    if (record && owed) {
      std::vector<Waiting> one;
      one.push_back({.record = *record, .owed = *std::move(owed), .memory = nullptr});
      wait_on(std::move(one));
    } else {
      log_error("notice that is owed cannot be read",
                {{"key", sanitize_line(key, 100)},
                 {"reason", owed ? "its key is no id" : owed.error().detail}});
    }
  }
  co_return Result<>();
}

/// As a record in the spool, which `operations` puts; empty when there is no memory for it.
std::optional<NoticeDesk::Waiting> NoticeDesk::to_keep(OwedNotice owed, MessageId record,
                                                       Budget& budget, queue::Batch& operations) {
  std::string bytes = encode(owed);
  // What the record does not hold is not held in memory either.
  owed.delivery.recipients.clear();
  if (owed.delivery.history.size() > 1) {
    owed.delivery.history.erase(owed.delivery.history.begin(), owed.delivery.history.end() - 1);
  }
  auto memory = std::make_shared<Budget::Share>(budget);
  if (!memory->grow_to(bytes.size() + kPerRecord)) return std::nullopt;
  operations.emplace_back(queue::PutRecord{queue::kOwedNotices, key_of(record), std::move(bytes)});
  return Waiting{.record = record, .owed = std::move(owed), .memory = std::move(memory)};
}

NoticeDesk::Telling NoticeDesk::tell(OwedNotice owed, Siblings siblings) {
  const MessageId original = owed.message.id;
  if (siblings == Siblings::none) return tell_now(take(original), std::move(owed));
  Telling telling{.about = {original}};
  const MessageId record = MessageId::make(parts_.clock.utc_now(), parts_.random);
  telling.gathered = to_keep(owed, record, gathered_memory_, telling.operations);
  if (!telling.gathered) return tell_now(take(original), std::move(owed));
  return telling;
}

/// About one message: `stored` stands in the spool already, `last` does not.
NoticeDesk::Telling NoticeDesk::tell_now(std::vector<Waiting> stored,
                                         std::optional<OwedNotice> last) {
  queue::Batch removals = removals_of(stored);
  if (last) {
    const MessageId record = MessageId::make(parts_.clock.utc_now(), parts_.random);
    stored.push_back({.record = record, .owed = *std::move(last), .memory = nullptr});
  }
  const Mailbox sender = *stored.at(0).owed.message.sender;
  const bool alone =
      std::ranges::any_of(stored, [](const Waiting& each) { return stands_alone(each.owed); });
  if (!alone && !may_tell(sender)) {
    if (auto held = hold(stored)) return *std::move(held);
    // A summary before its time makes room.
    std::vector<Waiting> all = take_held_of(sender_key(sender));
    if (!all.empty()) {
      std::ranges::move(stored, std::back_inserter(all));
      return summarize(std::move(all));
    }
  }
  Telling telling{.operations = std::move(removals), .about = {stored[0].owed.message.id}};
  std::vector<OwedNotice> all;
  for (Waiting& waiting : stored)
    all.push_back(std::move(waiting.owed));
  put(parts_.report_back.make(all), telling);
  return telling;
}

/// Shorter, under the same keys. Empty when there is no memory for it.
std::optional<NoticeDesk::Telling> NoticeDesk::hold(const std::vector<Waiting>& all) {
  Telling telling{.about = {all.at(0).owed.message.id}};
  for (const Waiting& waiting : all) {
    auto kept = to_keep(abridged(waiting.owed), waiting.record, held_memory_, telling.operations);
    if (!kept) return std::nullopt;
    telling.held.push_back(*std::move(kept));
  }
  return telling;
}

/// Of one sender. What the spool does not hold is not removed by that.
NoticeDesk::Telling NoticeDesk::summarize(std::vector<Waiting> stored) {
  Telling telling{.operations = removals_of(stored), .about = {}};
  std::vector<OwedNotice> all;
  for (Waiting& waiting : stored) {
    if (telling.about.empty() || telling.about.back() != waiting.owed.message.id) {
      telling.about.push_back(waiting.owed.message.id);
    }
    all.push_back(std::move(waiting.owed));
  }
  put(parts_.report_back.summarize(all), telling);
  return telling;
}

bool NoticeDesk::may_tell(const Mailbox& sender) {
  const std::lock_guard lock(mutex_);
  return quota_.take(sender_key(sender), parts_.clock.steady_now());
}

void NoticeDesk::note_stored(Telling telling) {
  if (telling.gathered) return gather(*std::move(telling.gathered));
  if (!telling.held.empty()) return hold_back(std::move(telling.held));
  const SpooledNotice& notice = telling.notice.value();
  parts_.metrics.notices_sent.add();
  for (const MessageId& original : telling.about) {
    maillog(NoticeEvent{.original = original, .notice = notice.message.id, .kind = notice.kind});
  }
  parts_.line.add({notice.message.id, notice.delivery.destination},
                  {.attempt = notice.delivery.next_attempt});
}

NoticeDesk::Withdrawn NoticeDesk::withdraw_delays(const queue::Message& message,
                                                  const MailHost& destination,
                                                  const std::vector<queue::Recipient>& waiting) {
  Withdrawn withdrawn;
  const auto is_over = [&](const OwedWord& word) {
    return word.kind == notice::NoticeKind::delayed &&
           std::ranges::find(waiting, word.recipient.address, &queue::Recipient::address) ==
               waiting.end();
  };
  const auto concerns = [&](const Waiting& each) {
    return each.owed.message.id == message.id && each.owed.delivery.destination == destination &&
           std::ranges::any_of(each.owed.words, is_over);
  };
  {
    const std::lock_guard lock(mutex_);
    take_if(gathered_, message.id, concerns, withdrawn.before);
    take_if(held_, sender_key(*message.sender), concerns, withdrawn.before);
  }
  for (const Waiting& each : withdrawn.before) {
    Waiting rest = each;
    for (const OwedWord& word : each.owed.words) {
      const bool never_told = is_over(word) && each.owed.delivery.delay_notices == 0;
      if (never_told) withdrawn.never_told.push_back(word.recipient.address);
    }
    std::erase_if(rest.owed.words, is_over);
    if (rest.owed.words.empty()) {
      withdrawn.operations.emplace_back(
          queue::RemoveRecord{queue::kOwedNotices, key_of(rest.record)});
    } else {
      withdrawn.operations.emplace_back(
          queue::PutRecord{queue::kOwedNotices, key_of(rest.record), encode(rest.owed)});
      withdrawn.rest.push_back(std::move(rest));
    }
  }
  return withdrawn;
}

void NoticeDesk::note_withdrawn(Withdrawn withdrawn) {
  wait_on(std::move(withdrawn.rest));
}

void NoticeDesk::give_back(Withdrawn withdrawn) {
  wait_on(std::move(withdrawn.before));
}

/// Each where it belongs.
void NoticeDesk::wait_on(std::vector<Waiting> all) {
  for (Waiting& waiting : all) {
    if (!waiting.owed.held) {
      gather(std::move(waiting));
      continue;
    }
    std::vector<Waiting> one;
    one.push_back(std::move(waiting));
    hold_back(std::move(one));
  }
}

/// From when it was owed, which may be before this program's start: starts that follow each other
/// closely must not put it off for ever.
std::chrono::milliseconds NoticeDesk::rest_of_gather(const Waiting& waiting) const {
  constexpr std::chrono::milliseconds kMost = kGather;
  return std::clamp(made_at(waiting.record) + kMost - parts_.clock.utc_now(),
                    std::chrono::milliseconds(0), kMost);
}

void NoticeDesk::gather(Waiting waiting) {
  const MessageId message = waiting.owed.message.id;
  const std::lock_guard lock(mutex_);
  const auto [entry, first] = gathered_.try_emplace(message);
  if (first) entry->second.due = parts_.clock.steady_now() + rest_of_gather(waiting);
  entry->second.all.push_back(std::move(waiting));
}

std::vector<NoticeDesk::Waiting> NoticeDesk::take(const MessageId& message) {
  const std::lock_guard lock(mutex_);
  auto node = gathered_.extract(message);
  return node ? std::move(node.mapped().all) : std::vector<Waiting>();
}

void NoticeDesk::hold_back(std::vector<Waiting> all) {
  const std::string sender = sender_key(*all.at(0).owed.message.sender);
  const SteadyTime now = parts_.clock.steady_now();
  const std::lock_guard lock(mutex_);
  const auto [entry, first] = held_.try_emplace(sender);
  if (first) {
    // After a start there is no window.
    entry->second.due = std::max(quota_.ends(sender, now), now + rest_of_gather(all.front()));
  }
  std::ranges::move(all, std::back_inserter(entry->second.all));
}

std::vector<NoticeDesk::Waiting> NoticeDesk::take_held_of(const std::string& sender) {
  const std::lock_guard lock(mutex_);
  auto node = held_.extract(sender);
  return node ? std::move(node.mapped().all) : std::vector<Waiting>();
}

/// What is due now, as far as one batch is to hold it; empty when nothing is.
std::vector<NoticeDesk::Telling> NoticeDesk::begin_due() {
  std::vector<std::vector<Waiting>> gathered;
  std::vector<std::vector<Waiting>> held;
  {
    const SteadyTime now = parts_.clock.steady_now();
    const std::lock_guard lock(mutex_);
    gathered = take_due(gathered_, now, kAtOnce);
    if (gathered.empty()) held = take_due(held_, now, 1);
    for (const auto& all : gathered)
      being_told_ += all.size();
    for (const auto& all : held)
      being_told_ += all.size();
  }
  std::vector<Telling> tellings;
  for (std::vector<Waiting>& all : gathered)
    tellings.push_back(tell_now(std::move(all), std::nullopt));
  for (std::vector<Waiting>& all : held) {
    // The summary is the first notice of the sender's next time.
    static_cast<void>(may_tell(*all.at(0).owed.message.sender));
    tellings.push_back(summarize(std::move(all)));
  }
  return tellings;
}

asio::awaitable<bool> NoticeDesk::store(std::vector<Telling> tellings) {
  queue::Batch batch;
  for (Telling& telling : tellings) {
    std::ranges::move(std::exchange(telling.operations, {}), std::back_inserter(batch));
  }
  const bool stored = co_await commit_outcome(parts_.store, tellings.at(0).about.at(0),
                                              std::move(batch), Durability::synced);
  if (stored) {
    for (Telling& telling : tellings)
      note_stored(std::move(telling));
  }
  note_told();
  co_return stored;
}

void NoticeDesk::note_told() {
  const std::lock_guard lock(mutex_);
  being_told_ = 0;
}

std::size_t NoticeDesk::waiting() {
  const std::lock_guard lock(mutex_);
  std::size_t count = being_told_;
  for (const auto& [message, gathered] : gathered_)
    count += gathered.all.size();
  for (const auto& [sender, held] : held_)
    count += held.all.size();
  return count;
}

asio::awaitable<void> NoticeDesk::tell_due() {
  bool stored = true;  // else it is told after the next start
  for (auto tellings = begin_due(); stored && !tellings.empty(); tellings = begin_due())
    stored = co_await store(std::move(tellings));
}

asio::awaitable<void> NoticeDesk::run() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!stopping_) {
    co_await tell_due();
    timer.expires_after(kLook);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace fulmar::delivery
