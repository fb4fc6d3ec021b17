// When a sender is told what its message's deliveries owe it: at once, or, while other deliveries
// of the message may soon owe something too, some seconds later, so that one notice tells of all
// (RFC 3461 §5.2.8). What waits to be told stands in the spool from the moment it is owed: a batch
// holds the outcome of a delivery and either the notice or a record of what is owed, and the notice
// and the removal of those records are one batch too. So nothing is told twice, and nothing
// forgotten. What is more than one sender may get in a time waits for the end of that time, when
// one summary tells of it (pitfall 102).
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "mta/delivery/notice_quota.h"
#include "mta/delivery/owed_notices.h"
#include "mta/delivery/report_back.h"
#include "mta/delivery/waiting_line.h"
#include "queue/store.h"

namespace fulmar::delivery {

/// All must outlive the desk.
struct NoticeDeskParts {
  queue::Store& store;
  ReportBack& report_back;
  WaitingLine& line;  ///< Notices are delivered as any message is.
  Clock& clock;
  Random& random;
  Metrics& metrics;
};

/// Thread-safe.
class NoticeDesk {
 public:
  /// How long what is owed first waits for more about the same message.
  static constexpr std::chrono::seconds kGather{10};
  /// Octets of what waits for more about its message, and again of what waits for summaries. What
  /// does not fit in is told at once: by the sender's summary before its time, or a notice.
  static constexpr std::size_t kMemory = 16UL << 20;

  /// `max_per_sender`: of [notify].
  NoticeDesk(NoticeDeskParts parts, std::optional<conf::Rate> max_per_sender);

  /// Once, before anything is delivered: what was owed when the program ended. What does not decode
  /// is logged and left where it is. Errors of the store.
  boost::asio::awaitable<Result<>> load();

  /// Of what is owed, that which waits: its record in the spool.
  struct Waiting {
    MessageId record;
    OwedNotice owed;
    std::shared_ptr<Budget::Share> memory;  ///< Null when it is not counted.
  };
  /// How it is told: `operations` belong in the batch with the outcome, and note_stored() follows
  /// when that is stored.
  struct Telling {
    queue::Batch operations;
    std::optional<SpooledNotice> notice;  ///< Without its operations.
    std::optional<Waiting> gathered;      ///< Waits for more about the same message, or
    std::vector<Waiting> held;            ///< waits for the summary; unless there is a notice.
    std::vector<MessageId> about;         ///< One message; or those of a summary.
  };
  /// `siblings`: other deliveries of the message may owe something yet. REQUIRES: the message has a
  /// sender.
  [[nodiscard]] Telling tell(OwedNotice owed, WaitingLine::Siblings siblings);
  void note_stored(Telling telling);

  struct Withdrawn {
    queue::Batch operations;          ///< Belong in the batch with the outcome.
    std::vector<Mailbox> never_told;  ///< Whose first delay it was.
    std::vector<Waiting> before;      ///< What was owed,
    std::vector<Waiting> rest;        ///< and what of it still is.
  };
  /// The delivery's recipients but for `waiting` wait no more: a delay of theirs that is owed and
  /// not told yet is not owed any more. Nobody else tells of what was withdrawn before one of the
  /// two functions below is called. REQUIRES: the message has a sender.
  [[nodiscard]] Withdrawn withdraw_delays(const queue::Message& message,
                                          const MailHost& destination,
                                          const std::vector<queue::Recipient>& waiting);
  /// The batch is stored.
  void note_withdrawn(Withdrawn withdrawn);
  /// It could not be.
  void give_back(Withdrawn withdrawn);

  /// What is owed and not yet in the queue as a notice, in records; of deliveries that ended.
  [[nodiscard]] std::size_t waiting();

  /// Tells what has waited long enough.
  boost::asio::awaitable<void> tell_due();

  /// Looks once a second, until stop().
  boost::asio::awaitable<void> run();
  void stop() { stopping_ = true; }

 private:
  struct Gathered {
    SteadyTime due;
    std::vector<Waiting> all;
  };

  struct Held {
    SteadyTime due;
    std::vector<Waiting> all;
  };

  [[nodiscard]] Telling tell_now(std::vector<Waiting> stored, std::optional<OwedNotice> last);
  [[nodiscard]] Telling summarize(std::vector<Waiting> stored);
  [[nodiscard]] std::optional<Telling> hold(const std::vector<Waiting>& all);
  [[nodiscard]] bool may_tell(const Mailbox& sender);
  [[nodiscard]] static std::optional<Waiting> to_keep(OwedNotice owed, MessageId record,
                                                      Budget& budget, queue::Batch& operations);
  [[nodiscard]] std::chrono::milliseconds rest_of_gather(const Waiting& waiting) const;
  void gather(Waiting waiting);
  void hold_back(std::vector<Waiting> all);
  void wait_on(std::vector<Waiting> all);
  [[nodiscard]] std::vector<Waiting> take(const MessageId& message);
  [[nodiscard]] std::vector<Waiting> take_held_of(const std::string& sender);
  [[nodiscard]] std::vector<Telling> begin_due();
  void note_told();
  boost::asio::awaitable<bool> store(std::vector<Telling> tellings);

  NoticeDeskParts parts_;
  Budget gathered_memory_{kMemory};
  Budget held_memory_{kMemory};
  std::mutex mutex_;
  std::map<MessageId, Gathered> gathered_;  // guarded by mutex_; by message
  NoticeQuota quota_;                       // guarded by mutex_
  std::map<std::string, Held> held_;        // guarded by mutex_; by sender
  std::size_t being_told_ = 0;              // guarded by mutex_; by tell_due()
  std::atomic<bool> stopping_{false};
};

}  // namespace fulmar::delivery
