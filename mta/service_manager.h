// What the service manager is told: ready, stopping, still alive. Nothing happens without one.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace fulmar::mta {

void notify_ready();
void notify_stopping();
/// Pings the watchdog at half its period, for ever; returns at once when there is none. Runs on the
/// main thread, so a main thread that hangs is noticed.
boost::asio::awaitable<void> feed_watchdog();

}  // namespace fulmar::mta
