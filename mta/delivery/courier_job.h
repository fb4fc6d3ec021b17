// What a courier has in hand of one delivery. For the courier's own files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mta/delivery/claim.h"
#include "mta/delivery/courier.h"
#include "mta/delivery/owed_notices.h"
#include "queue/backoff.h"
#include "queue/message.h"
#include "queue/scheduler.h"

namespace fulmar::delivery {

struct Courier::Job {
  Claim claim;
  queue::Message message{};
  queue::Delivery delivery{};
  std::shared_ptr<const queue::BodyChunks> body{};  ///< In memory; null: to be read from the spool.
  bool first = false;                               ///< Accepted by this process and not tried yet.
  queue::Room room = queue::Room::yes;              ///< For an attempt.
  UtcTime not_before{};                             ///< The destination is suspended until then.
  bool noted = false;                               ///< The spool knows of the attempt.
  /// Something was shown in clear, or is in doubt, and the spool does not know of it yet.
  bool must_be_synced = false;
  queue::Ending ending = queue::Ending::untried;  ///< Of the attempt, once it is made.
  std::vector<OwedWord> owed{};                   ///< To the sender, together with the new state.

  [[nodiscard]] const MessageId& id() const { return message.id; }
};

}  // namespace fulmar::delivery
