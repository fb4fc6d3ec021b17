#include "mta/delivery/record.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <span>

#include "base/clock.h"

namespace fulmar::delivery {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxTlsaShown = 20;

json::value optional_error(const std::optional<Error>& error) {
  return error ? to_json(*error) : json::value(nullptr);
}

template <class Items, class Shape>
json::array shape_all(const Items& items, Shape shape) {
  json::array result;
  for (const auto& item : items)
    result.emplace_back(shape(item));
  return result;
}

std::string_view name(resolver::Security security) {
  return security == resolver::Security::secure ? "secure" : "insecure";
}

std::string_view name(tls::StsLookup::Source source) {
  switch (source) {
    case tls::StsLookup::Source::none:
      return "none";
    case tls::StsLookup::Source::fetched:
      return "fetched";
    case tls::StsLookup::Source::cached:
      return "cached";
  }
  return "none";
}

json::object policy_json(const tls::StsLookup& sts) {
  json::object result{
      {"mode", nullptr}, {"source", name(sts.source)}, {"trouble", optional_error(sts.trouble)}};
  if (!sts.policy) return result;
  result["mode"] = tls::to_string(sts.policy->mode);
  result["id"] = sts.entry.policy_id;
  result["mx"] = shape_all(sts.policy->mx,
                           [](const tls::MxPattern& pattern) { return tls::to_string(pattern); });
  result["max_age_seconds"] = sts.policy->max_age.count();
  result["fetched_at"] = to_iso8601(sts.entry.fetched_at);
  result["expires_at"] = to_iso8601(sts.entry.expires_at);
  result["text"] = sts.entry.policy_text;
  return result;
}

json::value rule_json(const DestinationRule* rule) {
  if (rule == nullptr) return nullptr;
  const conf::Destination& entry = rule->entry;
  json::object result{{"where", entry.where},
                      {"domain", entry.domain.str()},
                      {"tls", conf::to_string(entry.tls)},
                      {"relay", nullptr},
                      {"until", nullptr},
                      {"comment", entry.comment}};
  if (entry.relay) result["relay"] = entry.relay->str();
  if (entry.until) result["until"] = conf::to_string(*entry.until);
  return result;
}

/// Null members where no MX was looked up.
json::object mx_json(const Route& route) {
  if (route.kind == tls::NextHopKind::relay) return {{"security", nullptr}, {"implicit", false}};
  return {{"security", name(route.mx.security)}, {"implicit", route.mx.implicit}};
}

std::string_view name(tls::Demand demand) {
  switch (demand) {
    case tls::Demand::nothing:
      return "none";
    case tls::Demand::requiretls:
      return "requiretls";
    case tls::Demand::tls_optional:
      return "tls-optional";
  }
  return "none";
}

/// The first ones; nobody reads more.
json::array tlsa_records_json(const std::vector<resolver::TlsaRecord>& published) {
  const auto shown = std::min(published.size(), kMaxTlsaShown);
  return shape_all(std::span(published).first(shown),
                   [](const resolver::TlsaRecord& record) { return resolver::to_string(record); });
}

json::object tlsa_json(const resolver::TlsaLookup& tlsa) {
  return {{"status", resolver::to_string(tlsa.status)},
          {"base", tlsa.base.str()},
          {"records", tlsa_records_json(tlsa.published)},
          {"published", tlsa.published.size()},
          {"failure", optional_error(tlsa.error)}};
}

json::object certificate_json(const tls::CertificateFacts& facts) {
  return {{"subject", facts.subject},
          {"issuer", facts.issuer},
          {"not_before", to_iso8601(facts.not_before)},
          {"not_after", to_iso8601(facts.not_after)},
          {"names", shape_all(facts.names, [](const std::string& value) { return value; })},
          {"spki_sha256", facts.spki_sha256}};
}

}  // namespace

std::string_view achieved_label(tls::TlsLevel level) {
  switch (level) {
    case tls::TlsLevel::none:
      return "none";
    case tls::TlsLevel::opportunistic:
    case tls::TlsLevel::encrypt:
      return "encrypted";
    case tls::TlsLevel::secure:
      return "secure";
    case tls::TlsLevel::sts:
      return "sts";
    case tls::TlsLevel::dane_host_only:
      return "dane-host-only";
    case tls::TlsLevel::dane:
      return "dane";
  }
  return "encrypted";
}

