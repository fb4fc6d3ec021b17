// Of what a sender is to hear once it is known what became of recipients: by NOTIFY, and by whether
// the next host took over the duty to tell. Pure. RFC 3461 §5.2
#pragma once

#include <vector>

#include "mta/delivery/ledger.h"
#include "mta/notice/notice.h"
#include "queue/message.h"

namespace fulmar::delivery {

/// A notice is owed for each list that is not empty.
struct Tidings {
  std::vector<notice::NoticeRecipient> failed;
  std::vector<notice::NoticeRecipient> relayed;

  [[nodiscard]] bool empty() const { return failed.empty() && relayed.empty(); }
};

/// Whether it counts that `recipient` failed. With the null reverse-path it does, whatever NOTIFY
/// says: nobody can be told, but our operator is, by a line in the log.
[[nodiscard]] bool counts_as_failed(const queue::Message& message,
                                    const queue::Recipient& recipient);

/// Whether the sender is to hear that `recipient` was `delivered`: nobody behind us says it. RFC
/// 3461 §5.2.2
[[nodiscard]] bool is_owed_relayed(const queue::Message& message, const queue::Recipient& recipient,
                                   const RecipientResult& delivered);

// The facts for a notice.

/// Its last failure.
[[nodiscard]] notice::NoticeRecipient as_failing(const queue::Recipient& recipient);
/// Who took it over.
[[nodiscard]] notice::NoticeRecipient as_relayed(const queue::Recipient& recipient,
                                                 const RecipientResult& delivered);

}  // namespace fulmar::delivery
