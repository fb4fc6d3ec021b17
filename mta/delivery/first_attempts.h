// Which deliveries may have been attempted without a trace of it in their records. A first attempt
// is not noted before it is made (courier.h), so of one that a crash or an exception ended nobody
// knows how far the message came; a notice must not claim then that nothing was delivered.
#pragma once

#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "base/message_id.h"

namespace fulmar::delivery {

/// Thread-safe, but for note_recovered() and keep_only(), which come first.
class FirstAttempts {
 public:
  /// An untried delivery of `message` was in the spool when the program started. In the order of
  /// ids, as recovery finds them.
  void note_recovered(const MessageId& message);
  /// The stop before left no attempt without its end, but for what was in doubt then.
  void keep_only(std::vector<MessageId> in_doubt);

  /// REQUIRES: a record of this message says that nothing was attempted.
  [[nodiscard]] bool may_have_begun(const MessageId& message) const;

  /// Those of which it may be so, for the next start; some of them may be gone.
  [[nodiscard]] std::vector<MessageId> in_doubt() const;

  /// A first attempt that is under way. Without an end(), an exception ended it.
  class Running {
   public:
    /// `attempts` must outlive this, or be null: then the record tells of the attempt.
    Running(FirstAttempts* attempts, const MessageId& message)
        : attempts_(attempts), message_(message) {}
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    void end() { attempts_ = nullptr; }

   private:
    FirstAttempts* attempts_;
    MessageId message_;
  };

 private:
  std::vector<MessageId> recovered_;  // sorted
  mutable std::mutex mutex_;
  std::set<MessageId> broken_off_;  // guarded by mutex_
};

}  // namespace fulmar::delivery
