// Talking to one host as far as the last EHLO: whether it can be held to what it is owed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>

#include "mta/delivery/attempt.h"

namespace fulmar::delivery {

/// REQUIRES: `plan` has no failure. Connects to the first address that answers and goes as far as
/// the last EHLO; for `explain --connect`. The shape of "connect" in docs/control.md.
boost::asio::awaitable<boost::json::object> probe_host(AttemptParts parts, AttemptSettings settings,
                                                       HostPlan plan);

}  // namespace fulmar::delivery
