#include "mta/queue_view.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "base/ascii.h"
#include "mta/control/queue_filter.h"
#include "mta/delivery/record.h"

namespace fulmar::mta {

namespace json = boost::json;
using control::DeliveryState;
using control::QueueFilter;

namespace {

std::string sender_text(const queue::Message& message) {
  return message.sender ? message.sender->text : "<>";
}

bool has_recipient(const queue::Delivery& delivery, const std::string& address) {
  return std::ranges::any_of(delivery.recipients, [&](const queue::Recipient& recipient) {
    return equals_ignoring_case(recipient.address.text, address);
  });
}

bool has_reason(const queue::Delivery& delivery, const std::string& reason) {
  return std::ranges::any_of(delivery.recipients, [&](const queue::Recipient& recipient) {
    return recipient.last_failure && to_string(recipient.last_failure->code) == reason;
  });
}

}  // namespace

DeliveryState state_of(const queue::Delivery& delivery) {
  if (delivery.held) return DeliveryState::held;
  return delivery.attempts == 0 ? DeliveryState::queued : DeliveryState::deferred;
}

bool needs_records(const QueueFilter& filter) {
  return filter.sender || filter.recipient || filter.older_than || filter.state || filter.reason;
}

bool matches(const QueueFilter& filter, const queue::Message& message,
             const queue::Delivery& delivery, UtcTime now) {
  if (filter.sender && !equals_ignoring_case(*filter.sender, sender_text(message))) return false;
  if (filter.recipient && !has_recipient(delivery, *filter.recipient)) return false;
  if (filter.domain && delivery.destination != MailHost(*filter.domain)) return false;
  if (filter.older_than && now - message.arrived < *filter.older_than) return false;
  if (filter.state && state_of(delivery) != *filter.state) return false;
  return !filter.reason || has_reason(delivery, *filter.reason);
}

json::object message_json(const queue::Message& message) {
  return {{"id", message.id.str()},
          {"sender", message.sender ? message.sender->text : std::string()},
          {"size", message.size},
          {"arrived", to_iso8601(message.arrived)},
          {"requiretls", message.requiretls},
          {"tls_optional", message.tls_optional},
          {"recipients", json::array{}}};
}

json::object recipient_json(const queue::Recipient& recipient, const queue::Delivery& delivery,
                            const std::optional<delivery::Suspension>& suspension) {
  return {{"address", recipient.address.text},
          {"domain", to_string(delivery.destination)},
          {"state", control::to_string(state_of(delivery))},
          {"attempts", delivery.attempts},
          {"next_attempt", to_iso8601(delivery.next_attempt)},
          {"suspended_until",
           suspension ? json::value(to_iso8601(suspension->until)) : json::value(nullptr)},
          {"host", recipient.last_host},
          {"reply", recipient.last_reply},
          {"reason", recipient.last_failure ? delivery::to_json(*recipient.last_failure)
                                            : json::value(nullptr)}};
}

json::object suspension_json(const delivery::Suspension& suspension) {
  return {{"domain", suspension.domain.str()},
          {"since", to_iso8601(suspension.since)},
          {"until", to_iso8601(suspension.until)},
          {"reason", suspension.reason}};
}

json::object set_aside_json(const queue::SetAside& record) {
  return {{"key", record.key}, {"reason", delivery::to_json(record.why)}};
}

}  // namespace fulmar::mta
