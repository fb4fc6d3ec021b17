#include "mta/delivery/operator_troubles.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "base/log.h"
#include "mta/smtp/classify.h"

namespace fulmar::delivery {

namespace {

/// Whatever keeps us from a relay; what it says of a message or a recipient is not meant.
bool keeps_from_relay(Errc code) {
  switch (code) {
    case Errc::relay_unusable:
    case Errc::relay_auth:
    case Errc::connect_failed:
    case Errc::connection_lost:
    case Errc::tls_handshake:
    case Errc::dns_bogus:
    case Errc::dns_servfail:
    case Errc::dns_timeout:
    case Errc::dns_malformed:
      return true;
    case Errc::requiretls_unsupported:
    case Errc::requiretls_unmet:
      return false;  // the message's demand
    default:
      return is_security_failure(code);
  }
}

bool breaks_rule(Errc code) {
  return code == Errc::dane_required || code == Errc::sts_required ||
         code == Errc::rule_certificate || code == Errc::rule_no_tls;
}

/// Only what comes in has a client.
bool is_our_own(const queue::Message& message) {
  return message.client.empty();
}

/// `failure` is a host's word that it wants no session with us, whatever the message.
bool was_turned_away(const AttemptTrace& trace, const Error& failure) {
  for (const HostTrace& host : trace.hosts) {
    for (const AddressTrace& tried : host.tried) {
      for (const auto& outcome : tried.outcomes) {
        const auto* conversation = std::get_if<Conversation>(&outcome);
        if (conversation == nullptr) continue;
        const smtp::SessionResult& session = conversation->session.result;
        const bool is_it = session.failure && session.failure->code == failure.code &&
                           session.failure->detail == failure.detail;
        if (is_it && smtp::concerns_the_host(session.stage)) return true;
      }
    }
  }
  return false;
}

void note_trouble(Troubles& troubles, const AttemptTrace& trace, const Error& failure) {
  const Route& route = trace.route;
  const bool to_relay = route.rule != nullptr && route.rule->entry.relay;
  if (to_relay && (keeps_from_relay(failure.code) || was_turned_away(trace, failure))) {
    troubles.note(TroubleKind::relay, route.rule->entry.relay->str(), to_string(failure),
                  to_string(failure.code));
  } else if (breaks_rule(failure.code)) {
    troubles.note(TroubleKind::rule, to_string(route.destination), to_string(failure),
                  to_string(failure.code));
  }
}

}  // namespace

void note_troubles(Troubles& troubles, const AttemptResult& result) {
  std::vector<Errc> noted;
  for (const RecipientResult& outcome : result.recipients) {
    const Error& failure = outcome.failure.error;
    const bool again = std::ranges::find(noted, failure.code) != noted.end();
    if (outcome.state == RecipientState::delivered || again) continue;
    noted.push_back(failure.code);
    note_trouble(troubles, result.trace, failure);
  }
}

void note_dropped(Troubles& troubles, const queue::Message& message,
                  const queue::Recipient& recipient) {
  const std::string about = message.about ? message.about->str() : "";
  log_error("undeliverable notice dropped: it has the null reverse-path",
            {{"id", message.id.str()}, {"about", about}, {"recipient", recipient.address.text}});
  // Clients' own mail may have the null reverse-path too; it is no notice of ours.
  if (!is_our_own(message)) return;
  const std::string id = "id " + message.id.str() + (about.empty() ? "" : ", about " + about);
  // REQUIRETLS holds for the address too, and not for the mail that will tell of it.
  const std::string subject = message.requiretls ? id : recipient.address.text;
  const std::string reason =
      recipient.last_failure ? std::string(to_string(recipient.last_failure->code)) : "";
  troubles.note(TroubleKind::notice_dropped, subject,
                message.requiretls ? reason : id + ": " + reason);
}

}  // namespace fulmar::delivery
