#include "mta/delivery/first_attempts.h"

#include <algorithm>

namespace fulmar::delivery {

void FirstAttempts::note_recovered(const MessageId& message) {
  if (recovered_.empty() || recovered_.back() != message) recovered_.push_back(message);
}

bool FirstAttempts::may_have_begun(const MessageId& message) const {
  if (std::ranges::binary_search(recovered_, message)) return true;
  const std::lock_guard lock(mutex_);
  return broken_off_.contains(message);
}

void FirstAttempts::keep_only(std::vector<MessageId> in_doubt) {
  recovered_ = std::move(in_doubt);
  std::ranges::sort(recovered_);
}

std::vector<MessageId> FirstAttempts::in_doubt() const {
  const std::lock_guard lock(mutex_);
  std::vector<MessageId> all = recovered_;
  all.insert(all.end(), broken_off_.begin(), broken_off_.end());
  return all;
}

FirstAttempts::Running::~Running() {
  if (attempts_ == nullptr) return;
  const std::lock_guard lock(attempts_->mutex_);
  attempts_->broken_off_.insert(message_);
}

}  // namespace fulmar::delivery
