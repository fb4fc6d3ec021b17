// Scenes that the dialogues of the sending side are put together from, and what is expected of
// their ends.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "client_dialogue.h"

namespace fulmar::smtp {

using Lines = std::vector<std::string>;

inline Lines operator+(Lines a, const Lines& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline const Lines kGreeting = {"S: 220 mx.example ESMTP", "C: EHLO mail.client.example"};
inline const Lines kPlainHost = kGreeting + Lines{"S: 250 mx.example"};
inline const Lines kPipeliningHost = kGreeting + Lines{"S: 250-mx.example", "S: 250 PIPELINING"};
inline const Lines kChunkingHost =
    kGreeting + Lines{"S: 250-mx.example", "S: 250-PIPELINING", "S: 250 CHUNKING"};
inline const Lines kTlsHost =
    kGreeting + Lines{"S: 250-mx.example", "S: 250 STARTTLS", "C: STARTTLS"};
inline const Lines kUnderTls =
    kTlsHost + Lines{"S: 220 go ahead", "TLS", "C: EHLO mail.client.example", "S: 250 mx.example"};
inline const Lines kMail = {"C: MAIL FROM:<from@client.example>", "S: 250 ok"};
inline const Lines kRcpt = {"C: RCPT TO:<a@x.example>", "S: 250 ok"};
inline const Lines kData = {"C: DATA", "S: 354 go on"};
inline const Lines kBody = {"C: Subject: hi", "C: ", "C: hello", "C: ."};
inline const Lines kQuit = {"C: QUIT", "S: 221 bye"};
inline const Lines kTransaction =
    kMail + kRcpt + kData + kBody + Lines{"S: 250 2.0.0 queued"} + kQuit;

inline void expect_failure(const std::optional<Error>& failure, Errc code, Retry retry) {
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, code) << to_string(*failure);
  EXPECT_EQ(failure->retry, retry) << to_string(*failure);
}

/// Everyone and the session fail with the same.
inline void expect_all_fail(const SessionResult& result, Errc code, Retry retry) {
  expect_failure(result.failure, code, retry);
  for (const auto& one : result.recipients)
    EXPECT_EQ(one.failure, result.failure);
}

inline ClientSession one_recipient() {
  const Script defaults;
  return ClientSession(defaults.options, defaults.envelope);
}

inline Script three_recipients(const Lines& lines) {
  Script script{.lines = lines};
  script.envelope.recipients = {{"a@x.example"}, {"b@x.example"}, {"c@x.example"}};
  return script;
}

inline const Lines kGroup = {"C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example>",
                             "C: RCPT TO:<b@x.example>", "C: RCPT TO:<c@x.example>", "C: DATA"};

}  // namespace fulmar::smtp
