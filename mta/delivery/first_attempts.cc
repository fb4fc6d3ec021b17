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

bool FirstAttempts::all_known() const {
  const std::lock_guard lock(mutex_);
  return recovered_.empty() && broken_off_.empty();
}

FirstAttempts::Running::~Running() {
  if (attempts_ == nullptr) return;
  const std::lock_guard lock(attempts_->mutex_);
  attempts_->broken_off_.insert(message_);
}

}  // namespace fulmar::delivery
