#include "mta/delivery/courier.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/maillog.h"
#include "mta/delivery/courier_job.h"
#include "mta/delivery/operator_troubles.h"
#include "mta/delivery/record.h"
#include "queue/backoff.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
using notice::NoticeKind;
using queue::DeliveryKey;
using std::chrono::milliseconds;

namespace {

/// How long a delivery waits whose work ended by an exception.
constexpr milliseconds kAfterException{300'000};
/// When a record cannot be read for a passing reason.
constexpr milliseconds kReadRetry{60'000};
/// Of the attempts to come, how many a sender is told of.
constexpr std::size_t kAttemptsTold = 3;
/// Of bodies that were read back from the spool; a body beyond that is read as it is sent.
constexpr std::size_t kBodyMemory = 32UL << 20;

queue::Notifiable notifiable(const queue::Message& message) {
  return message.sender ? queue::Notifiable::yes : queue::Notifiable::no;
}

/// `label` is the mail log's: "dane", "encrypted:downgraded".
Counter& delivered_counter(Metrics& metrics, std::string_view label) {
  const std::string_view level = label.substr(0, label.find(':'));
  if (level == achieved_label(tls::TlsLevel::dane)) return metrics.delivered_dane;
  if (level == achieved_label(tls::TlsLevel::dane_host_only)) {
    return metrics.delivered_dane_host_only;
  }
  if (level == achieved_label(tls::TlsLevel::sts)) return metrics.delivered_sts;
  if (level == achieved_label(tls::TlsLevel::secure)) return metrics.delivered_secure;
  if (level == achieved_label(tls::TlsLevel::encrypt)) return metrics.delivered_encrypted;
  return metrics.delivered_in_clear;
}

void note_failure(queue::Recipient& recipient, const RecipientResult& outcome, UtcTime began) {
  const Error& failure = outcome.failure.error;
  const bool as_before =
      recipient.last_failure && recipient.one_cause &&
      conf::class_of(recipient.last_failure->code) == conf::class_of(failure.code);
  if (!as_before) recipient.failing_since = began;
  recipient.one_cause = outcome.one_cause;
  recipient.last_failure = failure;
}

/// While nothing else went wrong, it is the operator who keeps it waiting.
void blame_suspension(queue::Delivery& delivery, const Suspension& suspension) {
  Error cause = make_error(Errc::administrative,
                           "suspended by the operator until " + to_iso8601(suspension.until));
  cause.retry = Retry::later;
  cause.status = {4, 3, 2};  // RFC 3463 §3.4: no mail goes through this system for now
  for (queue::Recipient& recipient : delivery.recipients) {
    const bool other =
        recipient.last_failure && recipient.last_failure->code != Errc::administrative;
    if (!other) recipient.last_failure = cause;
  }
}

/// What an attempt changes in the record before it is made.
struct Counted {
  UtcTime due{};
  std::optional<queue::Attempt> forgotten{};  ///< As there are newer ones enough.
  std::vector<queue::GivenSoFar> given{};     ///< Of each recipient.
};

Counted count_attempt(queue::Delivery& delivery, UtcTime started, UtcTime next) {
  Counted counted{.due = std::exchange(delivery.next_attempt, next)};
  ++delivery.attempts;
  for (queue::Recipient& recipient : delivery.recipients) {
    counted.given.push_back(recipient.given);
    // Should the program die in it, nobody knows how far it came.
    recipient.given = {.latest = queue::Given::unknown, .before = recipient.given.most()};
  }
  delivery.history.push_back({.at = started, .decision = "{}"});
  if (delivery.history.size() > queue::kMaxAttemptsKept) {
    counted.forgotten = std::move(delivery.history.front());
    delivery.history.erase(delivery.history.begin());
  }
  return counted;
}

/// As it was before count_attempt().
void take_back(queue::Delivery& delivery, Counted counted) {
  delivery.next_attempt = counted.due;
  --delivery.attempts;
  for (std::size_t i = 0; i < counted.given.size(); ++i)
    delivery.recipients[i].given = counted.given[i];
  delivery.history.pop_back();
  if (counted.forgotten) {
    delivery.history.insert(delivery.history.begin(), *std::move(counted.forgotten));
  }
}

/// Null when there is no room.
std::shared_ptr<const queue::BodyChunks> keep_in_memory(Budget& budget, std::string only_chunk) {
  struct Kept {
    Budget::Share share;
    queue::BodyChunks body;
  };
  Budget::Share share(budget);
  if (!share.grow_to(only_chunk.size())) return nullptr;
  const auto kept = std::make_shared<Kept>(Kept{std::move(share), {std::move(only_chunk)}});
  return {kept, &kept->body};
}

/// Of a delivery that ends without another attempt.
std::string log_text(const OwedWord& word) {
  return (word.expired ? "time limit reached; last cause: " : "ended by the operator: ") +
         word.recipient.last_failure->detail;
}

}  // namespace

Courier::Courier(CourierParts parts, CourierSettings settings)
    : parts_(std::move(parts)), settings_(std::move(settings)), bodies_(kBodyMemory) {
  note_gap();
}

void Courier::note_gap() {
  // By a clock that is never set back.
  since_ = parts_.clock.utc_now() + parts_.line.set_back_so_far();
}

UtcTime Courier::since() const {
  return since_.load() - parts_.line.set_back_so_far();
}

asio::awaitable<void> Courier::run(queue::Scheduler::Taken taken) {
  const DeliveryKey key = taken.key;
  Claim claim(parts_.line, key, parts_.clock.utc_now() + kAfterException,
              WaitingLine::FreedRoom::used);
  Job job{.claim = std::move(claim),
          .first = taken.origin == queue::Origin::intake,
          .room = taken.has_room ? queue::Room::yes : queue::Room::no};
  auto copy = parts_.first_copies.take(key);
  if (copy) {
    job.message = std::move(copy->message);
    job.delivery = std::move(copy->delivery);
    job.body = std::move(copy->body);
    co_return co_await run_job(std::move(job));
  }
  auto stored = co_await parts_.store.read_stored(key.message, key.destination);
  if (!stored) {
    unreadable(std::move(job.claim), stored.error());
    co_return;
  }
  job.message = std::move(stored->message);
  job.delivery = std::move(stored->delivery);
  recall(job.delivery);
  if (stored->body) job.body = keep_in_memory(bodies_, *std::move(stored->body));
  co_await run_job(std::move(job));
}

/// Adds what its record cannot say.
void Courier::recall(queue::Delivery& delivery) const {
  if (delivery.attempts > 0 || !parts_.first_attempts.may_have_begun(delivery.message)) return;
  for (queue::Recipient& recipient : delivery.recipients)
    recipient.given.before = std::max(recipient.given.before, queue::Given::unknown);
}

void Courier::unreadable(Claim claim, const Error& why) {
  if (why.code == Errc::cancelled) return;
  log_error("queued delivery cannot be read", {{"id", claim.key().message.str()},
                                               {"destination", to_string(claim.key().destination)},
                                               {"class", std::string(to_string(why.code))},
                                               {"reason", why.detail}});
  if (why.code == Errc::store_failed) {
    claim.put_back({.attempt = parts_.clock.utc_now() + kReadRetry});
  } else {
    // It stays in the spool for an operator, and frees its slot (pitfall 83).
    parts_.quarantine.add(
        {claim.key().message.str() + ' ' + to_string(claim.key().destination), why});
    claim.set_aside();
  }
}

asio::awaitable<void> Courier::run_job(Job job) {
  job.claim.bring_to_clock(job.delivery);
  const UtcTime now = parts_.clock.utc_now();
  queue::bring_to_present(job.delivery, now);
  const queue::Notifiable sender = notifiable(job.message);
  const MailHost destination = job.claim.key().destination;
  const auto suspended = parts_.suspensions.find(destination, now);
  if (suspended) {
    blame_suspension(job.delivery, *suspended);
    job.not_before = suspended->until;
  }
  const queue::Due due =
      suspended
          ? queue::due_while_suspended(job.delivery, now, settings_.retry, settings_.notify, sender)
          : queue::what_is_due(job.delivery, now, settings_.retry, settings_.notify, sender,
                               job.room, since());
  switch (due) {
    case queue::Due::nothing:
      if (suspended) {
        const UtcTime event = queue::next_event_while_suspended(job.delivery, settings_.retry,
                                                                settings_.notify, sender);
        job.claim.put_back({.attempt = time_to_resume(*suspended, parts_.random), .latest = event});
        // Resumed just now, before this one was in the line to be hastened.
        if (!parts_.suspensions.find(destination, now)) {
          parts_.line.hasten([&](const MailHost& host) { return host == destination; }, now);
        }
      } else {
        give_back(job);
      }
      co_return;
    case queue::Due::attempt:
      co_return co_await attempt(std::move(job));
    case queue::Due::delay_notice:
      co_return co_await announce_delay(std::move(job));
    case queue::Due::expiry:
      co_return co_await expire(std::move(job));
  }
}

queue::Times Courier::times_of(const queue::Delivery& delivery, queue::Notifiable sender) const {
  return queue::times_of(delivery, settings_.retry, settings_.notify, sender, since(),
                         parts_.clock.utc_now());
}

void Courier::give_back(Job& job) {
  job.claim.bring_to_clock(job.delivery);
  job.claim.put_back(times_of(job.delivery, notifiable(job.message)), job.ending);
}

/// Before trying: a crash loop must not become a tight retry loop at somebody else's server, nor
/// the last attempt be made again and again. A first attempt needs no note: whoever dies in it
/// finds the message as it was accepted, and notes the next attempt. False: put off.
asio::awaitable<bool> Courier::note_attempt(Job& job) {
  // While the disk is in trouble nothing is sent whose outcome could not be kept.
  if (job.first && parts_.store.writable()) co_return true;
  queue::Batch planned{queue::PutDelivery{job.delivery}};
  const auto noted = co_await parts_.store.commit_relaxed(std::move(planned));
  job.noted = noted.has_value();
  if (noted) {
    job.claim.note_written();
    co_return true;
  }
  log_error("attempt put off: the spool cannot be written",
            {{"id", job.id().str()}, {"reason", noted.error().detail}});
  if (noted.error().code != Errc::cancelled) {
    job.claim.put_back({.attempt = parts_.clock.utc_now() + kReadRetry});
  }
  co_return false;
}

asio::awaitable<void> Courier::attempt(Job job) {
  const UtcTime started = parts_.clock.utc_now();
  Counted counted = count_attempt(
      job.delivery, started,
      queue::next_attempt(job.delivery.attempts + 1, started, settings_.retry, parts_.random));
  const bool noted = co_await note_attempt(job);
  if (!noted) co_return;
  FirstAttempts::Running running(job.noted ? nullptr : &parts_.first_attempts, job.id());
  AttemptParts parts = parts_.attempt;
  // The last attempt is made in earnest.
  if (started >= queue::expires_at(job.delivery, settings_.retry)) parts.unreachable = nullptr;
  parts.begin = [&claim = job.claim] { return claim.begin(); };
  const AttemptResult result = co_await attempt_delivery(std::move(parts), settings_.attempt,
                                                         job.message, job.delivery, job.body.get());
  if (result.put_off) {
    job.claim.bring_to_clock(job.delivery);
    const queue::Times otherwise = times_of(job.delivery, notifiable(job.message));
    take_back(job.delivery, std::move(counted));
    running.end();
    co_return co_await give_way(std::move(job), otherwise);
  }
  job.delivery.first_host = result.next_host;
  job.ending = result.ending;
  log_results(job, result, std::min(counted.due, started));
  // An attempt may take longer than its interval: the wait counts from its end.
  job.claim.bring_to_clock(job.delivery);
  const UtcTime ended = parts_.clock.utc_now();
  job.delivery.next_attempt =
      std::max(job.delivery.next_attempt,
               queue::next_attempt(job.delivery.attempts, ended, settings_.retry, parts_.random));
  apply(job, result);
  const bool is_read = !job.delivery.recipients.empty() || !job.owed.empty();
  if (is_read) job.delivery.history.back().decision = serialize_record(to_json(result.trace));
  co_await settle(std::move(job));
  running.end();
}

/// The attempt was none: the record is as it was before. What cannot be put right in the spool has
/// cost an attempt, and is due `otherwise`.
asio::awaitable<void> Courier::give_way(Job job, queue::Times otherwise) {
  if (job.noted) {
    queue::Batch batch{queue::PutDelivery{job.delivery}};
    const auto stored = co_await parts_.store.commit_relaxed(std::move(batch));
    if (!stored) {
      log_error("attempt that was not made is counted: the spool cannot be written",
                {{"id", job.id().str()}, {"reason", stored.error().detail}});
      if (stored.error().code != Errc::cancelled) job.claim.put_back(otherwise);
      co_return;
    }
    job.claim.note_written();
  }
  job.claim.give_way();
}

void Courier::log_results(const Job& job, const AttemptResult& result, UtcTime due) const {
  const UtcTime now = parts_.clock.utc_now();
  const milliseconds since_due = std::max(milliseconds(0), now - due);
  for (std::size_t i = 0; i < result.recipients.size(); ++i) {
    const RecipientResult& outcome = result.recipients[i];
    const bool sent = outcome.state == RecipientState::delivered;
    DeliveryEvent event{.id = job.id(),
                        .recipient = job.delivery.recipients[i].address.text,
                        .relay = sent ? outcome.host : outcome.failure.host,
                        .delay = now - job.delivery.arrived,
                        .tls = outcome.tls,
                        .dsn = sent ? EnhancedStatus{2, 0, 0} : outcome.failure.error.status,
                        .text = sent ? outcome.reply : outcome.failure.error.detail};
    event.delays = {std::max(milliseconds(0), due - job.delivery.arrived),
                    std::max(milliseconds(0), since_due - result.connecting - result.sending),
                    result.connecting, result.sending};
    event.status = sent ? DeliveryStatus::sent
                        : (outcome.state == RecipientState::bounced ? DeliveryStatus::bounced
                                                                    : DeliveryStatus::deferred);
    maillog(event);
  }
}

/// Its sender may want to hear nothing of it. RFC 3461 §5.2.6
void Courier::tell_of_failure(Job& job, OwedWord word) {
  if (counts_as_failed(job.message, word.recipient)) {
    job.owed.push_back(std::move(word));
    return;
  }
  log_info("failed without a notice: the sender asked for none",
           {{"id", job.id().str()}, {"recipient", word.recipient.address.text}});
}

void Courier::note_delivered(Job& job, const queue::Recipient& recipient,
                             const RecipientResult& outcome) const {
  parts_.metrics.recipients_delivered.add();
  delivered_counter(parts_.metrics, outcome.tls).add();
  if (is_owed_relayed(job.message, recipient, outcome)) {
    job.owed.push_back(handed_over(NoticeKind::relayed, recipient, outcome));
  } else if (is_owed_cleared(job.message, job.delivery, recipient, settings_.notify)) {
    job.owed.push_back(handed_over(NoticeKind::cleared, recipient, outcome));
  }
}

void Courier::apply(Job& job, const AttemptResult& result) {
  std::vector<queue::Recipient> waiting;
  const UtcTime began = job.delivery.history.back().at;
  note_troubles(parts_.troubles, result);
  for (std::size_t i = 0; i < result.recipients.size(); ++i) {
    const RecipientResult& outcome = result.recipients[i];
    queue::Recipient& recipient = job.delivery.recipients[i];
    if (outcome.state == RecipientState::delivered) {
      note_delivered(job, recipient, outcome);
      continue;
    }
    if (is_security_failure(outcome.failure.error.code)) parts_.metrics.security_failures.add();
    note_failure(recipient, outcome, began);
    recipient.last_host = outcome.failure.host;
    recipient.last_reply = outcome.failure.reply;
    job.must_be_synced = job.must_be_synced || outcome.exposure > recipient.exposure;
    recipient.exposure = std::max(recipient.exposure, outcome.exposure);
    // Without it a refusal that comes later would look certain.
    job.must_be_synced = job.must_be_synced || outcome.given == queue::Given::in_doubt;
    recipient.given.latest = outcome.given;
    if (outcome.state == RecipientState::bounced) {
      parts_.metrics.recipients_bounced.add();
      tell_of_failure(job, failed(recipient));
    } else {
      parts_.metrics.recipients_deferred.add();
      waiting.push_back(std::move(recipient));
    }
  }
  job.delivery.recipients = std::move(waiting);
  queue::bound_texts(job.delivery);
}

asio::awaitable<void> Courier::announce_delay(Job job) {
  const UtcTime now = parts_.clock.utc_now();
  OwedNotice owed{.message = job.message, .delivery = job.delivery};
  owed.give_up_at = queue::expires_at(job.delivery, settings_.retry);
  // A suspension that lasts to the end leaves no attempt.
  if (job.not_before < owed.give_up_at) {
    owed.delivery.next_attempt = std::max(job.delivery.next_attempt, job.not_before);
    owed.next_attempts = queue::next_attempts(owed.delivery, now, settings_.retry, kAttemptsTold);
  }
  for (const queue::Recipient& recipient : job.delivery.recipients) {
    if (recipient.notify.wants_delay()) owed.words.push_back(delayed(recipient));
  }
  job.delivery.delay_notices = queue::delay_notices_by(job.delivery, now, settings_.notify);
  queue::Batch batch{queue::PutDelivery{job.delivery}};
  std::optional<NoticeDesk::Telling> telling;
  if (!owed.words.empty() && job.message.sender) {
    telling = parts_.notice_desk.tell(std::move(owed), parts_.line.siblings(job.claim.key()));
    std::ranges::move(telling->operations, std::back_inserter(batch));
  }
  const bool stored =
      co_await commit_outcome(parts_.store, job.id(), std::move(batch), Durability::synced);
  if (stored) job.claim.note_written();
  if (stored && telling) parts_.notice_desk.note_stored(*std::move(telling));
  give_back(job);
}

asio::awaitable<void> Courier::expire(Job job) {
  std::vector<OwedWord> words;
  for (const queue::Recipient& recipient : job.delivery.recipients)
    words.push_back(expired(recipient));
  co_await end(std::move(job), std::move(words));
}

/// For all of its recipients.
asio::awaitable<void> Courier::end(Job job, std::vector<OwedWord> words) {
  const UtcTime now = parts_.clock.utc_now();
  for (OwedWord& word : words) {
    const queue::Recipient& recipient = word.recipient;
    parts_.metrics.recipients_bounced.add();
    maillog(DeliveryEvent{.id = job.id(),
                          .recipient = recipient.address.text,
                          .relay = recipient.last_host,
                          .delay = now - job.delivery.arrived,
                          .delays = {now - job.delivery.arrived, {}, {}, {}},  // all of it waiting
                          .tls = failure_label({.error = *recipient.last_failure}),
                          .dsn = recipient.last_failure->status,
                          .status = DeliveryStatus::bounced,
                          .text = log_text(word)});
    tell_of_failure(job, std::move(word));
  }
  job.delivery.recipients.clear();
  co_await settle(std::move(job));
}

}  // namespace fulmar::delivery
