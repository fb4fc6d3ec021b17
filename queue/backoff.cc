#include "queue/backoff.h"

#include <algorithm>

#include "base/check.h"

namespace fulmar::queue {

using std::chrono::milliseconds;

namespace {

// Enough that messages deferred together do not come back together (pitfall 84).
constexpr unsigned kJitterPercent = 10;

constexpr std::chrono::hours kLongestPatience{1};

milliseconds interval_after(std::uint32_t attempts, const conf::Retry& retry) {
  FULMAR_CHECK(!retry.intervals.empty());
  const std::size_t row = attempts == 0 ? 0 : attempts - 1;
  const std::size_t last = retry.intervals.size() - 1;
  return retry.intervals[std::min(row, last)];
}

/// From arrival, when `made` are made; empty when there are no more.
std::optional<milliseconds> delay_until_notice(const Error& failure, std::uint32_t made,
                                               const conf::Notify& notify) {
  if (made == 0) {
    return is_security_failure(failure.code) ? notify.security_delay_after : notify.delay_after;
  }
  if (made > notify.repeat_after.size()) return std::nullopt;
  return notify.repeat_after[made - 1];
}

UtcTime attempt_due(const Delivery& delivery, const conf::Retry& retry) {
  // A first attempt must not wait past the end of the delivery's time: only after it can the
  // delivery expire.
  if (delivery.attempts == 0) return std::min(delivery.next_attempt, expires_at(delivery, retry));
  return delivery.next_attempt;
}

UtcTime made_at(const Delivery& delivery) {
  return delivery.history.empty() ? delivery.arrived : delivery.history.back().at;
}

bool tried_since(const Delivery& delivery, UtcTime when) {
  return !delivery.history.empty() && delivery.history.back().at >= when;
}

/// A time of its own that a class has counts from when mail began to fail that way: trouble that
/// comes late must not end what waited for another reason. Failures that take turns start it anew,
/// so arrival bounds the whole.
UtcTime patience_ends(const Recipient& recipient, UtcTime arrived, const conf::Retry& retry) {
  const UtcTime end = arrived + retry.give_up_after;
  // With another cause at another host, waiting is not about this class alone.
  if (!recipient.last_failure || !recipient.one_cause) return end;
  const auto own = conf::rule_for(retry.failure, recipient.last_failure->code).give_up_after;
  if (!own) return end;
  return std::min(recipient.failing_since + *own, std::max(end, arrived + *own));
}

std::optional<UtcTime> notice_due(const Delivery& delivery, const conf::Notify& notify,
                                  Notifiable sender) {
  return sender == Notifiable::yes ? delay_notice_at(delivery, notify) : std::nullopt;
}

/// Only what had a chance expires without its last attempt: an operator may have released it, or
/// asked for an attempt, after its time.
UtcTime end_without_room(const Delivery& delivery, const conf::Retry& retry, UtcTime since) {
  const UtcTime had_a_chance = std::max(since, delivery.next_attempt);
  return std::max(expires_at(delivery, retry), had_a_chance) + patience_for_room(retry);
}

/// A notice that is due after a long stop would tell of an old cause. Where the attempt before it
/// has no room yet, there is time for it after the start, as there is for the last one.
UtcTime notice_without_room(UtcTime notice, const conf::Retry& retry, UtcTime since) {
  return std::max(notice, since + patience_for_room(retry));
}

}  // namespace

UtcTime next_attempt(std::uint32_t attempts, UtcTime now, const conf::Retry& retry,
                     Random& random) {
  return now + random.jitter(interval_after(attempts, retry), kJitterPercent);
}

UtcTime expires_at(const Delivery& delivery, const conf::Retry& retry) {
  std::optional<UtcTime> latest;
  for (const Recipient& recipient : delivery.recipients) {
    const UtcTime end = patience_ends(recipient, delivery.arrived, retry);
    latest = std::max(latest.value_or(end), end);
  }
  return latest.value_or(delivery.arrived + retry.give_up_after);
}

std::vector<UtcTime> next_attempts(const Delivery& delivery, UtcTime now, const conf::Retry& retry,
                                   std::size_t count) {
  const UtcTime end = expires_at(delivery, retry);
  std::vector<UtcTime> attempts;
  UtcTime at = std::max(std::min(delivery.next_attempt, end), now);
  for (std::uint32_t made = delivery.attempts; attempts.size() < count; ++made) {
    attempts.push_back(at);
    if (at >= end) break;  // the last one
    at = std::min(at + interval_after(made + 1, retry), end);
  }
  return attempts;
}

std::optional<UtcTime> delay_notice_at(const Delivery& delivery, const conf::Notify& notify) {
  std::optional<milliseconds> earliest;
  for (const Recipient& recipient : delivery.recipients) {
    if (!recipient.last_failure || !recipient.notify.wants_delay()) continue;  // RFC 3461 §5.2.5
    const auto after = delay_until_notice(*recipient.last_failure, delivery.delay_notices, notify);
    if (after) earliest = std::min(earliest.value_or(*after), *after);
  }
  if (!earliest) return std::nullopt;
  return delivery.arrived + *earliest;
}

std::uint32_t delay_notices_by(const Delivery& delivery, UtcTime now, const conf::Notify& notify) {
  const auto due = std::ranges::count_if(
      notify.repeat_after, [&](milliseconds after) { return delivery.arrived + after <= now; });
  return std::max(delivery.delay_notices, static_cast<std::uint32_t>(due)) + 1;
}

std::chrono::milliseconds patience_for_room(const conf::Retry& retry) {
  return std::min<std::chrono::milliseconds>(retry.give_up_after / 10, kLongestPatience);
}

Due what_is_due(const Delivery& delivery, UtcTime now, const conf::Retry& retry,
                const conf::Notify& notify, Notifiable sender, Room room, UtcTime since) {
  if (delivery.held) return Due::nothing;
  const UtcTime end = expires_at(delivery, retry);
  if (delivery.attempts > 0) {
    if (now >= end && tried_since(delivery, end)) return Due::expiry;
    const auto notice = notice_due(delivery, notify, sender);
    const bool over = now >= end;
    // What is to be tried now may be over in a moment: nobody is told of an old cause.
    const bool can_be_tried =
        room == Room::yes || (notice && now < notice_without_room(*notice, retry, since));
    const bool is_tried_first = can_be_tried && now >= attempt_due(delivery, retry) && notice &&
                                !tried_since(delivery, *notice);
    if (!over && notice && now >= *notice && !is_tried_first) return Due::delay_notice;
    // After a long stop of ours, or a jump of the clock, the last cause is old: nobody is told that
    // delivery failed before it was tried once more.
    if (over && room == Room::yes) return Due::attempt;
  }
  if (room == Room::no) {
    return now >= end_without_room(delivery, retry, since) ? Due::expiry : Due::nothing;
  }
  return now >= attempt_due(delivery, retry) ? Due::attempt : Due::nothing;
}

Times times_of(const Delivery& delivery, const conf::Retry& retry, const conf::Notify& notify,
               Notifiable sender, UtcTime since, UtcTime now) {
  if (delivery.held) return {.attempt = kNever};
  const UtcTime end = expires_at(delivery, retry);
  Times times{.attempt = std::min(attempt_due(delivery, retry), end),
              .latest = end_without_room(delivery, retry, since)};
  const auto notice = notice_due(delivery, notify, sender);
  // Once the time is over, nobody is told of a delay any more.
  const bool tells = delivery.attempts > 0 && notice && now < end;
  if (tells) {
    const bool is_tried_first = attempt_due(delivery, retry) <= std::max(*notice, now);
    times.latest = std::min(times.latest,
                            is_tried_first ? notice_without_room(*notice, retry, since) : *notice);
  }
  return times;
}

Due due_while_suspended(const Delivery& delivery, UtcTime now, const conf::Retry& retry,
                        const conf::Notify& notify, Notifiable sender) {
  if (delivery.held) return Due::nothing;
  if (now >= expires_at(delivery, retry)) return Due::expiry;
  const auto notice = notice_due(delivery, notify, sender);
  return notice && now >= *notice ? Due::delay_notice : Due::nothing;
}

UtcTime next_event_while_suspended(const Delivery& delivery, const conf::Retry& retry,
                                   const conf::Notify& notify, Notifiable sender) {
  if (delivery.held) return kNever;
  const UtcTime end = expires_at(delivery, retry);
  return std::min(end, notice_due(delivery, notify, sender).value_or(end));
}

void move_back(Delivery& record, std::chrono::milliseconds by) {
  record.arrived -= by;
  record.next_attempt -= by;
  for (Attempt& attempt : record.history)
    attempt.at -= by;
  for (Recipient& recipient : record.recipients)
    recipient.failing_since -= by;
}

bool is_ahead_of(const Delivery& record, UtcTime now) {
  return made_at(record) > now + kMended;
}

void bring_to_present(Delivery& record, UtcTime now) {
  if (!is_ahead_of(record, now)) return;
  move_back(record, made_at(record) - now);
  record.next_attempt = now;
}

}  // namespace fulmar::queue
