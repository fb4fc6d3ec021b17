#include "resolver/mx_hosts.h"

#include <algorithm>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

namespace fulmar::resolver {
namespace {

std::vector<MxHost> real_targets(const std::vector<MxRecord>& records) {
  std::vector<MxHost> hosts;
  for (const MxRecord& record : records) {
    if (!record.exchange.is_root()) hosts.push_back({record.exchange, record.preference});
  }
  return hosts;
}

/// A host listed twice is tried once, at its better place.
void drop_repeated(std::vector<MxHost>& hosts) {
  std::unordered_set<Domain> seen;
  std::erase_if(hosts, [&seen](const MxHost& host) { return !seen.insert(host.name).second; });
}

}  // namespace

Result<MxHosts> order_mx_hosts(const Domain& domain, const Answer<MxRecord>& answer,
                               Random& random) {
  MxHosts result{.hosts = {},
                 .implicit = answer.existence == Existence::no_data,
                 .security = answer.security,
                 .expanded = answer.canonical};
  if (answer.existence == Existence::no_domain) {
    return fail(Errc::domain_not_found, "the domain " + domain.str() + " does not exist");
  }
  if (result.implicit) {
    // RFC 5321 §5.1: the domain itself, preference 0. Its own name rather than the end of its
    // alias, which the address lookup follows anyway, so that both names can be TLSA base domains
    // (RFC 7672 §2.2.2).
    result.hosts.push_back({domain, 0});
    return result;
  }
  if (answer.records.empty()) {
    return fail(Errc::dns_malformed, "MX " + domain.str() + ": an answer without a record");
  }
  result.hosts = real_targets(answer.records);
  if (result.hosts.empty()) {  // RFC 7505 §3
    return fail(Errc::null_mx, "the domain " + domain.str() + " accepts no mail (null MX)");
  }
  random.shuffle(std::span(result.hosts));  // RFC 5321 §5.1: equal preferences in random order
  std::ranges::stable_sort(result.hosts, {}, &MxHost::preference);
  drop_repeated(result.hosts);
  if (result.hosts.size() > kMaxMxHosts) result.hosts.resize(kMaxMxHosts);
  return result;
}

Result<MxHosts> drop_own_and_worse(MxHosts hosts, const Domain& own_name) {
  const auto own = std::ranges::find(hosts.hosts, own_name, &MxHost::name);
  if (own == hosts.hosts.end()) return hosts;
  const std::uint16_t limit = own->preference;
  std::erase_if(hosts.hosts, [limit](const MxHost& host) { return host.preference >= limit; });
  if (hosts.hosts.empty()) {
    return fail(Errc::mail_loop, "the best mail host of " + hosts.expanded.str() +
                                     " is this very host, " + own_name.str());
  }
  return hosts;
}

}  // namespace fulmar::resolver