json::value to_json(const Error& error) {
  return {{"class", to_string(error.code)},
          {"status", to_string(error.status)},
          {"detail", error.detail}};
}

json::object to_json(const Route& route) {
  return {{"domain", to_string(route.destination)},
          {"next_hop", to_string(route.next_hop)},
          {"rule", rule_json(route.rule)},
          {"demand", name(route.demand)},
          {"failure", optional_error(route.failure)},
          {"mx", mx_json(route)},
          {"mta_sts", policy_json(route.sts)}};
}

json::object to_json(const HostPlan& plan) {
  return {{"host", plan.host.str()},
          {"preference", plan.preference},
          {"addresses",
           shape_all(plan.addresses, [](const IpAddress& address) { return address.str(); })},
          {"address_security", name(plan.lookup.security)},
          {"tlsa", tlsa_json(plan.tlsa)},
          {"action", plan.failure ? "skip" : "use"},
          {"port", plan.port},
          {"level", tls::to_string(plan.decision.level)},
          {"enforced", plan.decision.enforced},
          {"waived", optional_error(plan.decision.waived)},
          {"rule", plan.decision.rule},
          {"reason", plan.decision.reason},
          {"reference", plan.decision.reference},
          {"failure", optional_error(plan.failure)}};
}

void describe_conversation(const Conversation& conversation, json::object& record) {
  const SessionReport& report = conversation.session;
  if (conversation.downgraded_after) {
    record["downgraded_after"] = to_json(*conversation.downgraded_after);
  }
  if (conversation.classical_groups) record["classical_groups"] = true;
  if (conversation.reused) record["reused"] = true;
  record["tls"] = "none";
  record["stage"] = smtp::to_string(report.result.stage);
  record["failure"] = optional_error(report.result.failure);
  if (!report.verified) return;
  const tls::VerifyOutcome& verified = *report.verified;
  if (report.result.tls) record["tls"] = achieved_label(verified.achieved);
  record["protocol"] = verified.protocol;
  record["cipher"] = verified.cipher;
  if (!verified.chain.empty()) record["certificate"] = certificate_json(verified.chain.front());
  if (!verified.matched_record.empty()) record["matched_record"] = verified.matched_record;
  if (verified.waived) record["waived"] = to_json(*verified.waived);
  if (verified.testing_failure) record["testing_failure"] = to_json(*verified.testing_failure);
}

namespace {

json::object connection_json(const AddressTrace& tried) {
  json::object record{{"address", tried.address.str()}};
  for (const auto& outcome : tried.outcomes) {
    if (const auto* conversation = std::get_if<Conversation>(&outcome)) {
      describe_conversation(*conversation, record);
    } else {
      record["failure"] = to_json(std::get<Error>(outcome));
    }
  }
  return record;
}

json::object host_json(const HostTrace& host) {
  json::object record = to_json(*host.plan);
  if (host.plan->failure) return record;
  record["connections"] = shape_all(host.tried, connection_json);
  return record;
}

}  // namespace

json::object to_json(const AttemptTrace& trace) {
  json::object record = to_json(trace.route);
  record["hosts"] = shape_all(trace.hosts, host_json);
  return record;
}

namespace {

/// As many as have `excess` octets together: the last ones are the least preferred.
void drop_last_hosts(json::array& hosts, std::size_t excess) {
  std::size_t dropped = 0;
  while (dropped < excess && !hosts.empty()) {
    dropped += json::serialize(hosts.back()).size();
    hosts.pop_back();
  }
}

}  // namespace

std::string serialize_record(json::object record) {
  std::string text = json::serialize(record);
  if (text.size() <= kMaxRecord) return text;
  auto* policy = record["mta_sts"].if_object();
  if (policy != nullptr) policy->erase("text");
  text = json::serialize(record);
  if (text.size() > kMaxRecord && policy != nullptr) {
    policy->erase("mx");
    (*policy)["mx_left_out"] = true;
    text = json::serialize(record);
  }
  auto* hosts = record["hosts"].if_array();
  if (text.size() > kMaxRecord && hosts != nullptr) {
    record["hosts_left_out"] = true;
    drop_last_hosts(*hosts, json::serialize(record).size() - kMaxRecord);
    text = json::serialize(record);
  }
  return text.size() <= kMaxRecord ? text : std::string("{}");
}

}  // namespace fulmar::delivery
