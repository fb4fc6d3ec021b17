#include "conf/rules.h"

namespace fulmar::conf {
namespace {

const Origin* find_origin(const Applied& applied, std::string_view table, std::size_t index,
                          std::string_view key) {
  const auto found = applied.origins.find(setting_name(table, index, key));
  return found == applied.origins.end() ? nullptr : &found->second;
}

const Origin* find_listen(const Applied& applied, std::size_t index, std::string_view key) {
  return find_origin(applied, "listen", index, key);
}

bool is_refused(const Origin* origin) {
  return origin != nullptr && origin->outcome == Origin::Outcome::refused;
}

/// A listener that speaks TLS needs something to show.
std::vector<Fault> check_tls_files(const Applied& applied, std::size_t index) {
  const Listen& listener = applied.config.listen[index];
  const Origin* tls = find_listen(applied, index, "tls");
  if (listener.tls == ListenTls::none || tls == nullptr) return {};
  std::vector<Fault> faults;
  const auto check = [&](std::string_view key, const std::string& value) {
    const Origin* origin = find_listen(applied, index, key);
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
  const Origin* origin = find_listen(applied, index, "address");
  if (address.port == 0 || is_refused(origin)) return {};
  for (std::size_t earlier = 0; earlier < index; ++earlier) {
    const bool same = applied.config.listen[earlier].address == address;
    if (!same || is_refused(find_listen(applied, earlier, "address"))) continue;
    const auto table = applied.origins.find("listen[" + std::to_string(index) + ']');
    if (table == applied.origins.end()) return {};
    return {{origin == nullptr ? table->second.key : origin->value,
             setting_name("listen", index, "address") + ": \"" + address.str() +
                 "\" is the address of " + setting_name("listen", earlier, "address") +
                 " already"}};
  }
  return {};
}

/// One [[destination]] entry, with what its complaints need.
class DestinationCheck {
 public:
  DestinationCheck(const Applied& applied, std::size_t index)
      : applied_(applied), index_(index), entry_(applied.config.destinations[index]) {}

  std::vector<Fault> run() {
    if (find("domain") == nullptr) {
      complain("domain", "needed: \"example.com\", \".example.com\" for all below it, or \"*\"");
    }
    check_match();
    check_auth();
    return std::move(faults_);
  }

 private:
  [[nodiscard]] const Origin* find(std::string_view key) const {
    return find_origin(applied_, "destination", index_, key);
  }
  [[nodiscard]] bool any_refused() const {
    return is_refused(find("tls")) || is_refused(find("tls_match")) || is_refused(find("relay")) ||
           is_refused(find("auth_file"));
  }
  void complain(std::string_view key, const std::string& what) {
    const Origin* origin = find(key);
    const auto table = applied_.origins.find("destination[" + std::to_string(index_) + ']');
    const Position at = origin != nullptr ? origin->value : table->second.key;
    faults_.push_back({at, setting_name("destination", index_, key) + ": " + what});
  }

  void check_match() {
    if (any_refused()) return;
    if (!entry_.tls_match.empty() && entry_.tls != TlsRule::secure) {
      complain("tls_match", "counts with tls = \"secure\" only");
    }
    const bool address = entry_.relay && std::holds_alternative<IpAddress>(entry_.relay->host);
    if (address && entry_.tls == TlsRule::secure && entry_.tls_match.empty()) {
      complain("tls_match", "needed, because the relay is an address");
    }
  }

  /// A password goes to nobody whose right to it is unproven, unless the operator says so.
  void check_auth() {
    if (entry_.auth_file.empty() || any_refused()) return;
    if (!entry_.relay) return complain("auth_file", "counts with a relay only");
    if (entry_.tls == TlsRule::none || entry_.tls == TlsRule::may || entry_.tls == TlsRule::dane) {
      complain("tls",
               "must be omitted, \"encrypt\", \"dane-only\", \"sts\" or \"secure\", because a "
               "password is sent");
    }
  }

  const Applied& applied_;
  std::size_t index_;
  const Destination& entry_;
  std::vector<Fault> faults_;
};

}  // namespace

std::vector<Fault> check_rules(const Applied& applied) {
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < applied.config.destinations.size(); ++i) {
    const std::vector<Fault> found = DestinationCheck(applied, i).run();
    faults.insert(faults.end(), found.begin(), found.end());
  }
  for (std::size_t i = 0; i < applied.config.listen.size(); ++i) {
    for (const auto& check : {check_tls_files, check_address_taken}) {
      const std::vector<Fault> found = check(applied, i);
      faults.insert(faults.end(), found.begin(), found.end());
    }
  }
  return faults;
}

}  // namespace fulmar::conf
