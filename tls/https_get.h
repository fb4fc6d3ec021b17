// One GET of a policy over HTTPS from addresses already found and allowed. With policy_http the one
// user of Boost.Beast here.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "tls/client_context.h"

namespace fulmar::tls {

struct HttpsRequest {
  Domain host;  ///< Host header, SNI, and the name in the certificate.
  std::string path;
  std::vector<IpAddress> addresses;  ///< Tried in order until one connects; not empty.
  std::uint16_t port = 443;
  SteadyTime deadline;  ///< For everything, however the server drips.
};

/// The body. Errors as for PolicyFetcher::fetch(). `context` must outlive the call.
boost::asio::awaitable<Result<std::string>> https_get_policy(HttpsRequest request,
                                                             const ClientContext& context);

}  // namespace fulmar::tls
