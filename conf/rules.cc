#include "conf/rules.h"

namespace fulmar::conf {
namespace {

const Origin* find_origin(const Applied& applied, std::size_t index, std::string_view key) {
  const auto found = applied.origins.find(setting_name("listen", index, key));
  return found == applied.origins.end() ? nullptr : &found->second;
}

bool is_refused(const Origin* origin) {
  return origin != nullptr && origin->outcome == Origin::Outcome::refused;
}

/// A listener that speaks TLS needs something to show.
std::vector<Fault> check_tls_files(const Applied& applied, std::size_t index) {
  const Listen& listener = applied.config.listen[index];
  const Origin* tls = find_origin(applied, index, "tls");
  if (listener.tls == ListenTls::none || tls == nullptr) return {};
  std::vector<Fault> faults;
  const auto check = [&](std::string_view key, const std::string& value) {
    const Origin* origin = find_origin(applied, index, key);
    if (!value.empty() || is_refused(origin)) return;
    const Position at = origin == nullptr ? tls->value : origin->value;
    faults.push_back({at, setting_name("listen", index, key) + ": needed, because " +
                              setting_name("listen", index, "tls") + " is not \"none\""});
  };
  check("certificate", listener.certificate);
  check("private_key", listener.private_key);
  return faults;
}

/// Port 0 means any free port, so two of them are two sockets.
std::vector<Fault> check_address_taken(const Applied& applied, std::size_t index) {
  const Endpoint& address = applied.config.listen[index].address;
  const Origin* origin = find_origin(applied, index, "address");
  if (address.port == 0 || is_refused(origin)) return {};
  for (std::size_t earlier = 0; earlier < index; ++earlier) {
    const bool same = applied.config.listen[earlier].address == address;
    if (!same || is_refused(find_origin(applied, earlier, "address"))) continue;
    const auto table = applied.origins.find("listen[" + std::to_string(index) + ']');
    if (table == applied.origins.end()) return {};
    return {{origin == nullptr ? table->second.key : origin->value,
             setting_name("listen", index, "address") + ": \"" + address.str() +
                 "\" is the address of " + setting_name("listen", earlier, "address") +
                 " already"}};
  }
  return {};
}

}  // namespace

std::vector<Fault> check_rules(const Applied& applied) {
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < applied.config.listen.size(); ++i) {
    for (const auto& check : {check_tls_files, check_address_taken}) {
      const std::vector<Fault> found = check(applied, i);
      faults.insert(faults.end(), found.begin(), found.end());
    }
  }
  return faults;
}

}  // namespace fulmar::conf
