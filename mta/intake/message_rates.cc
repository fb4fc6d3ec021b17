#include "mta/intake/message_rates.h"

#include <algorithm>

#include "mta/intake/client_network.h"

namespace fulmar::intake {

using std::chrono::seconds;

std::optional<seconds> MessageRates::take_for_client(const IpAddress& client,
                                                     const conf::Rate& rate) {
  return take("client " + client_network(client).str(), rate);
}

std::optional<seconds> MessageRates::take_for_user(const std::string& user,
                                                   const conf::Rate& rate) {
  return take("user " + user, rate);
}

std::optional<seconds> MessageRates::take(const std::string& key, const conf::Rate& rate) {
  const SteadyTime::duration per = rate.per;
  const SteadyTime::duration interval = per / rate.count;
  const SteadyTime now = clock_.steady_now();
  const SteadyTime full = now - (per - interval);
  const std::lock_guard lock(mutex_);
  Bucket* known = buckets_.find(key);
  const Bucket next = known == nullptr ? full : std::max(*known, full);
  if (next > now) return std::chrono::ceil<seconds>(next - now);
  buckets_.renew(key) = next + interval;
  return std::nullopt;
}

}  // namespace fulmar::intake
