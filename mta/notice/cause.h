// Which texts a notice needs for what happened: the decisions behind the words. Pure.
//
// A cause is what a reader can tell apart: mostly a class of failure, sometimes a class with a
// status (a full mailbox). What may be claimed about the sending is decided here too; the words for
// both stand in texts, one file a language, which can change the words alone.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "queue/message.h"

namespace fulmar::notice {

/// What is claimed about the sending; to_string() is the key in [sent].
enum class Sent : std::uint8_t {
  // Of the latest attempt, or of what the other server did: true whatever was before.
  nothing_left,
  not_taken,
  stopped_here,
  no_word,
  // Of every attempt: untrue once a host was shown something without protection.
  no_place,
  nobody_vouches,
  nothing_unencrypted,
  nothing_unprotected,
  nothing_unknown,
  nothing_against_rule,
  nothing_against_wish,
  // In the place of a claim about every attempt, by what was shown.
  envelope_shown,
  envelope_shown_at_least,  ///< An attempt has no end that is known.
  content_shown,
  // In the place of a claim that nothing was sent or taken, by how far the message came.
  begun,
  may_have_arrived,
  // Of a message that was handed over.
  passed_on,
  passed_on_envelope_shown,
  passed_on_content_shown,
};
inline constexpr std::size_t kSentClaims = 19;
[[nodiscard]] std::string_view to_string(Sent claim);

struct Cause {
  std::string_view name;  ///< The key in [happened] and [mend].
  Sent sent = Sent::nothing_left;
};

/// Never fails: a class without a cause of its own is trouble of our own server.
[[nodiscard]] const Cause& cause_of(const Error& failure);

/// `cause.sent`, or what is true in its place when hosts were shown `exposure` without protection,
/// and the message came as far as `given`. One claim, or two to be said in this order: never empty.
[[nodiscard]] std::vector<Sent> sent_of(const Cause& cause, queue::Exposure exposure,
                                        const queue::GivenSoFar& given);

/// Of a message that went on. `exposure`: what hosts were shown without protection, the one that
/// took it over included.
[[nodiscard]] Sent sent_when_passed_on(queue::Exposure exposure);

/// Every name once, in the order of Errc; those of failures only.
[[nodiscard]] std::span<const std::string_view> cause_names();

}  // namespace fulmar::notice
