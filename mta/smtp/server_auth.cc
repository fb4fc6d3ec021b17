// AUTH on the server's side: when it is in order, and what becomes of it. RFC 4954
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "mta/smtp/server_state.h"

namespace fulmar::smtp {
namespace {

constexpr std::uint32_t kFailedLogins = 3;
constexpr std::uint32_t kUnfinishedLogins = 10;

CommandError out_of_order(std::string text) {
  return {.code = 503, .status = {5, 5, 1}, .text = std::move(text)};
}

}  // namespace

std::optional<CommandError> ServerSession::State::check(const Auth&) const {
  if (options.auth == ServerOptions::Auth::none) {
    return CommandError{.code = 502, .status = {5, 5, 1}, .text = "AUTH is not offered"};
  }
  if (tls != ServerOptions::Tls::active) {
    return CommandError{.code = 538, .status = {5, 7, 11}, .text = "AUTH needs TLS"};
  }
  if (!extended) return out_of_order("say EHLO first");
  if (!tally.user.empty()) return out_of_order("authenticated already");
  if (transaction) return out_of_order("not inside a transaction");
  return std::nullopt;
}

void ServerSession::State::run(const Auth& command) {
  if (is_followed_by_more()) return;
  if (const auto error = check(command)) return complain(*error);
  sasl = SaslExchange::find(command.mechanism, options.scram);
  if (!sasl) {
    return complain(504, {5, 5, 4},
                    "mechanisms here: " + std::string(sasl_mechanisms(options.scram)));
  }
  go_on(sasl->begin(command.response));
}

void ServerSession::State::read_response() {
  phase = Phase::command;  // unless there is another challenge
  if (const auto line = take_line({5, 5, 6})) return go_on(sasl->answer(*line));
  sasl.reset();
}

void ServerSession::State::go_on(SaslExchange::Step step) {
  if (const auto* asked = std::get_if<SaslExchange::Challenge>(&step)) {
    return challenge(asked->text);
  }
  if (auto* message = std::get_if<ScramMessage>(&step)) {
    return ask(AnswerScram{std::move(*message)}, Phase::checking);
  }
  sasl.reset();
  phase = Phase::command;
  if (auto* credentials = std::get_if<Credentials>(&step)) {
    return ask(CheckCredentials{std::move(*credentials)}, Phase::checking);
  }
  refuse_login(std::get<SaslExchange::Refusal>(step));
}

void ServerSession::State::challenge(const std::string& text) {
  replies.add_challenge(text);
  phase = Phase::sasl;
}

void ServerSession::State::refuse_login(SaslExchange::Refusal why) {
  switch (why) {
    case SaslExchange::Refusal::cancelled:
      complain(501, {5, 7, 0}, "cancelled");
      break;
    case SaslExchange::Refusal::malformed:
      complain(501, {5, 5, 2}, "malformed response");
      break;
    case SaslExchange::Refusal::denied:
      complain(535, {5, 7, 8}, "nobody acts for another here");
      break;
  }
  // What is begun and not ended costs us as much as a guess.
  if (++unfinished_logins >= kUnfinishedLogins) goodbye(421, {4, 7, 0}, "too many failed logins");
}

void ServerSession::State::on(const ScramChallenge& event) {
  FULMAR_CHECK(phase == Phase::checking && sasl.has_value());
  challenge(base64(event.octets));
}

void ServerSession::State::on(const CredentialsAccepted& event) {
  FULMAR_CHECK(phase == Phase::checking);
  phase = Phase::command;
  sasl.reset();
  take_user(event.user);
  agree(235, {2, 7, 0}, "authenticated");
}

void ServerSession::State::on(const CredentialsRefused& event) {
  FULMAR_CHECK(phase == Phase::checking);
  phase = Phase::command;
  sasl.reset();
  switch (event.why) {
    case CredentialsRefused::Why::wrong:
      complain(535, {5, 7, 8}, "wrong user name or password");
      return count_failed_login();
    case CredentialsRefused::Why::try_later:
      decline(454, {4, 7, 0}, "cannot check passwords now; try again later");
      return count_failed_login();
    case CredentialsRefused::Why::malformed:
      return refuse_login(SaslExchange::Refusal::malformed);
    case CredentialsRefused::Why::denied:
      return refuse_login(SaslExchange::Refusal::denied);
  }
}

void ServerSession::State::count_failed_login() {
  if (++failed_logins >= kFailedLogins) goodbye(421, {4, 7, 0}, "too many failed logins");
}

}  // namespace fulmar::smtp
