// The decision record: routes, host plans and sessions as JSON, the same for the spool, `queue
// show` and `explain`. And its words for the technical part of a notice. Pure. Shapes in
// docs/control.md.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "mta/delivery/attempt_trace.h"
#include "mta/delivery/converse.h"
#include "mta/delivery/plan.h"

namespace fulmar::delivery {

/// {"class","status","detail"}
[[nodiscard]] boost::json::value to_json(const Error& error);
/// {"domain","next_hop","rule","demand","failure","mx","mta_sts"}
[[nodiscard]] boost::json::object to_json(const Route& route);
/// One element of "hosts".
[[nodiscard]] boost::json::object to_json(const HostPlan& plan);
/// The whole of it: the route's members, and "hosts", each with its "connections".
[[nodiscard]] boost::json::object to_json(const AttemptTrace& trace);
/// Adds "tls", "stage", "failure"; "downgraded_after", "reused" and "classical_groups" where they
/// happened; and after a handshake "protocol", "cipher", "certificate", "matched_record", "waived"
/// and "testing_failure".
void describe_conversation(const Conversation& conversation, boost::json::object& record);

/// "none", "encrypted", "secure", "sts", "dane-host-only" or "dane": the mail log's names of
/// levels.
[[nodiscard]] std::string_view achieved_label(tls::TlsLevel level);

/// The record as stored: at most kMaxRecord octets; when it is longer, policy text, then hosts are
/// left out.
inline constexpr std::size_t kMaxRecord = 8 * 1024;
[[nodiscard]] std::string serialize_record(boost::json::object record);

/// The relay that a rule put in the place of the destination's hosts; empty without one, and for
/// bytes that are no record.
[[nodiscard]] std::string relay_of(std::string_view record);

/// A record that says this alone; of no relay, an empty one.
[[nodiscard]] std::string record_of_relay(const std::string& relay);

/// For the technical part of a notice: who published what, what was found, host by host. Empty for
/// bytes that are no record.
[[nodiscard]] std::vector<std::string> technical_lines(std::string_view record);

}  // namespace fulmar::delivery
