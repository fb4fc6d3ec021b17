#include "mta/control/queue_filter.h"

#include <boost/json/array.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include "conf/units.h"

namespace fulmar::control {
namespace {

namespace json = boost::json;

std::unexpected<Error> refuse(const std::string& name, const std::string& why) {
  return fail(Errc::invalid_argument, name + ": " + why);
}

Result<> set_once(std::optional<std::string>& field, const Condition& condition) {
  if (field) return refuse(condition.first, "given twice");
  if (condition.second.empty()) return refuse(condition.first, "is empty");
  field = condition.second;
  return {};
}

Result<> add_id(QueueFilter& filter, const std::string& text) {
  const auto id = MessageId::parse(text);
  if (!id) return refuse("id", "\"" + text + "\" is not a queue id");
  filter.ids.push_back(*id);
  return {};
}

Result<> set_domain(QueueFilter& filter, const Condition& condition) {
  if (filter.domain) return refuse(condition.first, "given twice");
  auto domain = Domain::parse(condition.second);
  if (!domain || domain->is_root())
    return refuse(condition.first, "\"" + condition.second + "\" is not a domain");
  filter.domain = *std::move(domain);
  return {};
}

Result<> set_older_than(QueueFilter& filter, const Condition& condition) {
  if (filter.older_than) return refuse(condition.first, "given twice");
  const auto age = conf::parse_duration(condition.second);
  if (!age)
    return refuse(condition.first,
                  "\"" + condition.second + "\" is not a duration like \"30m\" or \"2h\"");
  filter.older_than = std::chrono::duration_cast<std::chrono::seconds>(*age);
  return {};
}

Result<> set_state(QueueFilter& filter, const Condition& condition) {
  if (filter.state) return refuse(condition.first, "given twice");
  for (const auto state : {DeliveryState::queued, DeliveryState::deferred, DeliveryState::held}) {
    if (to_string(state) == condition.second) filter.state = state;
  }
  if (!filter.state)
    return refuse(condition.first,
                  "\"" + condition.second + "\" is none of queued, deferred, held");
  return {};
}

Result<> set_reason(QueueFilter& filter, const Condition& condition) {
  FULMAR_TRY_VOID(set_once(filter.reason, condition));
  if (!parse_errc(*filter.reason))
    return refuse(condition.first, "\"" + *filter.reason + "\" is not a class of failure");
  return {};
}

Result<> apply(QueueFilter& filter, const Condition& condition) {
  const std::string& name = condition.first;
  if (name == "id") return add_id(filter, condition.second);
  if (name == "sender") return set_once(filter.sender, condition);
  if (name == "recipient") return set_once(filter.recipient, condition);
  if (name == "domain") return set_domain(filter, condition);
  if (name == "older_than" || name == "older-than") return set_older_than(filter, condition);
  if (name == "state") return set_state(filter, condition);
  if (name == "reason") return set_reason(filter, condition);
  return refuse(name, "is not a condition");
}

Result<> add_text(std::vector<Condition>& conditions, const json::key_value_pair& member,
                  const json::value& value) {
  const auto* text = value.if_string();
  if (text == nullptr) return refuse(std::string(member.key()), "must be a string");
  conditions.emplace_back(member.key(), *text);
  return {};
}

/// The conditions that `filter` was made of, in a fixed order.
std::vector<Condition> to_conditions(const QueueFilter& filter) {
  std::vector<Condition> conditions;
  for (const MessageId& id : filter.ids)
    conditions.emplace_back("id", id.str());
  if (filter.sender) conditions.emplace_back("sender", *filter.sender);
  if (filter.recipient) conditions.emplace_back("recipient", *filter.recipient);
  if (filter.domain) conditions.emplace_back("domain", filter.domain->str());
  if (filter.older_than)
    conditions.emplace_back("older_than", conf::format_duration(*filter.older_than));
  if (filter.state) conditions.emplace_back("state", to_string(*filter.state));
  if (filter.reason) conditions.emplace_back("reason", *filter.reason);
  return conditions;
}

}  // namespace

std::string_view to_string(DeliveryState state) {
  switch (state) {
    case DeliveryState::queued:
      return "queued";
    case DeliveryState::deferred:
      return "deferred";
    case DeliveryState::held:
      return "held";
  }
  std::unreachable();
}

Result<QueueFilter> filter_from_conditions(const std::vector<Condition>& conditions) {
  QueueFilter filter;
  for (const Condition& condition : conditions)
    FULMAR_TRY_VOID(apply(filter, condition));
  return filter;
}

Result<QueueFilter> filter_from_json(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return refuse("filter", "must be an object");
  std::vector<Condition> conditions;
  for (const auto& member : *object) {
    if (const auto* list = member.value().if_array(); list != nullptr && member.key() == "id") {
      for (const json::value& each : *list)
        FULMAR_TRY_VOID(add_text(conditions, member, each));
    } else {
      FULMAR_TRY_VOID(add_text(conditions, member, member.value()));
    }
  }
  return filter_from_conditions(conditions);
}

json::object filter_to_json(const QueueFilter& filter) {
  json::object object;
  json::array ids;
  for (const auto& [name, value] : to_conditions(filter)) {
    if (name == "id") {
      ids.emplace_back(value);
    } else {
      object[name] = value;
    }
  }
  if (!ids.empty()) object["id"] = std::move(ids);
  return object;
}

std::string filter_to_query(const QueueFilter& filter) {
  // Every reserved character is encoded: a plus sign in an address must not come out as a space.
  std::string query;
  for (const auto& [name, value] : to_conditions(filter)) {
    query += (query.empty() ? "" : "&") + name + '=' +
             boost::urls::encode(value, boost::urls::unreserved_chars);
  }
  return query;
}

bool means_everything(const QueueFilter& filter) {
  return to_conditions(filter).empty();
}

}  // namespace fulmar::control
