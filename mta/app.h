// The composition root: builds every part from the configuration, starts and stops them in order.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "base/result.h"
#include "conf/config.h"
#include "mta/control/operations.h"

namespace fulmar::mta {

/// Exit codes of the program; see sysexits(3).
inline constexpr int kExitDone = 0;
inline constexpr int kExitNo = 1;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitNotRunning = 69;
inline constexpr int kExitTryLater = 75;
inline constexpr int kExitConfig = 78;

/// Runs the daemon until SIGTERM or SIGINT. What cannot be started is one line on standard error
/// and an exit code: kExitConfig for keys, certificates, trust anchor, addresses in use and the
/// like, kExitTryLater for a spool that another process has open or that cannot be read now.
[[nodiscard]] int serve(conf::Config config);

/// `fulmar check`: everything a start would need, without starting. Prints one line a check;
/// kExitDone, or kExitConfig when one failed.
[[nodiscard]] int check(const conf::Config& config);

/// `fulmar explain` without a running daemon: the same code, with no cached policies.
[[nodiscard]] Result<boost::json::value> explain_without_daemon(const conf::Config& config,
                                                                const std::string& target,
                                                                control::Connect connect);

}  // namespace fulmar::mta
