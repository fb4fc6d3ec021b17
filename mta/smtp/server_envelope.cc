// MAIL and RCPT: who may send what to whom, as far as the session knows. RFC 5321 §4.1.1.2,
// §4.1.1.3, RFC 6409 §4
#include <utility>

#include "base/ascii.h"
#include "mta/smtp/server_state.h"

namespace fulmar::smtp {
namespace {

CommandError refuse(std::uint16_t code, EnhancedStatus status, std::string text) {
  return {.code = code, .status = status, .text = std::move(text)};
}

CommandError parameter_not_offered(std::string_view command) {  // RFC 5321 §4.1.1.11
  return refuse(555, {5, 5, 4}, std::string(command) + " parameter not supported");
}

/// RFC 6531 §3.4
CommandError needs_smtputf8() {
  return refuse(553, {5, 6, 7}, "an address beyond ASCII needs SMTPUTF8");
}

/// One who is named twice gets one copy, and its sender every notice that either command asks for.
void merge(IncomingRecipient& recipient, const Rcpt& again) {
  DsnNotify& notify = recipient.notify;
  const bool either = notify.stated || again.notify.stated;
  notify = {.stated = either,
            .success = either && (notify.wants_success() || again.notify.wants_success()),
            .failure = either && (notify.wants_failure() || again.notify.wants_failure()),
            .delay = either && (notify.wants_delay() || again.notify.wants_delay())};
  if (recipient.original_recipient.empty()) recipient.original_recipient = again.original_recipient;
}

/// RFC 6409 §4.2: a name that means something elsewhere too.
bool is_fully_qualified(const Mailbox& mailbox) {
  const auto* domain = std::get_if<Domain>(&mailbox.host);
  return domain == nullptr || domain->str().find('.') != std::string::npos;
}

}  // namespace

std::optional<CommandError> ServerSession::State::check_right_to_send() const {
  const bool unknown = tally.user.empty();
  const bool demands = options.auth == ServerOptions::Auth::required;
  if (unknown && (demands || (is_submission() && !may_relay()))) {
    if (options.auth == ServerOptions::Auth::none) {
      return refuse(550, {5, 7, 1}, "this client may not send mail here");
    }
    const bool in_clear = tls != ServerOptions::Tls::active;
    return refuse(
        530, {5, 7, 0},  // RFC 4954 §6
        in_clear ? "authentication required; STARTTLS comes first" : "authentication required");
  }
  return std::nullopt;
}

std::optional<CommandError> ServerSession::State::check(const Mail& command) const {
  if (helo.empty()) return refuse(503, {5, 5, 1}, "say EHLO first");
  if (transaction) return refuse(503, {5, 5, 1}, "one sender a message");  // RFC 5321 §4.1.4
  if (auto refusal = check_right_to_send()) return refusal;
  const bool asks_much = command.asks_about_notices() || command.smtputf8;
  if ((asks_much && !extended) || (command.requiretls && !offers_requiretls()) ||
      (command.auth && !offers_auth())) {
    return parameter_not_offered("MAIL");
  }
  if (!command.sender) return std::nullopt;
  if (!is_ascii(command.sender->text) && !command.smtputf8) return needs_smtputf8();
  if (is_submission() && !is_fully_qualified(*command.sender)) {
    return refuse(554, {5, 1, 8}, "the sender's domain is not fully qualified");
  }
  return std::nullopt;
}

void ServerSession::State::run(const Mail& command) {
  if (const auto error = check(command)) return complain(*error);
  if (command.size && options.message_size != 0 && *command.size > options.message_size) {
    mail_refused = true;
    forgiven = 0;
    return decline(552, {5, 3, 4}, "message over the size limit");  // RFC 1870 §6.2
  }
  asked_mail = command;
  ask(
      MayAccept{
          .sender = command.sender, .user = tally.user, .declared_size = command.size.value_or(0)},
      Phase::accepting);
}

std::optional<CommandError> ServerSession::State::check(const Rcpt& command) const {
  if (data) return refuse(503, {5, 5, 1}, "a message is being sent");
  if (!may_relay()) return refuse(550, {5, 7, 1}, "this client may not relay here");
  if (command.asks_about_notices() && !extended) return parameter_not_offered("RCPT");
  const bool unannounced = !transaction->mail.smtputf8;
  if (!is_ascii(command.recipient.text) && unannounced) return needs_smtputf8();
  if (!is_ascii(command.original_recipient) && unannounced) {  // RFC 6533 §3
    return refuse(501, {5, 5, 4}, "malformed ORCPT");
  }
  if (is_submission() && !is_fully_qualified(command.recipient)) {
    return refuse(554, {5, 1, 2}, "the recipient's domain is not fully qualified");
  }
  return std::nullopt;
}

void ServerSession::State::run(const Rcpt& command) {
  if (!transaction) return refuse_out_of_transaction("MAIL comes first");
  if (const auto error = check(command)) return complain(*error);
  std::vector<IncomingRecipient>& recipients = transaction->recipients;
  const auto [place, added] =
      transaction->known.try_emplace(command.recipient.ascii_domain_form(), recipients.size());
  if (!added) {
    if (!may_idle()) return;
    merge(recipients[place->second], command);
  } else if (recipients.size() >= recipient_limit()) {
    transaction->known.erase(place);
    return decline(452, {4, 5, 3}, "too many recipients");  // RFC 5321 §4.5.3.1.10
  } else {
    recipients.push_back({.address = command.recipient,
                          .notify = command.notify,
                          .original_recipient = command.original_recipient});
  }
  agree(250, {2, 1, 5}, "recipient ok");
}

}  // namespace fulmar::smtp
