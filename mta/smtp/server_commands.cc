// What each command does, and how refusals add up.
#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "mta/smtp/server_state.h"

namespace fulmar::smtp {
namespace {

constexpr std::uint32_t kErrorsInARow = 20;
constexpr std::uint32_t kErrorsInAll = 50;

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

void ServerSession::State::read_line() {
  const ServerInput::Line line = input.next_line();
  switch (line.fault) {
    case ServerInput::Fault::none:
      return obey(line.text);
    case ServerInput::Fault::bare_newline:
      if (options.bare_newline == DataReader::OnBareNewline::normalize) return obey(line.text);
      // What follows may be what somebody smuggled into an address, so nothing of it is looked at.
      return goodbye(550, {5, 5, 2}, "bare LF; lines end in CRLF");
    case ServerInput::Fault::too_long:
      return complain(500, {5, 5, 2}, "line too long");
    case ServerInput::Fault::endless:
      return goodbye(500, {5, 5, 2}, "line without end");
  }
}

void ServerSession::State::obey(const std::string& line) {
  const auto command = parse_command(line, options.hostname);
  if (command) {
    std::visit([this](const auto& parsed) { run(parsed); }, *command);
    return;
  }
  const CommandError& error = command.error();
  if (is_http(line)) return goodbye(error.code, error.status, "this is SMTP, not HTTP");
  if (is_hello(line)) {
    // RFC 2034 §4: no status in answers to EHLO and HELO.
    replies.add_plain(error.code, error.text);
    return count_error();
  }
  complain(error.code, error.status, error.text);
}

void ServerSession::State::greet_anew(const std::string& name) {
  end_transaction();  // RFC 5321 §4.1.4
  helo = name;
  errors_in_a_row = 0;
}

void ServerSession::State::run(const Ehlo& command) {
  if (is_followed_by_more()) return;
  greet_anew(command.name);
  extended = true;
  std::vector<std::string> lines = {own_name(), "PIPELINING",
                                    "SIZE " + std::to_string(options.message_size), "8BITMIME"};
  if (tls == ServerOptions::Tls::offered) lines.emplace_back("STARTTLS");
  if (offers_requiretls()) lines.emplace_back("REQUIRETLS");
  lines.emplace_back("ENHANCEDSTATUSCODES");
  replies.add_plain_lines(250, lines);
}

void ServerSession::State::run(const Helo& command) {
  if (is_followed_by_more()) return;
  greet_anew(command.name);
  extended = false;
  replies.add_plain(250, own_name());
}

void ServerSession::State::run(const Mail& command) {
  if (helo.empty()) return complain(503, {5, 5, 1}, "say EHLO first");
  if (transaction) return complain(503, {5, 5, 1}, "one sender a message");  // RFC 5321 §4.1.4
  const bool strange = command.smtputf8 || command.auth || command.asks_about_notices() ||
                       (command.requiretls && !offers_requiretls());
  if (strange) {  // RFC 5321 §4.1.1.11
    return complain(555, {5, 5, 4}, "MAIL parameter not supported");
  }
  if (command.size && options.message_size != 0 && *command.size > options.message_size) {
    mail_refused = true;
    return decline(552, {5, 3, 4}, "message over the size limit");  // RFC 1870 §6.2
  }
  asked_mail = command;
  ask(MayAccept{command.size.value_or(0)}, Phase::accepting);
}

void ServerSession::State::run(const Rcpt& command) {
  if (!transaction) {
    if (mail_refused) return decline(503, {5, 5, 1}, "MAIL was refused");
    return complain(503, {5, 5, 1}, "MAIL comes first");
  }
  if (options.relaying == ServerOptions::Relaying::denied) {
    return complain(550, {5, 7, 1}, "this client may not relay here");
  }
  if (command.asks_about_notices()) {
    return complain(555, {5, 5, 4}, "RCPT parameter not supported");
  }
  std::string key = command.recipient.ascii_domain_form();
  if (!transaction->known.contains(key)) {
    if (transaction->recipients.size() >= options.recipients_per_message) {
      return decline(452, {4, 5, 3}, "too many recipients");  // RFC 5321 §4.5.3.1.10
    }
    transaction->known.insert(std::move(key));
    transaction->recipients.push_back(command.recipient);
  }
  agree(250, {2, 1, 5}, "recipient ok");
}

void ServerSession::State::run(const Data&) {
  // Refused or not, what follows would be taken for commands or for a message that nobody asked
  // for.
  if (is_followed_by_more()) return;
  if (!transaction) {
    if (mail_refused) return decline(503, {5, 5, 1}, "MAIL was refused");
    return complain(503, {5, 5, 1}, "MAIL comes first");
  }
  if (transaction->recipients.empty()) return complain(554, {5, 5, 1}, "no valid recipients");
  using Protocol = IncomingEnvelope::Protocol;
  const Protocol esmtp = tls == ServerOptions::Tls::active ? Protocol::esmtps : Protocol::esmtp;
  in_message = true;
  transaction->known.clear();
  ask(BeginMessage{IncomingEnvelope{.sender = transaction->mail.sender,
                                    .recipients = std::exchange(transaction->recipients, {}),
                                    .eight_bit = transaction->mail.eight_bit,
                                    .helo = helo,
                                    .protocol = extended ? esmtp : Protocol::smtp,
                                    .requiretls = transaction->mail.requiretls}},
      Phase::beginning);
}

void ServerSession::State::run(const Rset&) {
  end_transaction();
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
  agree(214, {2, 0, 0}, "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP STARTTLS QUIT");
}

// RFC 5321 §3.5.3: nothing is looked up, so nothing is promised.
void ServerSession::State::run(const Vrfy&) {
  agree(252, {2, 0, 0}, "not verified; a message will be tried");
}

void ServerSession::State::run(const StartTlsCommand&) {
  if (tls == ServerOptions::Tls::none) return complain(502, {5, 5, 1}, "STARTTLS is not offered");
  if (tls == ServerOptions::Tls::active) return complain(503, {5, 5, 1}, "TLS is active already");
  if (is_followed_by_more()) return;  // RFC 3207 §4, pitfall 79
  agree(220, {2, 0, 0}, "ready to start TLS");
  phase = Phase::tls;
}

void ServerSession::State::run(const Auth&) {
  complain(502, {5, 5, 1}, "command not implemented");
}

void ServerSession::State::run(const Bdat&) {
  goodbye(502, {5, 5, 1}, "command not implemented");
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
  count_error();
}

void ServerSession::State::count_error() {
  ++tally.refusals;
  ++errors;
  ++errors_in_a_row;
  if (errors >= kErrorsInAll || errors_in_a_row >= kErrorsInARow) {
    goodbye(421, {4, 7, 0}, "too many errors");
  }
}

void ServerSession::State::decline(std::uint16_t code, EnhancedStatus status,
                                   std::string_view text) {
  ++tally.refusals;
  replies.add(code, status, text);
}

// Paths and the engine's words are for our log, not for the client.
void ServerSession::State::decline(const Error& why) {
  if (why.status.klass == 5) return decline(554, why.status, "not accepted");
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
