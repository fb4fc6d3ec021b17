// What this machine calls itself. No DNS is asked: a name server that is slow or down must not hold
// up a start.
#pragma once

#include <string>
#include <string_view>

namespace fulmar::control {

/// The host name if it has a dot; else the name in /etc/hosts that begins with it and a dot, which
/// is what `hostname -f` shows on most machines; else empty.
[[nodiscard]] std::string system_fqdn();

/// The first name in `hosts`, a file in the form of hosts(5), that is `host` followed by a dot and
/// more. Pure.
[[nodiscard]] std::string fqdn_from_hosts(std::string_view hosts, std::string_view host);

}  // namespace fulmar::control
