// Of what a sender is to hear once it is known what became of recipients: by NOTIFY, by what it was
// told before, and by whether the next host took over the duty to tell. And the facts for it. Pure.
// RFC 3461 §5.2
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "mta/delivery/ledger.h"
#include "mta/notice/notice.h"
#include "mta/notice/summary.h"
#include "queue/message.h"

namespace fulmar::delivery {

/// What its sender is to hear of one recipient.
struct OwedWord {
  notice::NoticeKind kind = notice::NoticeKind::failed;
  /// As the spool would hold it; for good news with the host that took it over, and its reply.
  queue::Recipient recipient;
  bool expired = false;  ///< Waiting reached its limit.
  friend bool operator==(const OwedWord&, const OwedWord&) = default;
};

/// What one delivery owes the sender of its message.
struct OwedNotice {
  queue::Message message;
  queue::Delivery delivery;     ///< Its times and history; its own recipients do not count.
  std::vector<OwedWord> words;  ///< Not empty.
  /// For words of delay: of the whole delivery; the attempts as queue::next_attempts().
  std::vector<UtcTime> next_attempts;
  UtcTime give_up_at{};
  /// The message's, when it is to come back and could be read; at most notice::kMaxReturned octets.
  std::string content;
  bool held = false;  ///< For the summary; abridged().
  friend bool operator==(const OwedNotice&, const OwedNotice&) = default;
};

/// Whether it counts that `recipient` failed. With the null reverse-path it does, whatever NOTIFY
/// says: nobody can be told, but our operator is, by a line in the log.
[[nodiscard]] bool counts_as_failed(const queue::Message& message,
                                    const queue::Recipient& recipient);

/// Whether the sender is to hear that `recipient` was `delivered`: nobody behind us says it. RFC
/// 3461 §5.2.2
[[nodiscard]] bool is_owed_relayed(const queue::Message& message, const queue::Recipient& recipient,
                                   const RecipientResult& delivered);

/// Whether the sender is to hear that the delay of `recipient`, one of `delivery`, is over: it was
/// told of the delay, and did not say what it wants to hear of, or else only SUCCESS counts (RFC
/// 3461 §4.1).
[[nodiscard]] bool is_owed_cleared(const queue::Message& message, const queue::Delivery& delivery,
                                   const queue::Recipient& recipient, const conf::Notify& notify);

/// Its last failure decided.
[[nodiscard]] OwedWord failed(queue::Recipient recipient);
/// Its waiting reached the limit, with its last failure as the cause.
[[nodiscard]] OwedWord expired(queue::Recipient recipient);
/// Our operator ended it, for `reason`; whatever happened before does not count.
[[nodiscard]] OwedWord ended(queue::Recipient recipient, const std::string& reason);
[[nodiscard]] OwedWord delayed(queue::Recipient recipient);
/// Good news of `kind`: who took it over.
[[nodiscard]] OwedWord handed_over(notice::NoticeKind kind, queue::Recipient recipient,
                                   const RecipientResult& delivered);

/// Whether no summary may tell of it: the sender asked for reports in so many words, by NOTIFY or
/// ENVID, and programs may wait for them; or REQUIRETLS or TLS-Required: No hold for its notice,
/// and must not hold for what is told of other messages.
[[nodiscard]] bool stands_alone(const OwedNotice& owed);

/// Adds what a notice says of `owed`.
void add_facts(const OwedNotice& owed, notice::NoticeFacts& facts);

/// The same for a summary.
void add_entries(const OwedNotice& owed, notice::SummaryFacts& facts);

/// What a summary needs of it: no content; of the decision record the relay; of the header the
/// subject, and what tells the language.
[[nodiscard]] OwedNotice abridged(OwedNotice owed);

}  // namespace fulmar::delivery
