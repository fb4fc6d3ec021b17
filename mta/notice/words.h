// What a person is told, per class of failure: a table of plain sentences. Pure data;
// docs/notices.md has the rules.
// And what they are told of a message that went on to a server which promises no more.
//
// The sentences know no codes and no names of protocols. Placeholders: {domain} is what stands
// right of the @ of the recipient, {postmaster} our operator's address, {reason} our operator's
// words, where a class has them for its detail, {server} the server that took the message over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "queue/message.h"

namespace fulmar::notice {

/// What a sentence about the sending speaks of.
enum class Claim : std::uint8_t {
  latest,  ///< The latest attempt, or what the other server did: true whatever was before.
  always,  ///< Every attempt: untrue once a host was shown something without protection.
};

struct Words {
  std::string_view happened;    ///< What went wrong.
  std::string_view sent;        ///< What has left our server, and under which protection.
  std::string_view mend;        ///< Who can mend it, and how.
  Claim claim = Claim::latest;  ///< Of `sent`.
};

/// Never fails: a class that has no sentences of its own is trouble of our own server.
[[nodiscard]] const Words& words_for(const Error& failure);

/// Of a message that was handed over. `exposure`: what hosts were shown without protection, this
/// one included.
[[nodiscard]] const Words& words_for_relayed(queue::Exposure exposure);

/// `words.sent`, or what is true in its place when hosts were shown `exposure` without protection.
[[nodiscard]] std::string_view sent_sentence(const Words& words, queue::Exposure exposure);

/// What placeholders stand for.
struct Values {
  std::string domain;
  std::string postmaster;
  std::string reason;
  std::string server;
};

/// `sentence` with its placeholders filled in.
[[nodiscard]] std::string fill_in(std::string_view sentence, const Values& values);

}  // namespace fulmar::notice
