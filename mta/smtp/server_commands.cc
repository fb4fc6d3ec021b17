// Lines, what most commands do, and how refusals add up.
#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "mta/smtp/server_state.h"

namespace fulmar::smtp {
namespace {

constexpr std::uint32_t kErrorsInARow = 20;
constexpr std::uint32_t kErrorsInAll = 50;
/// Octets of a chunk that is worth a command.
constexpr std::uint64_t kSmallChunk = 512;
/// Commands that bring no message nearer; whoever sends so many of them between two messages never
/// meant to send one.
constexpr std::uint32_t kIdleCommands = 10'000;

/// RCPT is counted where it adds nobody.
bool brings_a_message_nearer(const Command& command) {
  const auto* chunk = std::get_if<Bdat>(&command);
  return std::holds_alternative<Rcpt>(command) ||
         (chunk != nullptr && (chunk->last || chunk->octets >= kSmallChunk));
}

bool is_hello(std::string_view line) {
  const std::string_view verb = line.substr(0, line.find(' '));
  return equals_ignoring_case(verb, "EHLO") || equals_ignoring_case(verb, "HELO");
}

/// A browser that was talked into speaking to a mail relay.
bool is_http(std::string_view line) {
  constexpr std::array<std::string_view, 6> kMethods = {"GET ",  "POST ",    "PUT ",
                                                        "HEAD ", "OPTIONS ", "CONNECT "};
  return std::ranges::any_of(kMethods, [&](auto method) { return line.starts_with(method); });
}

}  // namespace

/// The next line; one that cannot be obeyed was answered, and leaves nothing.
std::optional<std::string> ServerSession::State::take_line(EnhancedStatus too_long) {
  ServerInput::Line line = input.next_line();
  ++tally.commands;
  switch (line.fault) {
    case ServerInput::Fault::none:
      return std::move(line.text);
    case ServerInput::Fault::bare_newline:
      if (options.bare_newline == DataReader::OnBareNewline::normalize) return std::move(line.text);
      // What follows may be what somebody smuggled into an address, so nothing of it is looked at.
      goodbye(550, {5, 5, 2}, "bare LF; lines end in CRLF");
      break;
    case ServerInput::Fault::too_long:
      if (is_bdat(line.text)) {
        goodbye(500, too_long, "line too long");
      } else {
        complain(500, too_long, "line too long");
      }
      break;
    case ServerInput::Fault::endless:
      goodbye(500, too_long, "line without end");
      break;
  }
  return std::nullopt;
}

void ServerSession::State::read_line() {
  if (const auto line = take_line({5, 5, 2})) obey(*line);
}

void ServerSession::State::obey(const std::string& line) {
  const auto command = parse_command(line, options.hostname);
  if (command) {
    if (!brings_a_message_nearer(*command) && !may_idle()) return;
    std::visit([this](const auto& parsed) { run(parsed); }, *command);
    return;
  }
  const CommandError& error = command.error();
  if (error.loses_count) return goodbye(error.code, error.status, error.text);
  if (is_http(line)) return goodbye(error.code, error.status, "this is SMTP, not HTTP");
  if (is_hello(line)) {
    // RFC 2034 §4: no status in answers to EHLO and HELO.
    replies.add_plain(error.code, error.text);
    note_refusal(error.code, error.status, error.text);
    return count_error();
  }
  complain(error);
}

void ServerSession::State::greet_anew(const std::string& name) {
  drop_transaction("the client greeted anew");  // RFC 5321 §4.1.4
  helo = name;
  errors_in_a_row = 0;
}

void ServerSession::State::run(const Ehlo& command) {
  if (is_followed_by_more()) return;
  greet_anew(command.name);
  extended = true;
  std::vector<std::string> lines = {
      own_name(), "PIPELINING", "SIZE " + std::to_string(options.message_size),
      "8BITMIME", "SMTPUTF8",   "DSN",
      "CHUNKING"};
  if (tls == ServerOptions::Tls::offered) lines.emplace_back("STARTTLS");
  if (offers_requiretls()) lines.emplace_back("REQUIRETLS");
  if (offers_auth()) lines.emplace_back("AUTH " + std::string(sasl_mechanisms(options.scram)));
  lines.emplace_back("ENHANCEDSTATUSCODES");
  replies.add_plain_lines(250, lines);
}

void ServerSession::State::run(const Helo& command) {
  if (is_followed_by_more()) return;
  greet_anew(command.name);
  extended = false;
  replies.add_plain(250, own_name());
}

void ServerSession::State::run(const Rset&) {
  drop_transaction("the client took it back");
  agree(250, {2, 0, 0}, "ok");
}

void ServerSession::State::run(const Noop&) {
  agree(250, {2, 0, 0}, "ok");
}

void ServerSession::State::run(const Quit&) {
  replies.add(221, {2, 0, 0}, own_name() + " closing");
  closing = true;
}

void ServerSession::State::run(const Help&) {
  agree(214, {2, 0, 0}, "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
}

// RFC 5321 §3.5.3: nothing is looked up, so nothing is promised.
void ServerSession::State::run(const Vrfy&) {
  agree(252, {2, 0, 0}, "not verified; a message will be tried");
}

void ServerSession::State::run(const StartTlsCommand&) {
  if (tls == ServerOptions::Tls::none) return complain(502, {5, 5, 1}, "STARTTLS is not offered");
  if (tls == ServerOptions::Tls::active) return complain(503, {5, 5, 1}, "TLS is active already");
  if (is_followed_by_more()) return;  // RFC 3207 §4, pitfall 79
  if (in_message) return complain(503, {5, 5, 1}, "a message is being sent");
  agree(220, {2, 0, 0}, "ready to start TLS");
  phase = Phase::tls;
}

bool ServerSession::State::is_followed_by_more() {
  if (input.rest().empty()) return false;
  goodbye(554, {5, 5, 0}, "this command must be the last before its reply");
  return true;
}

void ServerSession::State::agree(std::uint16_t code, EnhancedStatus status, std::string_view text) {
  errors_in_a_row = 0;
  replies.add(code, status, text);
}

void ServerSession::State::complain(std::uint16_t code, EnhancedStatus status,
                                    std::string_view text) {
  replies.add(code, status, text);
  note_refusal(code, status, text);
  count_error();
}

void ServerSession::State::note_refusal(std::uint16_t code, EnhancedStatus status,
                                        std::string_view text) {
  ++tally.refusals;
  tally.last_refusal = std::to_string(code) + ' ' + to_string(status) + ' ' + std::string(text);
}

bool ServerSession::State::may_idle() {
  if (++idle_commands <= kIdleCommands) return true;
  goodbye(421, {4, 7, 0}, "too many commands without a message");
  return false;
}

/// As many as a client may have sent before it could know are forgiven.
void ServerSession::State::refuse_out_of_transaction(std::string_view text) {
  const bool may_be_pipelined = mail_refused && ++forgiven <= options.recipients_per_message + 2;
  if (may_be_pipelined) return decline(503, {5, 5, 1}, "MAIL was refused");
  complain(503, {5, 5, 1}, text);
}

void ServerSession::State::complain(const CommandError& error) {
  complain(error.code, error.status, error.text);
}

void ServerSession::State::count_error() {
  ++errors;
  ++errors_in_a_row;
  if (errors >= kErrorsInAll || errors_in_a_row >= kErrorsInARow) {
    goodbye(421, {4, 7, 0}, "too many errors");
  }
}

void ServerSession::State::decline(std::uint16_t code, EnhancedStatus status,
                                   std::string_view text) {
  replies.add(code, status, text);
  note_refusal(code, status, text);
}

// Paths and the engine's words are for our log, not for the client; what it may not do is.
void ServerSession::State::decline(const Error& why) {
  if (why.status == EnhancedStatus{5, 7, 1}) return decline(550, why.status, why.detail);
  if (why.status.klass == 5) return decline(554, why.status, "not accepted");
  if (why.status == EnhancedStatus{4, 7, 1}) return decline(450, why.status, why.detail);
  if (why.status == EnhancedStatus{4, 3, 1}) {
    return decline(452, {4, 3, 1}, "insufficient storage; try again later");
  }
  decline(451, {4, 3, 0}, "cannot take mail now; try again later");
}

void ServerSession::State::goodbye(std::uint16_t code, EnhancedStatus status,
                                   const std::string& text) {
  // RFC 5321 §4.2.2: 421 names the host.
  replies.add(code, status, code == 421 ? own_name() + ' ' + text : text);
  tally.ended_by = text;
  closing = true;
}

}  // namespace fulmar::smtp
