// Talking to one host as far as the last EHLO: whether it can be held to what it is owed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <optional>

#include "mta/delivery/attempt.h"

namespace fulmar::delivery {

struct Probe {
  boost::json::object record;    ///< The shape of "connect" in docs/control.md.
  std::optional<Error> failure;  ///< Why the host could not be held to what it is owed.
};

/// REQUIRES: `plan` has no failure. Connects to the first address that answers and goes as far as
/// the last EHLO; for `explain --connect`. The shape of "connect" in docs/control.md.
boost::asio::awaitable<Probe> probe_host(AttemptParts parts, AttemptSettings settings,
                                         HostPlan plan);

}  // namespace fulmar::delivery
