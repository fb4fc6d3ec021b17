#include "client_dialogue.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fulmar::smtp {
namespace {

constexpr std::size_t kMaxActions = 10000;

/// REQUIRES: `lines` ends with CRLF.
std::string_view last_line_of(std::string_view lines) {
  const std::size_t before = lines.rfind('\n', lines.size() - 2);
  return before == std::string_view::npos ? lines : lines.substr(before + 1);
}

class Player {
 public:
  Player(const Script& script, const Play& how) : script_(script), how_(how) {}

  Outcome run() {
    ClientSession session = script_.kept
                                ? ClientSession(script_.options, script_.envelope, *script_.kept)
                                : ClientSession(script_.options, script_.envelope);
    ClientAction action = session.resume(Connected{});
    while (!std::holds_alternative<DoClose>(action) && !std::holds_alternative<DoKeep>(action)) {
      if (outcome_.actions > kMaxActions) {
        ADD_FAILURE() << "the session does not end";
        return outcome_;
      }
      action = answer(session, action);
      ++outcome_.actions;
    }
    EXPECT_TRUE(failing() || position_ == script_.lines.size())
        << "closed before: " << script_.lines[position_];
    outcome_.result = session.result();
    outcome_.kept = std::holds_alternative<DoKeep>(action);
    return outcome_;
  }

 private:
  [[nodiscard]] bool failing() const { return outcome_.actions >= how_.fail_at; }

  ClientAction answer(ClientSession& session, const ClientAction& action) {
    note_dot(action);
    if (failing()) return session.resume(broken(action));
    return std::visit([&](const auto& wanted) { return on(session, wanted); }, action);
  }

  void note_dot(const ClientAction& action) {
    if (std::holds_alternative<DoNextChunk>(action)) flight_ = flight_ || !mail_sent_;
    const auto* write = std::get_if<DoWrite>(&action);
    if (write == nullptr) return;
    mail_sent_ = mail_sent_ || write->bytes.starts_with("MAIL");
    const bool last_chunk = write->bytes.find(" LAST\r\n") != std::string::npos;
    if (last_chunk || (body_ended_ && !flight_)) outcome_.dot_sent = true;
  }

  ClientEvent broken(const ClientAction& action) const {
    if (std::holds_alternative<DoStartTls>(action)) {
      return TlsRefused{make_error(Errc::tls_handshake, "broken by the test")};
    }
    if (std::holds_alternative<DoNextChunk>(action)) {
      return BodyFailed{make_error(Errc::io, "broken by the test")};
    }
    return ConnectionLost{"broken by the test", how_.cause};
  }

  ClientAction on(ClientSession& session, const DoRead&) {
    if (server_.empty()) load_server_words();
    if (server_.empty()) return session.resume(lost());
    const std::string segment = server_.substr(0, std::min(how_.segment, server_.size()));
    server_.erase(0, segment.size());
    if (outcome_.dot_sent && !outcome_.answered_after_dot) {
      std::string& heard = outcome_.heard_after_dot;
      heard += segment;
      outcome_.answered_after_dot = heard.ends_with("\n") && server_.empty();
      outcome_.accepted_after_dot = outcome_.answered_after_dot && last_line_of(heard)[0] == '2';
    }
    return session.resume(BytesReceived{segment});
  }

  ClientAction on(ClientSession& session, const DoWrite& write) {
    outcome_.writes.push_back(write.bytes);
    std::string wanted;
    for (; next_is("C: ") || next_is("C+ "); ++position_) {
      const std::string& line = script_.lines[position_];
      wanted += line.substr(3) + (line[1] == ':' ? "\r\n" : "");
    }
    if (next_is("W")) ++position_;
    EXPECT_TRUE(write.bytes == wanted)
        << "before line " << position_ << ": " << write.bytes.substr(0, 200);
    if (write.bytes != wanted) return session.resume(ConnectionLost{"unexpected write"});
    if (next_is("LOST after write")) return session.resume(lost());
    if (next_is("LAST WORDS ")) return last_words(session);
    return session.resume(BytesWritten{});
  }

  ClientAction last_words(ClientSession& session) {
    std::string words;
    while (next_is("LAST WORDS "))
      words += script_.lines[position_++].substr(11) + "\r\n";
    const char kind = last_line_of(words)[0];
    outcome_.answered_after_dot = outcome_.dot_sent && (kind == '4' || kind == '5');
    if (outcome_.dot_sent) outcome_.heard_after_dot = words;
    return session.resume(BytesReceived{words});
  }

  ClientAction on(ClientSession& session, const DoStartTls&) {
    EXPECT_TRUE(next_is("TLS")) << "TLS started before line " << position_;
    const std::string how = next_is("TLS") ? script_.lines[position_++] : "TLS failed";
    if (how == "TLS") {
      server_.clear();
      return session.resume(TlsEstablished{});
    }
    if (how == "TLS refused") {
      return session.resume(TlsRefused{make_error(Errc::dane_mismatch, "no TLSA record matches"),
                                       TlsRefused::Handshake::complete});
    }
    return session.resume(TlsRefused{make_error(Errc::tls_handshake, "no shared cipher")});
  }

  ClientAction on(ClientSession& session, const DoNextChunk&) {
    if (next_chunk_ < script_.body.size()) {
      return session.resume(BodyChunk{script_.body[next_chunk_++]});
    }
    if (script_.body_fails) {
      return session.resume(BodyFailed{make_error(Errc::corrupt, "spool cannot be read")});
    }
    body_ended_ = true;
    return session.resume(BodyEnd{});
  }

