// The command line's side of the control socket. Blocking.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <string>

#include "base/result.h"
#include "mta/control/routes.h"

namespace fulmar::control {

/// One request to the daemon at `socket`, and its answer. Errc::connect_failed when no daemon
/// listens there or we may not connect; timeout; connection_lost when the daemon ended meanwhile;
/// and whatever class the daemon answers.
[[nodiscard]] Result<boost::json::value> ask_daemon(const std::string& socket,
                                                    const Request& request);

}  // namespace fulmar::control
