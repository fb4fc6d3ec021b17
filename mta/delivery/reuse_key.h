// When may a connection that carried one message carry another? When everything that was decided
// and proven about it is what would be decided for the other: a weaker session never serves a
// stricter need (pitfall 68). Pure.
#pragma once

#include <optional>
#include <string>

#include "base/ip_address.h"
#include "mta/delivery/plan.h"

namespace fulmar::delivery {

/// Equal for two plans exactly when a connection that was made under one may be used under the
/// other: address, port, source, TLS from the first octet or not, user, policy domain, and each
/// field of the decision that the handshake or the dialogue depends on. The policy domain does not
/// count where nothing at all is published or demanded: there only the address matters, so that the
/// customers of one provider share its connections.
/// REQUIRES: `plan` without a failure.
[[nodiscard]] std::string reuse_key(const Domain& policy_domain, const HostPlan& plan,
                                    const IpAddress& address,
                                    const std::optional<IpAddress>& source);

/// What every key for `address` begins with, and no other.
[[nodiscard]] std::string address_part(const IpAddress& address);

}  // namespace fulmar::delivery
