// How a message would go: the route and every host's plan, by the code that delivery runs.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <string_view>

#include "base/domain.h"
#include "base/result.h"
#include "mta/control/operations.h"
#include "mta/delivery/attempt.h"

namespace fulmar::delivery {

/// A domain, an address, or an address literal in brackets. Errc::invalid_argument for anything
/// else.
[[nodiscard]] Result<MailHost> parse_target(std::string_view target);

/// The shape of docs/control.md, without "queue". "deliverable": some host may be used, and, when
/// connecting, one of them was held to what it is owed.
boost::asio::awaitable<boost::json::object> explain(AttemptParts parts, AttemptSettings settings,
                                                    MailHost destination, control::Connect connect);

}  // namespace fulmar::delivery
