#include "mta/operator_digest.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <iterator>
#include <string_view>

#include "base/log.h"
#include "mta/delivery/outcome_commit.h"

namespace fulmar::mta {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kLook{60'000};
/// What is new waits so long for more, but not longer than a part of the time between mails.
constexpr milliseconds kGather{300'000};
constexpr int kGatherPart = 12;

/// What comes and goes is told of, too, when so many looks within that time found it.
constexpr std::chrono::minutes kRecently{60};
constexpr std::size_t kOften = 5;

/// A commit that took longer is worth another one.
constexpr std::chrono::minutes kLate{1};

constexpr std::string_view kLast = "last";

queue::Operation put_last(UtcTime time) {
  return queue::PutRecord{queue::kOperatorDigest, std::string(kLast),
                          std::to_string(time.time_since_epoch().count())};
}

std::optional<UtcTime> parse_time(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return UtcTime(milliseconds(count));
}

}  // namespace

OperatorDigest::OperatorDigest(OperatorDigestParts parts, milliseconds every, Mailbox postmaster)
    : parts_(std::move(parts)), every_(every), postmaster_(std::move(postmaster)) {}

asio::awaitable<Result<>> OperatorDigest::load() {
  FULMAR_CO_TRY(const auto records, co_await parts_.store.read_table(queue::kOperatorDigest));
  for (const auto& [key, value] : records) {
    // What does not decode costs one mail more.
    if (key == kLast) last_ = parse_time(value);
  }
  co_return Result<>();
}

/// Of those that are over, what waits to be told stays.
void OperatorDigest::forget_states(UtcTime now) {
  std::erase_if(seen_, [&](const auto& entry) {
    const Seen& seen = entry.second;
    const UtcTime last = seen.latest.last;
    const bool recently = last <= now && now - last < kRecently;
    const bool waits = seen.often && parts_.troubles.is_news(seen.latest);
    return !recently && !waits;
  });
}

/// One subject is in one state at a time: another one goes on where that was.
OperatorDigest::Seen OperatorDigest::take_seen(const Trouble& trouble) {
  const auto same_subject = std::ranges::find_if(seen_, [&](const auto& entry) {
    const Trouble& other = entry.second.latest;
    return other.kind == trouble.kind && other.subject == trouble.subject;
  });
  if (same_subject == seen_.end()) return {};
  return std::move(seen_.extract(same_subject).mapped());
}

void OperatorDigest::look_at_states(UtcTime now) {
  for (Trouble& trouble : troubles_of(parts_.own_state(), now)) {
    Seen seen = take_seen(trouble);
    seen.looks.push_back(now);
    if (seen.looks.size() > kOften) seen.looks.pop_front();
    const bool recently = seen.looks.front() <= now && now - seen.looks.front() < kRecently;
    seen.often = seen.often || (seen.looks.size() == kOften && recently);
    TroubleKey key = key_of(trouble);
    seen.latest = std::move(trouble);
    seen_.insert_or_assign(std::move(key), std::move(seen));
  }
  forget_states(now);
}

/// What is in trouble, and what came and went since the last mail.
std::vector<Trouble> OperatorDigest::states(UtcTime now) const {
  std::vector<Trouble> states;
  for (const auto& [key, seen] : seen_) {
    if (seen.latest.last == now || seen.often) states.push_back(seen.latest);
  }
  return states;
}

/// That a digest itself was taken by nobody does not make another one.
bool OperatorDigest::has_news(const std::vector<Trouble>& troubles) const {
  const Trouble own = make_trouble(TroubleKind::notice_dropped, postmaster_.text, "", UtcTime());
  return std::ranges::any_of(troubles, [&](const Trouble& trouble) {
    return key_of(trouble) != key_of(own) && parts_.troubles.is_news(trouble);
  });
}

bool OperatorDigest::is_due(bool has_news, UtcTime now) {
  if (!has_news) {
    new_since_.reset();
    return false;
  }
  // A clock that was set back must not put it off for long.
  if (!new_since_ || *new_since_ > now) new_since_ = now;
  if (last_ && *last_ > now) last_ = now;
  const milliseconds gather = std::min<milliseconds>(kGather, every_ / kGatherPart);
  return now - *new_since_ >= gather && (!last_ || now - *last_ >= every_);
}

asio::awaitable<void> OperatorDigest::look() {
  const UtcTime now = parts_.clock.utc_now();
  look_at_states(now);
  TroubleList all{.named = states(now)};
  const bool news = has_news(all.named) || has_news(parts_.troubles.list().named);
  if (!is_due(news, now)) co_return;
  TroubleList happened = parts_.troubles.take();
  std::ranges::move(happened.named, std::back_inserter(all.named));
  all.left_out = happened.left_out;
  std::erase_if(seen_, [&](const auto& entry) { return entry.second.latest.last != now; });
  for (auto& [key, seen] : seen_)
    seen = {.latest = std::move(seen.latest), .looks = {}};
  co_await write(std::move(all), now);
}

/// While the spool cannot be written this waits, and so does all that is noted meanwhile.
asio::awaitable<void> OperatorDigest::write(TroubleList troubles, UtcTime now) {
  parts_.troubles.note_told(troubles.named);
  last_ = now;
  new_since_.reset();
  const std::size_t count = troubles.named.size();
  auto mail = parts_.report_back.tell_postmaster(postmaster_, std::move(troubles));
  queue::Batch batch = std::move(mail.operations);
  batch.push_back(put_last(now));
  const bool stored = co_await delivery::commit_outcome(
      parts_.store, mail.message.id, std::move(batch), delivery::Durability::synced);
  if (!stored) co_return;  // the program ends, and its log says what was noted
  co_await note_late(now);
  log_info("mail to the postmaster about troubles",
           {{"id", mail.message.id.str()}, {"troubles", std::to_string(count)}});
  parts_.line.add({mail.message.id, mail.delivery.destination},
                  {.attempt = mail.delivery.next_attempt});
}

/// The mail that was written at `now` may be stored much later, and counts from then.
asio::awaitable<void> OperatorDigest::note_late(UtcTime now) {
  last_ = parts_.clock.utc_now();
  if (*last_ - now < kLate) co_return;
  queue::Batch batch{put_last(*last_)};
  const auto noted = co_await parts_.store.commit_relaxed(std::move(batch));
  if (!noted) {
    log_warn("time of the mail to the postmaster not stored", {{"reason", noted.error().detail}});
  }
}

asio::awaitable<void> OperatorDigest::run() {
  timer_ = std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor);
  while (!stopping_) {
    co_await look();
    if (stopping_) co_return;
    timer_->expires_after(std::min(kLook, every_ / 2));
    co_await timer_->async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void OperatorDigest::stop() {
  stopping_ = true;
  if (timer_) timer_->cancel();
}

}  // namespace fulmar::mta
