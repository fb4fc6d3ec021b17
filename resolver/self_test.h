// Asks for the names of the DNSSEC self-test. What the answers mean is judged in
// self_test_verdict.h.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "conf/config.h"
#include "resolver/resolver.h"
#include "resolver/self_test_verdict.h"

namespace fulmar::resolver {

/// All names at once, so it takes as long as one lookup. Never fails: failures are the verdict.
boost::asio::awaitable<SelfTestVerdict> run_self_test(Resolver& resolver, conf::Resolver config);

}  // namespace fulmar::resolver
