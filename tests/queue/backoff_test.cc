#include "queue/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace fulmar::queue {
namespace {

using namespace std::chrono_literals;

const UtcTime kArrived{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};
const conf::Retry kRetry;    // 5m 10m 20m 40m 1h 2h 4h, give up after 5 days
const conf::Notify kNotify;  // 15 min for security, 4 h for the rest

Recipient failed_with(Errc code) {
  Recipient recipient;
  recipient.last_failure = make_error(code, "detail");
  recipient.failing_since = kArrived;
  recipient.one_cause = true;
  return recipient;
}

Recipient failed_with(Errc code, DsnNotify notify) {
  Recipient recipient = failed_with(code);
  recipient.notify = notify;
  return recipient;
}

constexpr DsnNotify kTellNothing{.stated = true};
constexpr DsnNotify kFailureAlone{.stated = true, .success = true, .failure = true};
constexpr DsnNotify kDelay{.stated = true, .delay = true};

/// Deferred once by an ordinary failure, next attempt after five minutes.
Delivery deferred() {
  Delivery delivery;
  delivery.recipients = {failed_with(Errc::connect_failed)};
  delivery.arrived = kArrived;
  delivery.next_attempt = kArrived + 5min;
  delivery.attempts = 1;
  return delivery;
}

TEST(Backoff, SMTP_04_intervals_follow_the_table_and_the_last_repeats) {
  struct Case {
    std::uint32_t attempts;
    std::chrono::milliseconds want;
  };
  const Case cases[] = {{0, 5min}, {1, 5min}, {2, 10min}, {3, 20min}, {4, 40min},
                        {5, 1h},   {6, 2h},   {7, 4h},    {8, 4h},    {4'000'000'000U, 4h}};
  const auto random = make_seeded_random(7);
  for (const Case& row : cases) {
    for (int draw = 0; draw < 300; ++draw) {
      const auto interval = next_attempt(row.attempts, kArrived, kRetry, *random) - kArrived;
      EXPECT_GE(interval, row.want - row.want / 10) << row.attempts;
      EXPECT_LE(interval, row.want + row.want / 10) << row.attempts;
    }
  }
}

TEST(Backoff, pitfall_84_deferrals_at_one_moment_do_not_come_back_at_one_moment) {
  const auto random = make_seeded_random(7);
  std::set<UtcTime> times;
  for (int i = 0; i < 300; ++i)
    times.insert(next_attempt(1, kArrived, kRetry, *random));
  EXPECT_GT(times.size(), 250U);
  EXPECT_GT(*times.rbegin() - *times.begin(), 50s);
}

TEST(Backoff, the_shortest_interval_keeps_its_jitter) {
  conf::Retry retry;
  retry.intervals = {1s};
  const auto random = make_seeded_random(7);
  std::set<UtcTime> times;
  for (int i = 0; i < 300; ++i)
    times.insert(next_attempt(9, kArrived, retry, *random));
  EXPECT_GE(*times.begin(), kArrived + 900ms);
  EXPECT_LE(*times.rbegin(), kArrived + 1100ms);
  EXPECT_GT(times.size(), 100U);
}

TEST(Backoff, SMTP_05_waiting_ends_after_five_days) {
  EXPECT_EQ(expires_at(deferred(), kRetry), kArrived + std::chrono::days(5));
}

TEST(Backoff, a_class_of_failure_may_have_a_time_of_its_own) {
  conf::Retry retry = kRetry;
  retry.failure.dns.give_up_after = 1h;
  retry.failure.connect.give_up_after = std::chrono::days(9);
  Delivery delivery = deferred();
  delivery.recipients = {failed_with(Errc::dns_timeout)};
  EXPECT_EQ(expires_at(delivery, retry), kArrived + 1h);
  delivery.recipients.push_back(failed_with(Errc::remote_temporary));
  EXPECT_EQ(expires_at(delivery, retry), kArrived + std::chrono::days(5)) << "nobody loses time";
  delivery.recipients.push_back(failed_with(Errc::connect_failed));
  EXPECT_EQ(expires_at(delivery, retry), kArrived + std::chrono::days(9));
}

TEST(Backoff, late_trouble_of_another_class_does_not_end_what_waited) {
  conf::Retry retry = kRetry;
  retry.failure.dns.give_up_after = 1h;
  retry.failure.connect.give_up_after = std::chrono::days(9);
  Delivery delivery = deferred();
  Recipient& recipient = delivery.recipients[0];
  recipient = failed_with(Errc::dns_timeout);
  recipient.failing_since = kArrived + 20h;
  EXPECT_EQ(expires_at(delivery, retry), kArrived + 21h) << "an hour of this trouble";
  recipient.failing_since = kArrived + 119h + 30min;
  EXPECT_EQ(expires_at(delivery, retry), kArrived + std::chrono::days(5)) << "taking turns";
  recipient = failed_with(Errc::connect_failed);
  recipient.failing_since = kArrived + 20h;
  EXPECT_EQ(expires_at(delivery, retry), kArrived + std::chrono::days(9)) << "from arrival at most";
}

TEST(Backoff, redteam_18_a_class_alone_ends_nothing_while_another_host_is_only_busy) {
  conf::Retry retry = kRetry;
  retry.failure.dns.give_up_after = 1h;
  Delivery delivery = deferred();
  delivery.recipients = {failed_with(Errc::dns_timeout)};
  delivery.recipients[0].one_cause = false;
  EXPECT_EQ(expires_at(delivery, retry), kArrived + std::chrono::days(5));
}

struct NoticeCase {
  std::string name;
  std::vector<Recipient> recipients;
  std::uint32_t sent = 0;
  std::optional<std::chrono::milliseconds> want;  ///< Past arrival.
};

TEST(Backoff, when_a_notice_of_delay_is_due) {
  const NoticeCase cases[] = {
      {"ordinary failure", {failed_with(Errc::connect_failed)}, 0, 4h},
      {"opportunistic handshake is ordinary", {failed_with(Errc::tls_handshake)}, 0, 4h},
      {"DANE lookup", {failed_with(Errc::dane_lookup)}, 0, 15min},
      {"DANE mismatch", {failed_with(Errc::dane_mismatch)}, 0, 15min},
      {"DANE without TLS", {failed_with(Errc::dane_no_tls)}, 0, 15min},
      {"MTA-STS host", {failed_with(Errc::sts_mx_mismatch)}, 0, 15min},
      {"MTA-STS certificate", {failed_with(Errc::sts_certificate)}, 0, 15min},
      {"MTA-STS without TLS", {failed_with(Errc::sts_no_tls)}, 0, 15min},
      {"the earliest of several recipients",
       {failed_with(Errc::connect_failed), failed_with(Errc::dane_mismatch), {}},
       0,
       15min},
      {"nothing has failed yet", {{}, {}}, 0, std::nullopt},
      {"one was sent", {failed_with(Errc::dane_mismatch)}, 1, 24h},
      {"two were sent", {failed_with(Errc::connect_failed)}, 2, 72h},
      {"three were sent", {failed_with(Errc::dane_mismatch)}, 3, std::nullopt},
      {"one was sent, and nobody wants another",
       {failed_with(Errc::dane_mismatch, kTellNothing)},
       1,
       std::nullopt},
      {"DSN-07: NEVER", {failed_with(Errc::dane_mismatch, kTellNothing)}, 0, std::nullopt},
      {"DSN-07: without DELAY",
       {failed_with(Errc::connect_failed, kFailureAlone)},
       0,
       std::nullopt},
      {"DSN-07: DELAY", {failed_with(Errc::connect_failed, kDelay)}, 0, 4h},
      {"DSN-07: only those count whose sender wants to hear of it",
       {failed_with(Errc::dane_mismatch, kTellNothing), failed_with(Errc::connect_failed)},
       0,
       4h},
  };
  for (const NoticeCase& row : cases) {
    Delivery delivery = deferred();
    delivery.recipients = row.recipients;
    delivery.delay_notices = row.sent;
    const auto want = row.want ? std::optional(kArrived + *row.want) : std::nullopt;
    EXPECT_EQ(delay_notice_at(delivery, kNotify), want) << row.name;
  }
}

TEST(Backoff, pitfall_103_times_for_a_notice_that_went_by_unused_bring_no_other) {
  struct Row {
    std::chrono::milliseconds now;
    std::uint32_t made;
    std::uint32_t want;
  };
  for (const Row& row : {Row{15min, 0, 1}, Row{24h - 1ms, 0, 1}, Row{24h, 0, 2}, Row{24h, 1, 2},
                         Row{71h, 0, 2}, Row{100h, 0, 3}, Row{100h, 1, 3}, Row{100h, 2, 3}}) {
    Delivery delivery = deferred();
    delivery.delay_notices = row.made;
    EXPECT_EQ(delay_notices_by(delivery, kArrived + row.now, kNotify), row.want)
        << row.now.count() << " ms, " << row.made;
  }
}

TEST(Backoff, the_attempts_to_come) {
  Delivery delivery = deferred();
  delivery.recipients = {failed_with(Errc::connect_failed)};
  delivery.attempts = 1;
  delivery.next_attempt = kArrived + 5min;
  const auto past_arrival = [&](std::chrono::milliseconds now, std::size_t count) {
    std::vector<std::chrono::milliseconds> times;
    for (const UtcTime at : next_attempts(delivery, kArrived + now, kRetry, count))
      times.push_back(at - kArrived);
    return times;
  };
  using Times = std::vector<std::chrono::milliseconds>;
  EXPECT_EQ(past_arrival(1min, 3), (Times{5min, 15min, 35min}));
  EXPECT_EQ(past_arrival(7min, 2), (Times{7min, 17min})) << "overdue: now";
  EXPECT_EQ(past_arrival(1min, 0), Times{});
  delivery.attempts = 30;
  delivery.next_attempt = kArrived + 117h;
  EXPECT_EQ(past_arrival(116h, 3), (Times{117h, 120h})) << "the last one at the limit";
  delivery.next_attempt = kArrived + 121h;
  EXPECT_EQ(past_arrival(116h, 3), Times{120h})
      << "redteam_46: the last one is not put off past it";
}

struct DueCase {
  std::string name;
  std::chrono::milliseconds now{};  ///< Past arrival.
  Errc failure = Errc::connect_failed;
  std::uint32_t attempts = 1;
  std::uint32_t notices = 0;
  std::chrono::milliseconds next = 5min;  ///< Past arrival.
  Notifiable sender = Notifiable::yes;
  std::optional<std::chrono::milliseconds> last = 0min;  ///< Begin of the last finished attempt.
  Due want = Due::nothing;
};

UtcTime first_of(const Times& times) {
  return std::min(times.attempt, times.latest);
}

TEST(Backoff, what_is_due_now) {
  const DueCase cases[] = {
      {.name = "not yet", .now = 5min - 1ms},
      {.name = "next attempt", .now = 5min, .want = Due::attempt},
      {.name = "notice alone", .now = 4h, .next = 5h, .want = Due::delay_notice},
      {.name = "notice is too early", .now = 4h - 1ms, .next = 5h},
      {.name = "security notice is early",
       .now = 15min,
       .failure = Errc::dane_mismatch,
       .next = 20min,
       .want = Due::delay_notice},
      {.name = "one notice only", .now = 5h, .notices = 1, .next = 6h},
      {.name = "RFC 5321 6.1: nothing is sent to the null sender",
       .now = 4h,
       .next = 5h,
       .sender = Notifiable::no},
      {.name = "expiry before notice and attempt", .now = 120h, .last = 120h, .want = Due::expiry},
      {.name = "expiry fires although the next attempt is later (pitfall 84)",
       .now = 120h,
       .notices = 1,
       .next = 122h,
       .last = 120h,
       .want = Due::expiry},
      {.name = "SMTP-05: one last attempt before expiry, although the next one is later",
       .now = 120h,
       .notices = 1,
       .next = 122h,
       .last = 118h,
       .want = Due::attempt},
      {.name = "SMTP-05: an attempt that began just before the end is not the last one",
       .now = 121h,
       .notices = 1,
       .next = 124h,
       .last = 120h - 1ms,
       .want = Due::attempt},
      {.name = "after a long stop: attempted, and no notice of delay before that",
       .now = 400h,
       .want = Due::attempt},
      {.name = "after a long stop and a failed attempt: expiry at once",
       .now = 400h,
       .next = 404h,
       .last = 400h,
       .want = Due::expiry},
      {.name = "the attempt after the end was cut off by a crash: once more",
       .now = 121h,
       .attempts = 30,
       .next = 124h,
       .last = std::nullopt,
       .want = Due::attempt},
      {.name = "expiry concerns the null sender too",
       .now = 120h,
       .sender = Notifiable::no,
       .last = 120h,
       .want = Due::expiry},
      {.name = "just before expiry", .now = 120h - 1ms, .notices = 3, .next = 122h},
      {.name = "redteam_49: tried before a notice tells of an old cause",
       .now = 6h,
       .next = 5h,
       .want = Due::attempt},
      {.name = "redteam_49: tried, and failed again",
       .now = 6h,
       .next = 7h,
       .last = 6h,
       .want = Due::delay_notice},
      {.name = "the delay is told of again",
       .now = 24h,
       .notices = 1,
       .next = 25h,
       .want = Due::delay_notice},
      {.name = "never attempted: attempted although its time is over",
       .now = 200h,
       .attempts = 0,
       .next = 0min,
       .want = Due::attempt},
      {.name = "never attempted: no notice", .now = 5h, .attempts = 0, .next = 6h},
      {.name = "never attempted: not put off past its time",
       .now = 120h,
       .attempts = 0,
       .next = 150h,
       .want = Due::attempt},
  };
  for (const DueCase& row : cases) {
    Delivery delivery = deferred();
    delivery.recipients = {failed_with(row.failure)};
    delivery.attempts = row.attempts;
    delivery.delay_notices = row.notices;
    delivery.next_attempt = kArrived + row.next;
    if (row.last && row.attempts > 0) delivery.history = {{kArrived + *row.last, "{}"}};
    const auto due = [&](UtcTime now) {
      return what_is_due(delivery, now, kRetry, kNotify, row.sender, Room::yes, kArrived);
    };
    EXPECT_EQ(due(kArrived + row.now), row.want) << row.name;
    // The two functions agree: nothing is due exactly until the earlier one of the times.
    const UtcTime event =
        first_of(times_of(delivery, kRetry, kNotify, row.sender, kArrived, kArrived));
    EXPECT_EQ(row.want == Due::nothing, kArrived + row.now < event) << row.name;
    EXPECT_EQ(due(event - 1ms), Due::nothing) << row.name;
    EXPECT_NE(due(event), Due::nothing) << row.name;
    // Without its history it wakes at the same time.
    delivery.history.clear();
    EXPECT_EQ(first_of(times_of(delivery, kRetry, kNotify, row.sender, kArrived, kArrived)), event)
        << row.name;
  }
}

TEST(Backoff, SMTP_05_no_delivery_is_bounced_after_downtime_without_a_last_attempt_and_none_loops) {
  const auto random = make_seeded_random(7);
  Delivery delivery = deferred();
  delivery.history = {{kArrived, "{}"}};
  UtcTime now = kArrived + 400h;  // a long stop, or a clock that jumped
  std::vector<Due> done;
  while (done.size() < 5 && (done.empty() || done.back() != Due::expiry)) {
    ASSERT_LE(first_of(times_of(delivery, kRetry, kNotify, Notifiable::yes, kArrived, now)), now);
    done.push_back(
        what_is_due(delivery, now, kRetry, kNotify, Notifiable::yes, Room::yes, kArrived));
    delivery.next_attempt = next_attempt(++delivery.attempts, now, kRetry, *random);
    delivery.history.push_back({now, "{}"});
    now += 1ms;
  }
  EXPECT_EQ(done, (std::vector{Due::attempt, Due::expiry}));
}

TEST(Backoff, pitfall_84_expiry_and_notices_need_no_room) {
  struct Case {
    std::string_view name;
    std::chrono::milliseconds now{};
    std::uint32_t attempts = 1;
    std::uint32_t notices = 1;
    std::chrono::milliseconds last{};
    Due want = Due::nothing;
  };
  // The time of each is over after 120 hours, its next attempt due since the first one.
  const Case cases[] = {
      {.name = "an attempt has to wait", .now = 10h},
      {.name = "a notice has not", .now = 10h, .notices = 0, .want = Due::delay_notice},
      {.name = "the last attempt gets a chance", .now = 120h + 1h - 1ms},
      {.name = "but not for ever", .now = 120h + 1h, .want = Due::expiry},
      {.name = "nor does the first", .now = 120h + 1h, .attempts = 0, .want = Due::expiry},
      {.name = "the last attempt was made", .now = 120h, .last = 120h, .want = Due::expiry},
  };
  for (const Case& row : cases) {
    Delivery delivery = deferred();
    delivery.recipients = {failed_with(Errc::connect_failed)};
    delivery.attempts = row.attempts;
    delivery.delay_notices = row.notices;
    delivery.next_attempt = kArrived;
    if (row.attempts > 0) delivery.history = {{kArrived + row.last, "{}"}};
    EXPECT_EQ(what_is_due(delivery, kArrived + row.now, kRetry, kNotify, Notifiable::yes, Room::no,
                          kArrived),
              row.want)
        << row.name;
    const Times times = times_of(delivery, kRetry, kNotify, Notifiable::yes, kArrived, kArrived);
    const bool handed_out = times.latest <= kArrived + row.now;
    EXPECT_TRUE(handed_out || row.want == Due::nothing || row.last > 0ms) << row.name;
  }
}

TEST(Backoff, SMTP_05_after_a_long_stop_there_is_an_hour_for_the_last_attempts) {
  const Delivery delivery = deferred();
  const UtcTime start = kArrived + 400h;
  EXPECT_EQ(times_of(delivery, kRetry, kNotify, Notifiable::no, start, start).latest, start + 1h);
  EXPECT_EQ(times_of(delivery, kRetry, kNotify, Notifiable::no, kArrived, kArrived).latest,
            kArrived + 120h + 1h);
  const auto due = [&](UtcTime now) {
    return what_is_due(delivery, now, kRetry, kNotify, Notifiable::no, Room::no, start);
  };
  EXPECT_EQ(due(start + 1h - 1ms), Due::nothing);
  EXPECT_EQ(due(start + 1h), Due::expiry);
  conf::Retry hasty = kRetry;
  hasty.give_up_after = 60s;
  EXPECT_EQ(patience_for_room(hasty), 6s);
}

TEST(Backoff, redteam_52_after_a_long_stop_a_notice_waits_for_the_attempt_before_it) {
  Delivery delivery = deferred();
  delivery.recipients = {failed_with(Errc::connect_failed)};
  delivery.attempts = 1;
  delivery.history = {{kArrived, "{}"}};
  const UtcTime start = kArrived + 20h;
  struct Case {
    std::string_view name;
    UtcTime next;
    UtcTime last;
    UtcTime now;
    Room room = Room::no;
    Due want = Due::nothing;
  };
  const Case cases[] = {
      {"there is room", kArrived, kArrived, start, Room::yes, Due::attempt},
      {"there is none yet", kArrived, kArrived, start},
      {"nor a moment before the hour is over", kArrived, kArrived, start + 1h - 1ms},
      {"there was none in an hour", kArrived, kArrived, start + 1h, Room::no, Due::delay_notice},
      {"it was tried since", start, kArrived + 10h, start, Room::no, Due::delay_notice},
      {"no attempt is due", start + 2h, kArrived, start, Room::no, Due::delay_notice},
      {"the start is long ago", kArrived, kArrived, kArrived + 100h, Room::no, Due::delay_notice},
  };
  for (const Case& row : cases) {
    delivery.next_attempt = row.next;
    delivery.history.back().at = row.last;
    EXPECT_EQ(what_is_due(delivery, row.now, kRetry, kNotify, Notifiable::yes, row.room, start),
              row.want)
        << row.name;
    // What is handed out without room is not handed out in vain, and not late.
    const Times times = times_of(delivery, kRetry, kNotify, Notifiable::yes, start, row.now);
    if (row.room == Room::yes || row.last != kArrived) continue;
    EXPECT_EQ(times.latest <= row.now, row.want != Due::nothing) << row.name;
  }
}

TEST(Backoff, redteam_25_what_was_released_after_its_time_gets_its_chance) {
  Delivery delivery = deferred();
  delivery.history = {{kArrived, "{}"}};
  const UtcTime released = kArrived + 400h;
  delivery.next_attempt = released;
  const auto due = [&](UtcTime now) {
    return what_is_due(delivery, now, kRetry, kNotify, Notifiable::no, Room::no, kArrived);
  };
  EXPECT_EQ(due(released), Due::nothing);
  EXPECT_EQ(due(released + 1h), Due::expiry);
  EXPECT_EQ(times_of(delivery, kRetry, kNotify, Notifiable::no, kArrived, released).latest,
            released + 1h);
}

TEST(Backoff, redteam_26_without_room_nothing_is_handed_out_in_vain) {
  Delivery delivery = deferred();
  delivery.recipients = {failed_with(Errc::connect_failed)};
  delivery.attempts = 1;
  delivery.history = {{kArrived, "{}"}};
  for (const auto notices : {0U, 1U}) {
    delivery.delay_notices = notices;
    for (std::chrono::minutes age{0}; age < 130h; age += 7min) {
      const UtcTime now = kArrived + age;
      for (const UtcTime since : {kArrived, kArrived + 20h, kArrived + 130h}) {
        const Times times = times_of(delivery, kRetry, kNotify, Notifiable::yes, since, now);
        if (times.latest > now) continue;
        EXPECT_NE(what_is_due(delivery, now, kRetry, kNotify, Notifiable::yes, Room::no, since),
                  Due::nothing)
            << age.count();
      }
    }
  }
}

TEST(Backoff, pitfall_90_a_record_moves_with_the_clock_as_a_whole) {
  Delivery delivery = deferred();
  delivery.history = {{kArrived, "{}"}, {kArrived + 1min, "{}"}};
  Delivery moved = delivery;
  move_back(moved, 2h);
  EXPECT_EQ(moved.arrived, kArrived - 2h);
  EXPECT_EQ(moved.next_attempt, delivery.next_attempt - 2h);
  EXPECT_EQ(moved.history[1].at, kArrived + 1min - 2h);
  EXPECT_EQ(moved.recipients[0].failing_since, kArrived - 2h);
  EXPECT_EQ(expires_at(moved, kRetry), expires_at(delivery, kRetry) - 2h);
  move_back(moved, -2h);
  EXPECT_EQ(moved, delivery);
}

TEST(Backoff, pitfall_90_a_record_from_the_future_is_due_now) {
  Delivery tried = deferred();
  tried.attempts = 2;
  tried.history = {{kArrived, "{}"}, {kArrived + 3h, "{}"}};
  tried.next_attempt = kArrived + 3h + 10min;
  Delivery fresh = deferred();
  fresh.attempts = 0;
  fresh.next_attempt = kArrived;
  struct Case {
    Delivery record;
    UtcTime made;
  };
  for (const auto& [record, made] : {Case{tried, kArrived + 3h}, Case{fresh, kArrived}}) {
    Delivery same = record;
    bring_to_present(same, made - 1s);
    EXPECT_EQ(same, record) << "clocks are mended by a little all the time";
    const UtcTime now = made - 2h;
    Delivery moved = record;
    bring_to_present(moved, now);
    EXPECT_EQ(moved.arrived, record.arrived - 2h);
    EXPECT_EQ(what_is_due(moved, now, kRetry, kNotify, Notifiable::yes, Room::yes, now),
              Due::attempt);
    EXPECT_FALSE(is_ahead_of(moved, now));
  }
}

// What operators want.

TEST(Backoff, for_a_held_delivery_nothing_is_ever_due) {
  Delivery delivery = deferred();
  delivery.held = true;
  for (const std::uint32_t attempts : {0U, 1U}) {
    delivery.attempts = attempts;
    for (const auto age : {0h, 1h, 24 * 30h}) {
      const UtcTime now = kArrived + age;
      for (const Room room : {Room::yes, Room::no}) {
        EXPECT_EQ(what_is_due(delivery, now, kRetry, kNotify, Notifiable::yes, room, kArrived),
                  Due::nothing);
      }
      EXPECT_EQ(due_while_suspended(delivery, now, kRetry, kNotify, Notifiable::yes), Due::nothing);
    }
    EXPECT_EQ(first_of(times_of(delivery, kRetry, kNotify, Notifiable::yes, kArrived, kArrived)),
              kNever);
    EXPECT_EQ(next_event_while_suspended(delivery, kRetry, kNotify, Notifiable::yes), kNever);
  }
}

TEST(Backoff, DSN_07_nothing_wakes_for_a_notice_of_delay_that_nobody_wants) {
  Delivery delivery = deferred();
  delivery.recipients = {failed_with(Errc::dane_mismatch, kTellNothing),
                         failed_with(Errc::dane_mismatch, kFailureAlone)};
  const UtcTime next = kArrived + 20h;
  delivery.next_attempt = next;
  const UtcTime now = kArrived + 5h;
  EXPECT_EQ(what_is_due(delivery, now, kRetry, kNotify, Notifiable::yes, Room::yes, kArrived),
            Due::nothing);
  EXPECT_EQ(first_of(times_of(delivery, kRetry, kNotify, Notifiable::yes, kArrived, now)), next);
  EXPECT_EQ(due_while_suspended(delivery, now, kRetry, kNotify, Notifiable::yes), Due::nothing);
  EXPECT_EQ(next_event_while_suspended(delivery, kRetry, kNotify, Notifiable::yes),
            expires_at(delivery, kRetry));
}

TEST(Backoff, pitfall_84_a_suspended_delivery_expires_on_time_without_a_last_attempt) {
  Delivery delivery = deferred();
  delivery.delay_notices = 3;
  const UtcTime end = kArrived + kRetry.give_up_after;
  for (const std::uint32_t attempts : {0U, 1U}) {
    delivery.attempts = attempts;
    EXPECT_EQ(due_while_suspended(delivery, end - 1ms, kRetry, kNotify, Notifiable::yes),
              Due::nothing);
    EXPECT_EQ(due_while_suspended(delivery, end, kRetry, kNotify, Notifiable::yes), Due::expiry);
    EXPECT_EQ(next_event_while_suspended(delivery, kRetry, kNotify, Notifiable::yes), end);
  }
}

TEST(Backoff, a_suspended_delivery_is_told_of_on_time_even_before_its_first_attempt) {
  Delivery delivery = deferred();
  const UtcTime notice = kArrived + kNotify.delay_after;
  for (const std::uint32_t attempts : {0U, 1U}) {
    delivery.attempts = attempts;
    EXPECT_EQ(due_while_suspended(delivery, notice - 1ms, kRetry, kNotify, Notifiable::yes),
              Due::nothing);
    EXPECT_EQ(due_while_suspended(delivery, notice, kRetry, kNotify, Notifiable::yes),
              Due::delay_notice);
    EXPECT_EQ(due_while_suspended(delivery, notice, kRetry, kNotify, Notifiable::no), Due::nothing);
    EXPECT_EQ(next_event_while_suspended(delivery, kRetry, kNotify, Notifiable::yes), notice);
    EXPECT_EQ(next_event_while_suspended(delivery, kRetry, kNotify, Notifiable::no),
              kArrived + kRetry.give_up_after);
  }
}

}  // namespace
}  // namespace fulmar::queue
