// Storing what became of mail: an outcome that is not stored is a duplicate, or a bounce that
// nobody hears of, so nobody gives up before the program ends.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>

#include "base/message_id.h"
#include "queue/store.h"

namespace fulmar::delivery {

/// As Store::commit_relaxed(), or Store::commit().
enum class Durability : std::uint8_t { relaxed, synced };

/// Tries until the spool has it, with pauses of a second to a minute and a line in the log for each
/// failure. `id` is of the message it is about. False only when the spool is being closed.
boost::asio::awaitable<bool> commit_outcome(queue::Store& store, MessageId id, queue::Batch batch,
                                            Durability durability);

}  // namespace fulmar::delivery
