#include "mta/control/system_facts.h"

#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "base/ascii.h"

namespace fulmar::control {

std::string fqdn_from_hosts(std::string_view hosts, std::string_view host) {
  const std::string wanted = to_lower(host) + '.';
  std::istringstream lines{std::string(hosts)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line.substr(0, line.find('#')));
    std::string name;
    fields >> name;  // the address
    while (fields >> name) {
      if (name.size() > wanted.size() && to_lower(name).starts_with(wanted)) return name;
    }
  }
  return {};
}

std::string system_fqdn() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  std::string host(name.data());
  if (host.empty() || host.find('.') != std::string::npos) return host;
  std::ostringstream hosts;
  hosts << std::ifstream("/etc/hosts").rdbuf();
  return fqdn_from_hosts(hosts.str(), host);
}

}  // namespace fulmar::control
