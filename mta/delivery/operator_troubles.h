// What of deliveries is for our own operator to mend.
#pragma once

#include "base/troubles.h"
#include "mta/delivery/attempt.h"
#include "queue/message.h"

namespace fulmar::delivery {

/// After an attempt: notes a relay of ours that could not be used, and a rule that the hosts do not
/// fulfil, each once. What else stands in the way is for others to mend.
void note_troubles(Troubles& troubles, const AttemptResult& result);

/// `message` has the null reverse-path and did not reach `recipient`: nobody is told (RFC 5321
/// §6.1), but our operator hears of it in the log and, when it is a notice of ours, here (pitfall
/// 110).
void note_dropped(Troubles& troubles, const queue::Message& message,
                  const queue::Recipient& recipient);

}  // namespace fulmar::delivery
