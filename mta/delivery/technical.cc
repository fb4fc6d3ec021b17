// technical_lines(): the decision record in the words of the notice's technical part.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "mta/delivery/record.h"

namespace fulmar::delivery {

namespace json = boost::json;

namespace {

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return {};
  if (const json::string* text = value->if_string()) return std::string(*text);
  if (const std::int64_t* number = value->if_int64()) return std::to_string(*number);
  return {};
}

const json::object* object_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

const json::array* array_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_array();
}

std::string join(const json::array& items) {
  std::string joined;
  for (const json::value& item : items) {
    if (!item.is_string()) continue;
    joined += (joined.empty() ? "" : ", ") + std::string(item.get_string());
  }
  return joined;
}

std::string failure_words(const json::object& failure) {
  return text_at(failure, "class") + " (" + text_at(failure, "status") +
         "): " + text_at(failure, "detail");
}

void add_rule(const json::object& rule, std::vector<std::string>& lines) {
  std::string line = "Our rule at " + text_at(rule, "where") + ": tls " + text_at(rule, "tls");
  if (const std::string relay = text_at(rule, "relay"); !relay.empty()) line += ", relay " + relay;
  if (const std::string until = text_at(rule, "until"); !until.empty()) line += ", until " + until;
  lines.push_back(std::move(line));
}

void add_policy(const json::object& policy, std::vector<std::string>& lines) {
  const std::string mode = text_at(policy, "mode");
  if (mode.empty()) {
    lines.emplace_back("MTA-STS: no policy known");
  } else {
    std::string line = "MTA-STS: mode " + mode + ", id " + text_at(policy, "id") + ", " +
                       text_at(policy, "source") + ", fetched " + text_at(policy, "fetched_at") +
                       ", valid until " + text_at(policy, "expires_at");
    if (const auto* mx = array_at(policy, "mx")) line += ", hosts allowed: " + join(*mx);
    lines.push_back(std::move(line));
  }
  if (const auto* trouble = object_at(policy, "trouble"))
    lines.push_back("  on the way: " + failure_words(*trouble));
}

void add_connection(const json::object& connection, std::vector<std::string>& lines) {
  const std::string where = "  " + text_at(connection, "address") + ": ";
  const std::string stage = text_at(connection, "stage");
  if (const auto* failure = object_at(connection, "failure")) {
    lines.push_back(where + failure_words(*failure) + (stage.empty() ? "" : " [at " + stage + ']'));
  } else {
    lines.push_back(where + "spoken to, transport " + text_at(connection, "tls"));
  }
  if (const auto* certificate = object_at(connection, "certificate")) {
    lines.push_back("  certificate: subject " + text_at(*certificate, "subject") + ", issuer " +
                    text_at(*certificate, "issuer") + ", valid " +
                    text_at(*certificate, "not_before") + " to " +
                    text_at(*certificate, "not_after"));
    if (const auto* names = array_at(*certificate, "names"))
      lines.push_back("  certificate names: " + join(*names));
    lines.push_back("  certificate key (SHA-256): " + text_at(*certificate, "spki_sha256"));
  }
}

void add_host(const json::object& host, std::vector<std::string>& lines) {
  lines.push_back("Host " + text_at(host, "host") + " (preference " + text_at(host, "preference") +
                  "): owed " + text_at(host, "level") + ", rule " + text_at(host, "rule") + ", " +
                  text_at(host, "reference"));
  if (const auto* tlsa = object_at(host, "tlsa")) {
    std::string line = "  TLSA: " + text_at(*tlsa, "status");
    if (const auto* records = array_at(*tlsa, "records"); records != nullptr && !records->empty()) {
      line += " at " + text_at(*tlsa, "base") + ": " + join(*records);
    }
    lines.push_back(std::move(line));
  }
  if (const auto* failure = object_at(host, "failure"))
    lines.push_back("  not used: " + failure_words(*failure));
  if (const auto* waived = object_at(host, "waived"))
    lines.push_back("  waived: " + failure_words(*waived));
  if (const auto* connections = array_at(host, "connections")) {
    for (const json::value& connection : *connections) {
      if (const auto* object = connection.if_object()) add_connection(*object, lines);
    }
  }
}

}  // namespace

std::string relay_of(std::string_view record) {
  boost::system::error_code ec;
  const json::value parsed = json::parse(record, ec);
  const json::object* root = ec ? nullptr : parsed.if_object();
  const auto* rule = root == nullptr ? nullptr : object_at(*root, "rule");
  if (rule == nullptr || text_at(*rule, "relay").empty()) return {};
  return text_at(*root, "next_hop");
}

std::string record_of_relay(const std::string& relay) {
  if (relay.empty()) return "{}";
  return json::serialize(json::object{{"next_hop", relay}, {"rule", {{"relay", relay}}}});
}

std::vector<std::string> technical_lines(std::string_view record) {
  boost::system::error_code ec;
  const json::value parsed = json::parse(record, ec);
  const json::object* root = ec ? nullptr : parsed.if_object();
  if (root == nullptr) return {};
  std::vector<std::string> lines{"Destination: " + text_at(*root, "domain")};
  if (const auto* rule = object_at(*root, "rule")) add_rule(*rule, lines);
  if (text_at(*root, "demand") == "requiretls") {
    lines.emplace_back("The message demands REQUIRETLS (RFC 8689)");
  }
  const auto* mx = object_at(*root, "mx");
  if (mx != nullptr && !text_at(*mx, "security").empty())
    lines.push_back("MX records: DNSSEC " + text_at(*mx, "security"));
  if (const auto* failure = object_at(*root, "failure"))
    lines.push_back("Routing: " + failure_words(*failure));
  if (const auto* policy = object_at(*root, "mta_sts")) add_policy(*policy, lines);
  if (const auto* hosts = array_at(*root, "hosts")) {
    for (const json::value& host : *hosts) {
      if (const auto* object = host.if_object()) add_host(*object, lines);
    }
  }
  return lines;
}

}  // namespace fulmar::delivery
