// A QueueFilter as it travels: query parameters, JSON, and back. Pure. The names are those of the
// command line.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mta/control/operations.h"

namespace fulmar::control {

/// One condition as written: {"older-than", "2h"}.
using Condition = std::pair<std::string, std::string>;

/// "queued", "deferred", "held".
[[nodiscard]] std::string_view to_string(DeliveryState state);

/// Names: id (any number), sender, recipient, domain, older_than ("2h"; "older-than" too), state,
/// reason.
/// Errc::invalid_argument for an unknown name, a name given twice, or a value that is not of its
/// kind.
[[nodiscard]] Result<QueueFilter> filter_from_conditions(const std::vector<Condition>& conditions);

/// {"id": ["…"], "sender": "…", "older_than": "2h"}: every value a string, `id` also a list of
/// them.
[[nodiscard]] Result<QueueFilter> filter_from_json(const boost::json::value& value);

[[nodiscard]] boost::json::object filter_to_json(const QueueFilter& filter);

/// "id=…&sender=…", percent-encoded; empty for an empty filter.
[[nodiscard]] std::string filter_to_query(const QueueFilter& filter);

/// No condition at all: it means every message.
[[nodiscard]] bool means_everything(const QueueFilter& filter);

}  // namespace fulmar::control
