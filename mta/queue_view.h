// What an operator sees of a queued delivery: its state, whether a filter means it, its JSON. Pure;
// shapes in docs/control.md.
#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "base/clock.h"
#include "mta/control/operations.h"
#include "mta/delivery/suspensions.h"
#include "queue/message.h"
#include "queue/store.h"

namespace fulmar::mta {

[[nodiscard]] control::DeliveryState state_of(const queue::Delivery& delivery);

/// Whether more than the ids and domain of the filter has to be compared.
[[nodiscard]] bool needs_records(const control::QueueFilter& filter);

[[nodiscard]] bool matches(const control::QueueFilter& filter, const queue::Message& message,
                           const queue::Delivery& delivery, UtcTime now);

/// Without recipients.
[[nodiscard]] boost::json::object message_json(const queue::Message& message);
[[nodiscard]] boost::json::object recipient_json(
    const queue::Recipient& recipient, const queue::Delivery& delivery,
    const std::optional<delivery::Suspension>& suspension);

[[nodiscard]] boost::json::object suspension_json(const delivery::Suspension& suspension);
[[nodiscard]] boost::json::object set_aside_json(const queue::SetAside& record);

}  // namespace fulmar::mta
