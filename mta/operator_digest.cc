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

/// What comes and goes is told of, too, when it was there in so many looks within that time.
constexpr std::chrono::minutes kRecently{60};
constexpr std::size_t kOften = 5;

/// Enough for a day of full mails at the default pace.
constexpr std::size_t kMostTold = 20'000;

constexpr std::string_view kLast = "last";

/// Nor does it count that was told at a time to come: the clock was set back.
bool is_over(UtcTime told, UtcTime now) {
  return now - told >= OperatorDigest::kAgain || told > now;
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

/// That a digest itself was taken by nobody does not make another one.
bool OperatorDigest::is_new(const Trouble& trouble, UtcTime now) const {
  const Trouble own = make_trouble(TroubleKind::notice_dropped, postmaster_.text, "", now);
  if (key_of(trouble) == key_of(own)) return false;
  const auto told = told_.find(key_of(trouble));
  return told == told_.end() || is_over(told->second, now);
}

/// What is in trouble, and what comes and goes.
std::vector<Trouble> OperatorDigest::states(UtcTime now) {
  for (Trouble& trouble : troubles_of(parts_.own_state(), now)) {
    Seen& seen = seen_[key_of(trouble)];
    ++seen.looks;
    seen.latest = std::move(trouble);
  }
  std::vector<Trouble> states;
  std::erase_if(seen_, [&](const auto& entry) {
    const UtcTime last = entry.second.latest.last;
    return last > now || now - last >= kRecently;
  });
  for (const auto& [key, seen] : seen_) {
    if (seen.latest.last == now || seen.looks >= kOften) states.push_back(seen.latest);
  }
  return states;
}

bool OperatorDigest::has_news(const std::vector<Trouble>& troubles, UtcTime now) const {
  return std::ranges::any_of(troubles,
                             [&](const Trouble& trouble) { return is_new(trouble, now); });
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

void OperatorDigest::remember(const std::vector<Trouble>& told, UtcTime now) {
  std::erase_if(told_, [&](const auto& entry) { return is_over(entry.second, now); });
  // Then each may be told once more, still at the pace of the mails.
  if (told_.size() > kMostTold) told_.clear();
  for (const Trouble& trouble : told) {
    // What was in the mail because of others keeps its own time.
    if (is_new(trouble, now)) told_.insert_or_assign(key_of(trouble), now);
  }
}

asio::awaitable<void> OperatorDigest::look() {
  const UtcTime now = parts_.clock.utc_now();
  TroubleList all{.named = states(now)};
  const TroubleList events = parts_.troubles.list();
  // What had no room may be new.
  const bool news = has_news(all.named, now) || has_news(events.named, now) || events.left_out > 0;
  if (!is_due(news, now)) co_return;
  TroubleList happened = parts_.troubles.take();
  std::ranges::move(happened.named, std::back_inserter(all.named));
  all.left_out = happened.left_out;
  co_await write(std::move(all), now);
}

/// While the spool cannot be written this waits, and so does all that is noted meanwhile.
asio::awaitable<void> OperatorDigest::write(TroubleList troubles, UtcTime now) {
  remember(troubles.named, now);
  last_ = now;
  new_since_.reset();
  const std::size_t count = troubles.named.size();
  auto mail = parts_.report_back.tell_postmaster(postmaster_, std::move(troubles));
  queue::Batch batch = std::move(mail.operations);
  batch.emplace_back(queue::PutRecord{queue::kOperatorDigest, std::string(kLast),
                                      std::to_string(now.time_since_epoch().count())});
  const bool stored = co_await delivery::commit_outcome(
      parts_.store, mail.message.id, std::move(batch), delivery::Durability::synced);
  if (!stored) co_return;          // the program ends, and its log says what was noted
  last_ = parts_.clock.utc_now();  // which may be much later
  log_info("mail to the postmaster about troubles",
           {{"id", mail.message.id.str()}, {"troubles", std::to_string(count)}});
  parts_.line.add({mail.message.id, mail.delivery.destination},
                  {.attempt = mail.delivery.next_attempt});
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
