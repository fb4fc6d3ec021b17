// The program around a session, for tests: answers its questions, and keeps what it wrote and
// stored.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/smtp/server_session.h"

namespace fulmar::smtp {

inline ServerOptions usual() {
  return {.hostname = Domain::parse("relay.example").value(),
          .message_size = 100'000,
          .recipients_per_message = 100,
          .received_headers = 100,
          .relaying = ServerOptions::Relaying::allowed,
          .tls = ServerOptions::Tls::offered};
}

class Dialogue {
 public:
  explicit Dialogue(ServerOptions options = usual()) : session_(std::move(options)) {
    settle(SessionStarted{});
  }

  /// What the server says to `bytes`; the session is waiting for more afterwards, or over.
  std::string say(std::string_view bytes) {
    said_.clear();
    if (over_) {
      ADD_FAILURE() << "said to a session that is over: " << bytes;
      return {};
    }
    settle(ServerBytesReceived{bytes});
    return said_;
  }
  std::string say_one_by_one(std::string_view bytes) {
    std::string all;
    for (std::size_t i = 0; i < bytes.size() && !over_; ++i)
      all += say(bytes.substr(i, 1));
    return all;
  }
  std::string tell(const ServerEvent& event) {
    said_.clear();
    settle(event);
    return said_;
  }
  /// EHLO, MAIL and two RCPT.
  Dialogue& with_envelope() {
    say("EHLO client.example\r\n");
    say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@f.example>\r\n");
    return *this;
  }
  std::string send(std::string_view body) {
    say("DATA\r\n");
    return say(body);
  }

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] const ServerSession& session() const { return session_; }

  std::string greeting;
  std::vector<std::string> writes;
  std::vector<std::string> committed;  ///< Bodies.
  std::vector<IncomingEnvelope> envelopes;
  std::vector<Error> abandoned;
  std::optional<DataFacts> facts;
  std::vector<std::uint64_t> declared;
  std::vector<std::string> senders;      ///< "user as address", of each MAIL that was asked about.
  std::vector<std::string> logins;       ///< "user:password"
  std::vector<std::string> scram_said;   ///< "first:octets" or "later:octets".
  std::vector<std::string> originators;  ///< Of the last message.
  int handshakes = 0;
  // What the program answers.
  ServerUser certified;
  std::size_t user_recipients = 0;
  std::optional<CredentialsRefused::Why> refuse_login;
  std::vector<ServerEvent> scram_answers;  ///< To the messages of SCRAM, the next one first.
  std::optional<Error> refuse_envelope;
  std::optional<Error> refuse_begin;
  std::optional<Error> refuse_data;
  std::optional<Error> refuse_commit;

 private:
  void settle(const ServerEvent& event) {
    std::optional<ServerEvent> next = event;
    while (next) {
      ServerAction action = session_.resume(*next);
      next = std::visit([this](auto& wanted) { return answer(wanted); }, action);
    }
  }
  std::optional<ServerEvent> answer(ServerRead&) { return std::nullopt; }
  std::optional<ServerEvent> answer(ServerClose&) {
    over_ = true;
    return std::nullopt;
  }
  std::optional<ServerEvent> answer(ServerWrite& write) {
    EXPECT_FALSE(write.bytes.empty());
    EXPECT_TRUE(write.bytes.ends_with("\r\n"));
    if (greeting.empty()) {
      greeting = write.bytes;
    } else {
      said_ += write.bytes;
    }
    writes.push_back(write.bytes);
    return ServerBytesWritten{};
  }
  std::optional<ServerEvent> answer(ServerStartTls&) {
    ++handshakes;
    return ServerTlsEstablished{certified};
  }
  std::optional<ServerEvent> answer(CheckCredentials& question) {
    logins.push_back(question.credentials.user() + ':' + question.credentials.password());
    if (refuse_login) return CredentialsRefused{*refuse_login};
    return CredentialsAccepted{
        {.name = question.credentials.user(), .recipients_per_message = user_recipients}};
  }
  std::optional<ServerEvent> answer(AnswerScram& question) {
    const bool is_first = question.message.place == ScramMessage::Place::first;
    scram_said.push_back((is_first ? "first:" : "later:") + question.message.octets);
    if (scram_answers.empty()) {
      ADD_FAILURE() << "nobody knows what to say to " << scram_said.back();
      return CredentialsRefused{};
    }
    const ServerEvent answer = scram_answers.front();
    scram_answers.erase(scram_answers.begin());
    return answer;
  }
  std::optional<ServerEvent> answer(MayAccept& question) {
    declared.push_back(question.declared_size);
    senders.push_back(question.user + " as " + (question.sender ? question.sender->text : ""));
    if (refuse_envelope) return EnvelopeRefused{*refuse_envelope};
    return EnvelopeAccepted{};
  }
  std::optional<ServerEvent> answer(BeginMessage& begin) {
    EXPECT_TRUE(session_.in_message());
    if (refuse_begin) return StoreRefused{*refuse_begin};
    envelopes.push_back(begin.envelope);
    body_.clear();
    return MessageBegun{.date = "Sat, 21 Nov 2026 00:00:00 +0000",
                        .message_id = "<id@relay.example>"};
  }
  std::optional<ServerEvent> answer(StoreData& data) {
    EXPECT_FALSE(data.bytes.empty());
    if (refuse_data) return StoreRefused{*refuse_data};
    body_ += data.bytes;
    return DataStored{};
  }
  std::optional<ServerEvent> answer(CommitMessage& commit) {
    if (refuse_commit) return StoreRefused{*refuse_commit};
    facts = commit.facts;
    originators.clear();
    for (const Mailbox& originator : commit.originators)
      originators.push_back(originator.text);
    committed.push_back(body_);
    return MessageSafe{"ID" + std::to_string(committed.size())};
  }
  std::optional<ServerEvent> answer(AbandonMessage& abandon) {
    EXPECT_FALSE(session_.in_message());
    abandoned.push_back(abandon.why);
    return DataStored{};
  }

  ServerSession session_;
  std::string said_;
  std::string body_;
  bool over_ = false;
};

}  // namespace fulmar::smtp
