// The HTTPS GET of a policy: full certificate validation, no redirects, 64 KB, one deadline for
// everything. RFC 8461 §3.3
#pragma once

#include <memory>
#include <vector>

#include "base/ip_address.h"
#include "conf/config.h"
#include "resolver/resolver.h"
#include "tls/client_context.h"
#include "tls/mta_sts.h"

namespace fulmar::tls {

/// `resolver` and `context` must outlive the fetcher. Addresses that is_non_public() are refused
/// unless `allow_networks` lists them, judged on the address really dialled (pitfall 10). Port 443
/// always.
[[nodiscard]] std::unique_ptr<PolicyFetcher> make_https_policy_fetcher(
    resolver::Resolver& resolver, ClientContext& context, const conf::MtaSts& config,
    std::vector<Network> allow_networks);

}  // namespace fulmar::tls
