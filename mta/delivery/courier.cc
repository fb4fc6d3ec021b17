#include "mta/delivery/courier.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <variant>

#include "base/log.h"
#include "base/maillog.h"
#include "mta/delivery/record.h"
#include "queue/backoff.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
using queue::DeliveryKey;
using std::chrono::milliseconds;

namespace {

/// How often a write of an outcome is tried again. Giving up costs a duplicate later, so patience
/// is worth it; a spool that stays broken for this long has its own alarms.
constexpr int kCommitTries = 30;
constexpr milliseconds kCommitPause{1000};
/// When a record cannot be read for a passing reason.
constexpr milliseconds kReadRetry{60'000};

queue::Notifiable notifiable(const queue::Message& message) {
  return message.sender ? queue::Notifiable::yes : queue::Notifiable::no;
}

bool is_sts_class(const queue::Recipient& recipient) {
  if (!recipient.last_failure) return false;
  const Errc code = recipient.last_failure->code;
  return code == Errc::sts_mx_mismatch || code == Errc::sts_certificate || code == Errc::sts_no_tls;
}

notice::NoticeRecipient as_notice(const queue::Recipient& recipient) {
  const Error cause =
      recipient.last_failure.value_or(make_error(Errc::expired, "no attempt could be finished"));
  return {.address = recipient.address,
          .failure = cause,
          .host = recipient.last_host,
          .reply = recipient.last_reply};
}

}  // namespace

struct Courier::Job {
  DeliveryKey key;
  queue::Message message;
  queue::Delivery delivery;
};

Courier::Courier(CourierParts parts, CourierSettings settings)
    : parts_(parts), settings_(std::move(settings)) {}

asio::awaitable<void> Courier::run(DeliveryKey key) {
  Job job{.key = key};
  auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
  if (delivery) {
    auto message = co_await parts_.store.read_message(key.message);
    if (message) {
      job.delivery = *std::move(delivery);
      job.message = *std::move(message);
      co_await run_job(std::move(job));
      co_return;
    }
    delivery = fail(std::move(message).error());
  }
  const Error& why = delivery.error();
  if (why.code == Errc::cancelled) co_return;
  log_error("queued delivery cannot be read", {{"id", key.message.str()},
                                               {"destination", to_string(key.destination)},
                                               {"class", std::string(to_string(why.code))},
                                               {"reason", why.detail}});
  if (why.code == Errc::store_failed) {
    parts_.line.put_back(key, parts_.clock.utc_now() + kReadRetry);
  } else {
    // Set aside: it stays in the spool for an operator, and frees its slot (pitfall 83).
    parts_.line.remove_running(key);
  }
}

asio::awaitable<void> Courier::run_job(Job job) {
  const UtcTime now = parts_.clock.utc_now();
  switch (queue::what_is_due(job.delivery, now, settings_.retry, settings_.notify,
                             notifiable(job.message))) {
    case queue::Due::nothing:
      give_back(job);
      co_return;
    case queue::Due::attempt:
      co_return co_await attempt(std::move(job));
    case queue::Due::delay_notice:
      co_return co_await announce_delay(std::move(job));
    case queue::Due::expiry:
      co_return co_await expire(std::move(job));
  }
}

void Courier::give_back(const Job& job) {
  parts_.line.put_back(job.key, queue::next_event(job.delivery, settings_.retry, settings_.notify,
                                                  notifiable(job.message)));
}

asio::awaitable<bool> Courier::commit(MessageId id, queue::Batch batch) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (int tries = 1;; ++tries) {
    const auto stored = co_await parts_.store.commit(batch);
    if (stored) co_return true;
    if (stored.error().code == Errc::cancelled) co_return false;
    log_error("outcome cannot be stored", {{"id", id.str()}, {"reason", stored.error().detail}});
    if (tries == kCommitTries) co_return false;
    pause.expires_after(kCommitPause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<void> Courier::attempt(Job job) {
  const UtcTime started = parts_.clock.utc_now();
  const UtcTime due = job.delivery.next_attempt;
  ++job.delivery.attempts;
  job.delivery.next_attempt =
      queue::next_attempt(job.delivery.attempts, started, settings_.retry, parts_.random);
  // Before trying: a crash loop must not become a tight retry loop at somebody else's server.
  queue::Batch planned{queue::PutDelivery{job.delivery}};
  const auto noted = co_await parts_.store.commit_relaxed(std::move(planned));
  if (!noted) {
    log_error("attempt put off: the spool cannot be written",
              {{"id", job.key.message.str()}, {"reason", noted.error().detail}});
    if (noted.error().code != Errc::cancelled) parts_.line.put_back(job.key, started + kReadRetry);
    co_return;
  }
  const AttemptResult result =
      co_await attempt_delivery(parts_.attempt, settings_.attempt, job.message, job.delivery);
  job.delivery.history.push_back({.at = started, .decision = serialize_record(result.decision)});
  if (job.delivery.history.size() > queue::kMaxAttemptsKept)
    job.delivery.history.erase(job.delivery.history.begin());
  log_results(job, result, due);
  auto bounced = apply(job, result);
  co_await settle(std::move(job), std::move(bounced));
}

void Courier::log_results(const Job& job, const AttemptResult& result, UtcTime due) const {
  const UtcTime now = parts_.clock.utc_now();
  const milliseconds since_due = std::max(milliseconds(0), now - due);
  for (std::size_t i = 0; i < result.recipients.size(); ++i) {
    const RecipientResult& outcome = result.recipients[i];
    const bool sent = outcome.state == RecipientState::delivered;
    DeliveryEvent event{.id = job.key.message,
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

std::vector<notice::NoticeRecipient> Courier::apply(Job& job, const AttemptResult& result) {
  std::vector<queue::Recipient> waiting;
  std::vector<notice::NoticeRecipient> bounced;
  for (std::size_t i = 0; i < result.recipients.size(); ++i) {
    const RecipientResult& outcome = result.recipients[i];
    queue::Recipient recipient = job.delivery.recipients[i];
    if (outcome.state == RecipientState::delivered) {
      parts_.metrics.recipients_delivered.add();
      continue;
    }
    if (is_security_failure(outcome.failure.error.code)) parts_.metrics.security_failures.add();
    recipient.last_failure = outcome.failure.error;
    recipient.last_host = outcome.failure.host;
    recipient.last_reply = outcome.failure.reply;
    if (outcome.state == RecipientState::bounced) {
      parts_.metrics.recipients_bounced.add();
      bounced.push_back(as_notice(recipient));
    } else {
      parts_.metrics.recipients_deferred.add();
      waiting.push_back(std::move(recipient));
    }
  }
  job.delivery.recipients = std::move(waiting);
  return bounced;
}

/// Stores the delivery's new state, with the notice about `bounced` in the same batch.
asio::awaitable<void> Courier::settle(Job job, std::vector<notice::NoticeRecipient> bounced) {
  queue::Batch batch;
  const bool done = job.delivery.recipients.empty();
  const bool last = done && parts_.line.siblings(job.key) == WaitingLine::Siblings::none;
  if (done) {
    batch.emplace_back(queue::RemoveDelivery{job.key.message, job.key.destination});
  } else {
    batch.emplace_back(queue::PutDelivery{job.delivery});
  }
  if (last) batch.emplace_back(queue::RemoveMessage{job.key.message, job.message.chunks});
  const bool owes_notice = !bounced.empty();
  auto notice = co_await parts_.report_back.make(notice::NoticeKind::failed, job.message,
                                                 job.delivery, std::move(bounced));
  if (notice) std::ranges::move(notice->operations, std::back_inserter(batch));
  const bool stored = co_await commit(job.key.message, std::move(batch));
  if (!stored) {
    // The record of before the attempt stands: whoever was served is served again at the next
    // attempt.
    parts_.line.put_back(job.key, job.delivery.next_attempt);
    co_return;
  }
  if (notice) {
    parts_.metrics.notices_sent.add();
    maillog(
        NoticeEvent{.original = job.key.message, .notice = notice->message.id, .kind = "failed"});
    parts_.line.add({notice->message.id, notice->delivery.destination},
                    notice->delivery.next_attempt);
  } else if (owes_notice) {
    log_warn("undeliverable notice dropped: it has the null reverse-path",
             {{"id", job.key.message.str()}});
  }
  if (!done) {
    give_back(job);
    co_return;
  }
  const auto siblings = parts_.line.remove_running(job.key);
  if (siblings == WaitingLine::Siblings::some) co_return;
  if (!last) {
    // A sibling ended meanwhile, so nobody has removed the message yet. A crash here leaves an
    // orphan, which the next start removes.
    queue::Batch rest{queue::RemoveMessage{job.key.message, job.message.chunks}};
    static_cast<void>(co_await parts_.store.commit_relaxed(std::move(rest)));
  }
  maillog_removed(job.key.message);
}

asio::awaitable<void> Courier::announce_delay(Job job) {
  std::vector<notice::NoticeRecipient> recipients;
  std::ranges::transform(job.delivery.recipients, std::back_inserter(recipients), as_notice);
  auto notice = co_await parts_.report_back.make(notice::NoticeKind::delayed, job.message,
                                                 job.delivery, std::move(recipients));
  ++job.delivery.delay_notices;
  queue::Batch batch{queue::PutDelivery{job.delivery}};
  if (notice) std::ranges::move(notice->operations, std::back_inserter(batch));
  const bool stored = co_await commit(job.key.message, std::move(batch));
  if (stored && notice) {
    parts_.metrics.notices_sent.add();
    maillog(
        NoticeEvent{.original = job.key.message, .notice = notice->message.id, .kind = "delayed"});
    parts_.line.add({notice->message.id, notice->delivery.destination},
                    notice->delivery.next_attempt);
  }
  give_back(job);
}

/// Before a bounce caused by MTA-STS the policy is looked up afresh (STS-34): did it change?
asio::awaitable<bool> Courier::policy_moved(const queue::Delivery& delivery) {
  if (std::ranges::none_of(delivery.recipients, is_sts_class)) co_return false;
  const Route before = co_await parts_.attempt.planner.find_route(delivery.destination);
  if (before.failure) co_return false;
  const Route after = co_await parts_.attempt.planner.recheck_policy(before);
  co_return before.sts.policy != after.sts.policy ||
      before.sts.source == tls::StsLookup::Source::fetched;
}

asio::awaitable<void> Courier::expire(Job job) {
  // One more attempt under the new policy; a policy that is new at every look gives no second one.
  const bool tried_since =
      !job.delivery.history.empty() &&
      job.delivery.history.back().at >= queue::expires_at(job.delivery, settings_.retry);
  if (!tried_since) {
    const bool moved = co_await policy_moved(job.delivery);
    if (moved) co_return co_await attempt(std::move(job));
  }
  std::vector<notice::NoticeRecipient> bounced;
  const UtcTime now = parts_.clock.utc_now();
  for (const queue::Recipient& recipient : job.delivery.recipients) {
    notice::NoticeRecipient told = as_notice(recipient);
    told.expired = true;
    told.failure.status = as_permanent(told.failure.status);
    told.failure.retry = Retry::never;
    parts_.metrics.recipients_bounced.add();
    maillog(DeliveryEvent{.id = job.key.message,
                          .recipient = recipient.address.text,
                          .relay = recipient.last_host,
                          .delay = now - job.delivery.arrived,
                          .tls = "none",
                          .dsn = told.failure.status,
                          .status = DeliveryStatus::bounced,
                          .text = "time limit reached; last cause: " + told.failure.detail});
    bounced.push_back(std::move(told));
  }
  job.delivery.recipients.clear();
  co_await settle(std::move(job), std::move(bounced));
}

asio::awaitable<Result<>> Courier::remove(DeliveryKey key) {
  const auto message = co_await parts_.store.read_message(key.message);
  queue::Batch batch{queue::RemoveDelivery{key.message, key.destination}};
  if (message && parts_.line.siblings(key) == WaitingLine::Siblings::none) {
    batch.emplace_back(queue::RemoveMessage{key.message, message->chunks});
  }
  const auto stored = co_await parts_.store.commit(std::move(batch));
  if (!stored) {
    parts_.line.put_back(key, parts_.clock.utc_now());
    co_return fail(stored.error());
  }
  if (parts_.line.remove_running(key) == WaitingLine::Siblings::none) maillog_removed(key.message);
  co_return Result<>{};
}

}  // namespace fulmar::delivery