  ClientAction on(ClientSession& session, const DoClose&) {
    ADD_FAILURE() << "DoClose wants no answer";
    return session.resume(Connected{});
  }

  ClientAction on(ClientSession& session, const DoKeep&) { return on(session, DoClose{}); }

  [[nodiscard]] bool next_is(std::string_view prefix) const {
    return position_ < script_.lines.size() && script_.lines[position_].starts_with(prefix);
  }

  void load_server_words() {
    while (next_is("S: "))
      server_ += script_.lines[position_++].substr(3) + "\r\n";
  }

  ConnectionLost lost() {
    const bool timeout = next_is("TIMEOUT");
    EXPECT_TRUE(timeout || next_is("LOST")) << "nothing to read at line " << position_;
    ++position_;
    return {"says the test",
            timeout ? ConnectionLost::Cause::timeout : ConnectionLost::Cause::closed};
  }

  const Script& script_;
  const Play& how_;
  Outcome outcome_;
  std::size_t position_ = 0;
  std::size_t next_chunk_ = 0;
  std::string server_;
  bool flight_ = false;  // the body was asked for before MAIL
  bool mail_sent_ = false;
  bool body_ended_ = false;
};

void expect_same(const SessionResult& a, const SessionResult& b) {
  EXPECT_EQ(a.failure, b.failure);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.tls, b.tls);
  EXPECT_EQ(a.tls_failed, b.tls_failed);
  EXPECT_EQ(a.starttls_offered, b.starttls_offered);
  EXPECT_EQ(a.in_doubt, b.in_doubt);
  EXPECT_EQ(a.stale, b.stale);
  EXPECT_EQ(a.shown_in_clear, b.shown_in_clear);
  ASSERT_EQ(a.recipients.size(), b.recipients.size());
  for (std::size_t i = 0; i < a.recipients.size(); ++i) {
    EXPECT_EQ(a.recipients[i].delivered, b.recipients[i].delivered);
    EXPECT_EQ(a.recipients[i].dsn_duty, b.recipients[i].dsn_duty);
    EXPECT_EQ(a.recipients[i].failure, b.recipients[i].failure);
    EXPECT_EQ(a.recipients[i].stage, b.recipients[i].stage);
    EXPECT_EQ(a.recipients[i].try_again_here, b.recipients[i].try_again_here);
  }
}

/// By what a host said to a flight, if anything: at MAIL, or by 421.
bool is_refused(std::string_view heard) {
  const bool at_mail = heard.starts_with('4') || heard.starts_with('5');
  const bool bdat_unknown = heard.find("\n50") != std::string_view::npos;
  return heard.empty() || at_mail || bdat_unknown || heard.find("421") != std::string_view::npos;
}

void expect_sound(const Script& script, const Outcome& outcome) {
  const SessionResult& result = outcome.result;
  const bool probe = script.options.purpose == ClientOptions::Purpose::probe;
  ASSERT_EQ(result.recipients.size(), probe ? 0 : script.envelope.recipients.size());
  for (const RecipientOutcome& one : result.recipients) {
    EXPECT_NE(one.delivered, one.failure.has_value()) << "exactly one outcome";
    if (one.delivered) {
      EXPECT_TRUE(outcome.accepted_after_dot);
      EXPECT_TRUE(one.reply && one.reply->positive());
    }
    EXPECT_TRUE(!one.try_again_here || outcome.accepted_after_dot);
    if (result.in_doubt && one.stage == Stage::final_dot) {
      EXPECT_NE(one.failure->retry, Retry::next_host) << "another host would make it two copies";
    }
  }
  if (result.tls_failed) {
    EXPECT_EQ(result.shown_in_clear, Shown::nothing)
        << "the caller decides about going on in clear";
  }
  EXPECT_FALSE(result.stale && (result.in_doubt || outcome.kept || !script.kept));
  EXPECT_TRUE(!result.stale || !outcome.dot_sent || is_refused(outcome.heard_after_dot))
      << "the message may be there";
  EXPECT_TRUE(outcome.dot_sent || !result.in_doubt);
  const bool all_answered = std::ranges::all_of(
      result.recipients, [](const RecipientOutcome& one) { return one.reply.has_value(); });
  EXPECT_TRUE(result.in_doubt || !outcome.dot_sent || outcome.answered_after_dot || all_answered ||
              result.stale);
}

}  // namespace

Outcome play(const Script& script, const Play& how) {
  return Player(script, how).run();
}

Outcome play_all_ways(const Script& script) {
  const Outcome whole = play(script);
  expect_sound(script, whole);
  {
    SCOPED_TRACE("octet by octet");
    const Outcome octets = play(script, {.segment = 1});
    expect_sound(script, octets);
    expect_same(whole.result, octets.result);
  }
  for (std::size_t i = 0; i < whole.actions; ++i) {
    for (const auto cause : {ConnectionLost::Cause::closed, ConnectionLost::Cause::timeout}) {
      SCOPED_TRACE("broken at action " + std::to_string(i));
      expect_sound(script, play(script, {.fail_at = i, .cause = cause}));
    }
  }
  return whole;
}

SessionResult play_everything(const Script& script) {
  return play_all_ways(script).result;
}

}  // namespace fulmar::smtp
