// What the spool holds: messages, and for each message one Delivery per destination.
//
// A Message (the envelope) is written once and never changed. A Delivery is the recipients of one
// message that share a next-hop domain, with their schedule and history; it is rewritten after each
// attempt and removed when all of its recipients are final. The last Delivery to go takes the
// message and its body along. Because each Delivery is a record of its own, two destinations of one
// message never contend for it.
//
//   Delivery:  waiting ──attempt──► waiting (some recipients deferred)
//                     └───────────► removed (all delivered or bounced)
//
// An operator may hold a delivery: nothing at all is done about it until it is released.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/dsn.h"
#include "base/error.h"
#include "base/message_id.h"

namespace fulmar::queue {

/// Body octets a chunk holds at most.
inline constexpr std::size_t kChunkSize = 64 * 1024;

/// The envelope and what intake learnt. Immutable.
struct Message {
  MessageId id;
  std::optional<Mailbox> sender;  ///< Empty: the null reverse-path.
  UtcTime arrived{};
  std::uint64_t size =
      0;  ///< Octets of the body, our Received field included, before dot-stuffing.
  std::uint32_t chunks = 0;  ///< Body chunks 0..chunks-1, each full but the last.
  bool eight_bit = false;    ///< BODY=8BITMIME was declared, or octets over 127 were seen.
  bool requiretls = false;  ///< MAIL demanded REQUIRETLS: every copy is bound by it. RFC 8689 §4.1
  bool tls_optional = false;  ///< TLS-Required: No, and no REQUIRETLS.
  /// It came with SMTPUTF8 and needs it: an address or a header field is beyond ASCII. It goes to
  /// hosts that list SMTPUTF8 only. RFC 6531 §3.2
  bool smtputf8 = false;
  DsnReturn ret = DsnReturn::unstated;  ///< RET, RFC 3461 §4.3
  std::string envelope_id;              ///< ENVID in xtext, as it came; empty without one.
  std::string user;                     ///< Who was authenticated; empty: nobody.
  std::string client;  ///< "name[address]" of who handed it over; empty for our own notices.
  std::optional<MessageId> about;  ///< Of our own notices: the message that it tells of.
  std::string helo;                ///< What that client called itself.
  std::string header;  ///< The first octets of the header section, at most 16 KB, whole fields
                       ///< only: for notices.
  friend bool operator==(const Message&, const Message&) = default;
};

/// How much of a message some host was shown without TLS; grows only.
enum class Exposure : std::uint8_t {
  nothing,
  envelope,  ///< MAIL FROM and RCPT TO.
  content,   ///< The message itself, or part of it.
};

/// How far the message itself came at hosts that are not known to have taken it, under TLS or
/// without: the more, the less a notice may claim.
enum class Given : std::uint8_t {
  nothing,   ///< No octet of it was sent.
  content,   ///< It, or part of it, and it was not taken: refused, or broken off.
  unknown,   ///< An attempt began, and the program ended before it did.
  in_doubt,  ///< All of it, without an answer: it may have been taken. RFC 1047
};

/// Over the attempts of one recipient.
struct GivenSoFar {
  Given latest = Given::nothing;  ///< In the latest attempt; `unknown` while that runs.
  Given before = Given::nothing;  ///< The most in the attempts before that one.
  [[nodiscard]] Given most() const { return latest > before ? latest : before; }
  friend bool operator==(const GivenSoFar&, const GivenSoFar&) = default;
};

struct Recipient {
  Mailbox address;
  DsnNotify notify;                ///< RFC 3461 §4.1
  std::string original_recipient;  ///< ORCPT as it came, "rfc822;bob@b.example"; empty without one.
  /// The last word about this recipient while it waits; empty before the first attempt.
  std::optional<Error> last_failure;
  /// When the first of the attempts began that have failed since then with failures of this class,
  /// one key of [failure]; means nothing without a last failure.
  UtcTime failing_since{};
  bool one_cause =
      false;  ///< Every host failed for the class of `last_failure`, not this one alone.
  std::string
      last_host;  ///< "mx1.b.example[192.0.2.7]:25" that gave it; empty when no host took part.
  std::string
      last_reply;  ///< The host's reply verbatim; empty when the failure is our own finding.
  /// Over all attempts so far, so that no notice claims more protection than there was.
  Exposure exposure = Exposure::nothing;
  GivenSoFar given;  ///< So that no notice says "nothing was sent" of what was.
  friend bool operator==(const Recipient&, const Recipient&) = default;
};

/// One attempt, newest last; written before it begins, with "{}" as its decision until it ends.
/// Kept for `queue show` and notices; at most kMaxAttemptsKept.
struct Attempt {
  UtcTime at{};
  std::string decision;  ///< The decision record: a JSON object, at most 8 KB.
  friend bool operator==(const Attempt&, const Attempt&) = default;
};
inline constexpr std::size_t kMaxAttemptsKept = 8;

struct Delivery {
  MessageId message;
  MailHost destination;  ///< Next-hop domain or address literal; with `message` the key.
  std::vector<Recipient> recipients;  ///< Those not final yet. Never empty in the spool.
  UtcTime arrived{};  ///< The message's, repeated here so that the schedule needs no second record.
  UtcTime next_attempt{};  ///< Written before an attempt as the time of the one after it, so that a
                           ///< crash during the attempt cannot become a tight loop.
  std::uint32_t attempts = 0;  ///< Started, the running one included.
  /// Times for a notice of delay that are over, those that went by unused included; 0 while the
  /// sender was not told.
  std::uint32_t delay_notices = 0;
  std::uint32_t first_host = 0;  ///< Where the next attempt begins among the hosts: the last one
                                 ///< had to stop before it.
  bool held = false;             ///< By an operator: neither attempted nor expired nor told of.
  std::vector<Attempt> history;
  friend bool operator==(const Delivery&, const Delivery&) = default;
};

/// Shortens the replies and the words of failures, so that a delivery to many recipients, all
/// refused at length, stays a record of reasonable size: 64 KB shared among the recipients, but 300
/// octets for each text at least and 4 KB at most. What is cut ends with "[...]".
void bound_texts(Delivery& delivery);

}  // namespace fulmar::queue
