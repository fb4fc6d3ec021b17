#include "conf/rules.h"

#include <map>
#include <string_view>

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

/// Where a key of one table stands, else where the table does.
Position position_of(const Applied& applied, std::string_view table, std::size_t index,
                     std::string_view key) {
  const Origin* origin = find_origin(applied, table, index, key);
  if (origin != nullptr) return origin->value;
  return applied.origins.at(std::string(table) + '[' + std::to_string(index) + ']').key;
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

/// A password is never taken in clear (RFC 4954 §9), and nobody shows a certificate without TLS.
std::vector<Fault> check_needs_tls(const Applied& applied, std::size_t index) {
  const Listen& listener = applied.config.listen[index];
  if (listener.tls != ListenTls::none || is_refused(find_listen(applied, index, "tls"))) return {};
  std::vector<Fault> faults;
  const auto complain = [&](std::string_view key) {
    faults.push_back({position_of(applied, "listen", index, key),
                      setting_name("listen", index, key) + ": counts with " +
                          setting_name("listen", index, "tls") +
                          " = \"starttls\" or \"implicit\" only"});
  };
  if (listener.auth != ListenAuth::none) complain("auth");
  if (!listener.client_ca.empty()) complain("client_ca");
  return faults;
}

/// Who offers AUTH must know somebody.
std::vector<Fault> check_users_file(const Applied& applied, std::size_t index) {
  const Origin* file = find_origin(applied, "auth", 0, "users_file");
  const bool is_missing = applied.config.auth.users_file.empty() && !is_refused(file);
  if (applied.config.listen[index].auth == ListenAuth::none || !is_missing) return {};
  return {{position_of(applied, "listen", index, "auth"),
           "auth.users_file: needed, because " + setting_name("listen", index, "auth") +
               " is not \"none\""}};
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
    faults_.push_back({position_of(applied_, "destination", index_, key),
                       setting_name("destination", index_, key) + ": " + what});
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

/// All [[user]] entries, in their order.
class UserCheck {
 public:
  explicit UserCheck(const Applied& applied) : applied_(applied) {}

  std::vector<Fault> run() {
    for (std::size_t i = 0; i < applied_.config.users.size(); ++i) {
      check_name(i);
      check_recipients(i);
    }
    return std::move(faults_);
  }

 private:
  void complain(std::size_t index, std::string_view key, const std::string& what) {
    faults_.push_back({position_of(applied_, "user", index, key),
                       setting_name("user", index, key) + ": " + what});
  }

  void check_name(std::size_t index) {
    const Origin* origin = find_origin(applied_, "user", index, "name");
    if (origin == nullptr) return complain(index, "name", "needed: as in the users file");
    if (is_refused(origin)) return;
    const std::string& name = applied_.config.users[index].name;
    const auto [taken, is_new] = first_with_.emplace(name, index);
    if (is_new) return;
    complain(index, "name",
             quote(name) + " is " + setting_name("user", taken->second, "name") + " already");
  }

  /// A number that could never count is a mistake.
  void check_recipients(std::size_t index) {
    const std::uint32_t of_all = applied_.config.limits.recipients_per_message;
    if (applied_.config.users[index].max_recipients <= of_all) return;
    if (is_refused(find_origin(applied_, "limits", 0, "recipients_per_message"))) return;
    complain(index, "max_recipients",
             "must be " + std::to_string(of_all) + " or less, limits.recipients_per_message");
  }

  const Applied& applied_;
  std::map<std::string_view, std::size_t> first_with_;  ///< Name to index.
  std::vector<Fault> faults_;
};

}  // namespace

std::vector<Fault> check_rules(const Applied& applied) {
  std::vector<Fault> faults = UserCheck(applied).run();
  for (std::size_t i = 0; i < applied.config.destinations.size(); ++i) {
    const std::vector<Fault> found = DestinationCheck(applied, i).run();
    faults.insert(faults.end(), found.begin(), found.end());
  }
  for (std::size_t i = 0; i < applied.config.listen.size(); ++i) {
    for (const auto& check :
         {check_tls_files, check_needs_tls, check_users_file, check_address_taken}) {
      const std::vector<Fault> found = check(applied, i);
      faults.insert(faults.end(), found.begin(), found.end());
    }
  }
  return faults;
}

}  // namespace fulmar::conf
