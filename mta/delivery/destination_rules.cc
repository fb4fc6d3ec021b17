#include "mta/delivery/destination_rules.h"

#include <algorithm>
#include <fstream>
#include <utility>

namespace fulmar::delivery {
namespace {

constexpr std::size_t kMaxLine = 4096;

using Credentials = smtp::ClientOptions::Credentials;

Result<Credentials> read_credentials(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) return fail(Errc::io, path + " cannot be read");
  if (line.ends_with('\r')) line.pop_back();
  std::string more;
  std::getline(file, more);
  const std::size_t colon = line.find(':');
  const bool usable = colon != std::string::npos && colon > 0 && colon + 1 < line.size() &&
                      line.size() <= kMaxLine && line.find('\0') == std::string::npos;
  if (!usable || !more.empty()) {
    return fail(Errc::io, path + " must hold one line user:password, of at most " +
                              std::to_string(kMaxLine) + " octets");
  }
  return Credentials{.user = line.substr(0, colon), .password = line.substr(colon + 1)};
}

}  // namespace

Result<DestinationRules> DestinationRules::load(const std::vector<conf::Destination>& entries) {
  DestinationRules rules;
  for (const conf::Destination& entry : entries) {
    DestinationRule& rule =
        rules.rules_.emplace_back(DestinationRule{.entry = entry, .credentials = {}});
    if (entry.auth_file.empty()) continue;
    FULMAR_TRY(rule.credentials, read_credentials(entry.auth_file));
  }
  return rules;
}

const DestinationRule* DestinationRules::find(const MailHost& host,
                                              std::chrono::sys_days today) const {
  const auto found = std::ranges::find_if(
      rules_, [&](const DestinationRule& rule) { return conf::applies(rule.entry, host, today); });
  return found == rules_.end() ? nullptr : &*found;
}

queue::LaneRule lane_of(const MailHost& destination, const conf::Destination* entry) {
  if (entry == nullptr)
    return {.next_hop = to_string(destination), .limit = conf::kConnectionLimit};
  queue::LaneRule rule{.next_hop = to_string(destination), .limit = entry->connection_limit};
  if (entry->relay) rule.next_hop = "relay " + entry->relay->str();
  if (entry->max_message_rate) {
    rule.interval =
        std::chrono::nanoseconds(entry->max_message_rate->per) / entry->max_message_rate->count;
  }
  return rule;
}

}  // namespace fulmar::delivery
