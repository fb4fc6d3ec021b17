#include "mta/delivery/operator_troubles.h"

#include "base/log.h"

namespace fulmar::delivery {

void note_failure(Troubles& troubles, const Route& route, const Error& failure) {
  const std::string destination = to_string(route.destination);
  switch (failure.code) {
    case Errc::relay_unusable:
    case Errc::relay_auth: {
      const bool known = route.rule != nullptr && route.rule->entry.relay;
      return troubles.note(TroubleKind::relay, known ? route.rule->entry.relay->str() : destination,
                           failure.detail);
    }
    case Errc::dane_required:
    case Errc::sts_required:
    case Errc::rule_certificate:
    case Errc::rule_no_tls:
      return troubles.note(TroubleKind::rule, destination, failure.detail);
    default:
      return;
  }
}

void note_dropped(Troubles& troubles, const queue::Message& message,
                  const queue::Recipient& recipient) {
  const std::string about = message.about ? message.about->str() : "";
  log_error("undeliverable notice dropped: it has the null reverse-path",
            {{"id", message.id.str()}, {"about", about}});
  const std::string reason = recipient.last_failure ? to_string(*recipient.last_failure) : "";
  troubles.note(
      TroubleKind::notice_dropped, recipient.address.text,
      "id " + message.id.str() + (about.empty() ? "" : ", about " + about) + ": " + reason);
}

}  // namespace fulmar::delivery
