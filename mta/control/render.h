// Answers of the daemon as text for people: aligned, one fact a line, nothing a terminal would
// obey. Pure. The JSON that comes in is documented in docs/control.md; a member that is missing
// shows as "-".
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "conf/load.h"

namespace fulmar::control {

[[nodiscard]] std::string render_status(const boost::json::value& status);
[[nodiscard]] std::string render_queue_list(const boost::json::value& list);
[[nodiscard]] std::string render_queue_show(const boost::json::value& message);
[[nodiscard]] std::string render_changed(const boost::json::value& answer);
[[nodiscard]] std::string render_quarantine(const boost::json::value& list);
[[nodiscard]] std::string render_suspensions(const boost::json::value& list);
[[nodiscard]] std::string render_policy_list(const boost::json::value& list);
[[nodiscard]] std::string render_policy(const boost::json::value& policy);
[[nodiscard]] std::string render_explain(const boost::json::value& explanation);
[[nodiscard]] std::string render_notices(const boost::json::value& list);
[[nodiscard]] std::string render_settings(const std::vector<conf::Setting>& settings);

}  // namespace fulmar::control
