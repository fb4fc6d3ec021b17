// What happens to one due delivery from the moment it is taken to the moment the spool knows the
// outcome: an attempt, a notice of delay, or the end of waiting. The order of writes here is what
// crash safety rests on (docs/durability.md): the next attempt's time before the attempt, the
// outcome and its notice in one batch after it. Of a message that was accepted by this very process
// the first attempt is not noted before: should the process die in it, the next one notes it. An
// attempt that finds no place for a connection once its lookups are done was none: its note is
// taken back, and its turn comes again.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/troubles.h"
#include "conf/config.h"
#include "mta/delivery/attempt.h"
#include "mta/delivery/claim.h"
#include "mta/delivery/first_attempts.h"
#include "mta/delivery/first_copies.h"
#include "mta/delivery/notice_desk.h"
#include "mta/delivery/outcome_commit.h"
#include "mta/delivery/quarantine.h"
#include "mta/delivery/report_back.h"
#include "mta/delivery/suspensions.h"
#include "mta/delivery/waiting_line.h"
#include "queue/backoff.h"
#include "queue/store.h"

namespace fulmar::delivery {

/// All must outlive the courier.
struct CourierParts {
  AttemptParts attempt;
  queue::Store& store;
  WaitingLine& line;
  FirstCopies& first_copies;
  FirstAttempts& first_attempts;
  ReportBack& report_back;
  NoticeDesk& notice_desk;
  const Suspensions& suspensions;
  Quarantine& quarantine;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  Troubles& troubles;
};

struct CourierSettings {
  AttemptSettings attempt;
  conf::Retry retry;
  conf::Notify notify;
};

/// Whether an operator's wish made a difference.
enum class Changed : std::uint8_t { no, yes };

/// Thread-safe: each run is independent.
class Courier {
 public:
  Courier(CourierParts parts, CourierSettings settings);

  /// REQUIRES: `taken` was taken from the line. When it ends, the delivery is back in the line or
  /// gone, and the caller asks the line for the next one.
  boost::asio::awaitable<void> run(queue::Scheduler::Taken taken);

  /// Until now this program could not work, though time went by: the machine was asleep, or the
  /// clock was set forward. What expired meanwhile gets its last attempt.
  void note_gap();

  // For operators, each of a delivery claimed from the line, which is then back in it or gone.
  // Errors of the store: then the delivery is in the line as it was.

  /// Due now; not one that is held.
  boost::asio::awaitable<Result<Changed>> retry(queue::DeliveryKey key);
  /// Nothing is done about it until release().
  boost::asio::awaitable<Result<Changed>> hold(queue::DeliveryKey key);
  /// A held one is due now.
  boost::asio::awaitable<Result<Changed>> release(queue::DeliveryKey key);
  /// Ends it with a notice to its sender that gives the reason, one line of text; about recipients
  /// whose failure the sender wants to hear of.
  boost::asio::awaitable<Result<Changed>> bounce(queue::DeliveryKey key, std::string reason);
  /// Ends it, and nobody is told.
  boost::asio::awaitable<Result<Changed>> remove(queue::DeliveryKey key);

 private:
  struct Job;
  boost::asio::awaitable<void> run_job(Job job);
  boost::asio::awaitable<bool> note_attempt(Job& job);
  boost::asio::awaitable<void> attempt(Job job);
  boost::asio::awaitable<void> give_way(Job job, queue::Times otherwise);
  boost::asio::awaitable<void> announce_delay(Job job);
  boost::asio::awaitable<void> expire(Job job);
  boost::asio::awaitable<void> end(Job job, std::vector<OwedWord> words);

  boost::asio::awaitable<void> settle(Job job);
  boost::asio::awaitable<NoticeDesk::Telling> tell(Job& job);
  void finish(Job job, queue::Batch removals);
  NoticeDesk::Withdrawn withdraw_untold(Job& job);
  void note_gone(const queue::Message& message, bool took_it_along);
  void give_back(Job& job);
  [[nodiscard]] UtcTime since() const;
  [[nodiscard]] queue::Times times_of(const queue::Delivery& delivery,
                                      queue::Notifiable sender) const;
  using Edit = bool (*)(queue::Delivery& delivery, UtcTime now);
  boost::asio::awaitable<Result<Changed>> rewrite(queue::DeliveryKey key, Edit edit,
                                                  Durability durability);
  void recall(queue::Delivery& delivery) const;
  void unreadable(Claim claim, const Error& why);
  void log_results(const Job& job, const AttemptResult& result, UtcTime started) const;
  void apply(Job& job, const AttemptResult& result);
  static void tell_of_failure(Job& job, OwedWord word);
  void note_delivered(Job& job, const queue::Recipient& recipient,
                      const RecipientResult& outcome) const;

  CourierParts parts_;
  CourierSettings settings_;
  Budget bodies_;               // read back whole, and held in memory
  std::atomic<UtcTime> since_;  // nobody could be served before; see note_gap()
};

}  // namespace fulmar::delivery
