// When to try again, and what else is due for a waiting delivery. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "conf/config.h"
#include "queue/message.h"
#include "queue/scheduler.h"

namespace fulmar::queue {

/// `attempts` started so far, the one about to run included: intervals[attempts - 1], the last one
/// repeating, ±10 % jitter.
[[nodiscard]] UtcTime next_attempt(std::uint32_t attempts, UtcTime now, const conf::Retry& retry,
                                   Random& random);

/// arrived + give_up_after. Where [failure] has one for the class of the last failure, that long
/// after mail began to fail that way, but not past either limit counted from arrival. The latest of
/// them when recipients failed differently. From then on the delivery gets one last attempt, and is
/// then bounced with its last cause.
[[nodiscard]] UtcTime expires_at(const Delivery& delivery, const conf::Retry& retry);

/// When the attempts to come are made, the soonest first, at most `count` of them: the first as
/// planned, the others without their jitter, the last one at expires_at(); none before `now`.
[[nodiscard]] std::vector<UtcTime> next_attempts(const Delivery& delivery, UtcTime now,
                                                 const conf::Retry& retry, std::size_t count);

/// When the next notice of delay is due: the first one security_delay_after or delay_after past
/// arrival, by the class of the last failure, the others repeat_after past arrival. Empty when none
/// is due any more, nothing has failed yet, or the sender asked for none about any recipient that
/// has (NOTIFY, RFC 3461 §5.2.5).
[[nodiscard]] std::optional<UtcTime> delay_notice_at(const Delivery& delivery,
                                                     const conf::Notify& notify);

/// `delivery.delay_notices` once a notice of delay is made at `now`: times for one that went by
/// unused do not bring another.
[[nodiscard]] std::uint32_t delay_notices_by(const Delivery& delivery, UtcTime now,
                                             const conf::Notify& notify);

/// Whether somebody can be told: nothing is ever sent to the null reverse-path (RFC 5321 §6.1).
enum class Notifiable : std::uint8_t { yes, no };

enum class Due : std::uint8_t { nothing, attempt, delay_notice, expiry };

/// Whether an attempt may be made.
enum class Room : std::uint8_t { yes, no };

/// What is due at `now`; expiry before notice before attempt, but what can be attempted is, before
/// a notice tells of an attempt that was made before its time; without room for that attempt it
/// gets patience_for_room() from `since` on. Once its time is over, a delivery is attempted unless
/// the last one in its history began after that, and it is never put off past that time. Where
/// there is no room for that attempt, it expires without it patience_for_room() later, counted from
/// `since` at least: when there could be room for the first time, such as this program's start. For
/// a held delivery nothing is due. REQUIRES: the full record, with its history.
[[nodiscard]] Due what_is_due(const Delivery& delivery, UtcTime now, const conf::Retry& retry,
                              const conf::Notify& notify, Notifiable sender, Room room,
                              UtcTime since);

/// How long a delivery whose time is over waits for room for its last attempt, and after a start
/// one whose notice is due for the attempt before that: a tenth of give_up_after, an hour at most.
[[nodiscard]] std::chrono::milliseconds patience_for_room(const conf::Retry& retry);

/// When what_is_due() stops being `nothing`: with room, and without; never for a held delivery.
/// Needs no history.
[[nodiscard]] Times times_of(const Delivery& delivery, const conf::Retry& retry,
                             const conf::Notify& notify, Notifiable sender, UtcTime since,
                             UtcTime now);

/// The same while no attempt may be made because the destination is suspended: expiry and the
/// notice of delay come on time, also before a first attempt, and without a last one (pitfall 84).
[[nodiscard]] Due due_while_suspended(const Delivery& delivery, UtcTime now,
                                      const conf::Retry& retry, const conf::Notify& notify,
                                      Notifiable sender);
[[nodiscard]] UtcTime next_event_while_suspended(const Delivery& delivery, const conf::Retry& retry,
                                                 const conf::Notify& notify, Notifiable sender);

// The wall clock was set back (pitfall 90). Times in the spool are told by the clock of when they
// were written.

/// All times of the record, so much earlier.
void move_back(Delivery& record, std::chrono::milliseconds by);

/// Whether the delivery was accepted or tried later than `now`: nobody knows how long it has
/// waited. REQUIRES: the full record.
[[nodiscard]] bool is_ahead_of(const Delivery& record, UtcTime now);

/// Where that is so, the record becomes as if it had been just now, and is due at once.
void bring_to_present(Delivery& record, UtcTime now);

}  // namespace fulmar::queue
