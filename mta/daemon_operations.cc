#include "mta/daemon_operations.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <map>

#include "base/ascii.h"
#include "base/log.h"
#include "mta/delivery/claim.h"
#include "mta/delivery/explain.h"
#include "mta/delivery/record.h"

namespace fulmar::mta {

namespace asio = boost::asio;
namespace json = boost::json;
using control::QueueFilter;
using queue::DeliveryKey;

namespace {

std::string sender_text(const queue::Message& message) {
  return message.sender ? message.sender->text : "<>";
}

json::object recipient_json(const queue::Recipient& recipient, const queue::Delivery& delivery) {
  return {{"address", recipient.address.text},
          {"domain", to_string(delivery.destination)},
          {"state", delivery.attempts == 0 ? "queued" : "deferred"},
          {"attempts", delivery.attempts},
          {"next_attempt", to_iso8601(delivery.next_attempt)},
          {"host", recipient.last_host},
          {"reply", recipient.last_reply},
          {"reason", recipient.last_failure ? delivery::to_json(*recipient.last_failure)
                                            : json::value(nullptr)}};
}

json::object message_json(const queue::Message& message) {
  return {{"id", message.id.str()},
          {"sender", message.sender ? message.sender->text : std::string()},
          {"size", message.size},
          {"arrived", to_iso8601(message.arrived)},
          {"requiretls", message.requiretls},
          {"tls_optional", message.tls_optional},
          {"recipients", json::array{}}};
}

json::value parse_record(const std::string& text) {
  boost::system::error_code ec;
  json::value parsed = json::parse(text, ec);
  return ec ? json::value(nullptr) : parsed;
}

bool has_recipient(const queue::Delivery& delivery, const std::string& address) {
  return std::ranges::any_of(delivery.recipients, [&](const queue::Recipient& recipient) {
    return equals_ignoring_case(recipient.address.text, address);
  });
}

bool has_reason(const queue::Delivery& delivery, const std::string& reason) {
  return std::ranges::any_of(delivery.recipients, [&](const queue::Recipient& recipient) {
    return recipient.last_failure && to_string(recipient.last_failure->code) == reason;
  });
}

bool matches(const QueueFilter& filter, const queue::Message& message,
             const queue::Delivery& delivery, UtcTime now) {
  if (filter.sender && !equals_ignoring_case(*filter.sender, sender_text(message))) return false;
  if (filter.recipient && !has_recipient(delivery, *filter.recipient)) return false;
  if (filter.domain && delivery.destination != MailHost(*filter.domain)) return false;
  if (filter.older_than && now - message.arrived < *filter.older_than) return false;
  return !filter.reason || has_reason(delivery, *filter.reason);
}

json::object policy_json(const tls::StsCacheEntry& entry, UtcTime now) {
  json::object result{{"domain", entry.domain.str()},
                      {"mode", nullptr},
                      {"in_force", tls::is_in_force(entry, now)},
                      {"failures", entry.failures},
                      {"last_error", entry.last_error}};
  if (entry.failures > 0) result["retry_at"] = to_iso8601(entry.retry_at);
  if (!entry.policy) return result;
  result["mode"] = tls::to_string(entry.policy->mode);
  result["id"] = entry.policy_id;
  result["fetched_at"] = to_iso8601(entry.fetched_at);
  result["expires_at"] = to_iso8601(entry.expires_at);
  result["refresh_at"] = to_iso8601(entry.refresh_at);
  json::array mx;
  for (const tls::MxPattern& pattern : entry.policy->mx)
    mx.emplace_back(tls::to_string(pattern));
  result["mx"] = std::move(mx);
  result["text"] = entry.policy_text;
  return result;
}

}  // namespace

DaemonOperations::DaemonOperations(OperationsParts parts) : parts_(std::move(parts)) {}

asio::awaitable<json::value> DaemonOperations::status() {
  const auto depth = parts_.line.depth();
  const auto free_space = parts_.store.free_space();
  const DnssecState dnssec = parts_.dnssec.state();
  const Metrics& m = parts_.metrics;
  const auto uptime =
      std::chrono::duration_cast<std::chrono::seconds>(parts_.clock.utc_now() - parts_.started);
  json::object answer{
      {"version", FULMAR_VERSION},
      {"hostname", parts_.hostname},
      {"uptime_seconds", uptime.count()},
      {"healthy", parts_.store.writable() && dnssec.healthy()},
      {"spool",
       {{"writable", parts_.store.writable()},
        {"free_bytes", free_space ? json::value(*free_space) : json::value(nullptr)},
        {"set_aside", parts_.set_aside}}},
      {"queue",
       {{"messages", depth.messages},
        {"deliveries", depth.deliveries},
        {"running", depth.running}}},
      {"dnssec", to_json(dnssec)},
      {"counters",
       {{"sessions_accepted", m.sessions_accepted.value()},
        {"sessions_refused", m.sessions_refused.value()},
        {"sessions_open", m.sessions_open.value()},
        {"messages_accepted", m.messages_accepted.value()},
        {"messages_rejected", m.messages_rejected.value()},
        {"recipients_delivered", m.recipients_delivered.value()},
        {"delivered_in_clear", m.delivered_in_clear.value()},
        {"delivered_encrypted", m.delivered_encrypted.value()},
        {"delivered_secure", m.delivered_secure.value()},
        {"delivered_sts", m.delivered_sts.value()},
        {"delivered_dane_host_only", m.delivered_dane_host_only.value()},
        {"delivered_dane", m.delivered_dane.value()},
        {"recipients_deferred", m.recipients_deferred.value()},
        {"recipients_bounced", m.recipients_bounced.value()},
        {"notices_sent", m.notices_sent.value()},
        {"security_failures", m.security_failures.value()},
        {"policy_fetches", m.policy_fetches.value()},
        {"policy_fetch_failures", m.policy_fetch_failures.value()},
        {"protection_lost", m.protection_lost.value()},
        {"dnssec_self_test_failures", m.dnssec_self_test_failures.value()},
        {"store_errors", m.store_errors.value()}}}};
  co_return answer;
}

/// The deliveries a filter means, oldest message first. A record that is gone by now is passed
/// over.
asio::awaitable<std::vector<DeliveryKey>> DaemonOperations::select(QueueFilter filter) {
  std::vector<DeliveryKey> candidates;
  if (filter.ids.empty()) {
    candidates = parts_.line.keys();
  } else {
    for (const MessageId& id : filter.ids)
      std::ranges::move(parts_.line.keys_of(id), std::back_inserter(candidates));
  }
  const UtcTime now = parts_.clock.utc_now();
  std::vector<DeliveryKey> selected;
  for (const DeliveryKey& key : candidates) {
    if (selected.size() == control::kMaxListed) break;
    const auto message = co_await parts_.store.read_message(key.message);
    if (!message) continue;
    const auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
    if (delivery && matches(filter, *message, *delivery, now)) selected.push_back(key);
  }
  co_return selected;
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_list(QueueFilter filter) {
  const auto keys = co_await select(std::move(filter));
  json::array list;
  MessageId current;
  for (const DeliveryKey& key : keys) {
    const auto message = co_await parts_.store.read_message(key.message);
    const auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
    if (!message || !delivery) continue;
    if (list.empty() || key.message != current) list.emplace_back(message_json(*message));
    current = key.message;
    json::array& recipients = list.back().as_object()["recipients"].as_array();
    for (const auto& recipient : delivery->recipients)
      recipients.emplace_back(recipient_json(recipient, *delivery));
  }
  co_return json::value(std::move(list));
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_show(MessageId id) {
  FULMAR_CO_TRY(const queue::Message message, co_await parts_.store.read_message(id));
  json::object answer = message_json(message);
  answer["client"] = message.client;
  answer["helo"] = message.helo;
  answer["header"] = is_valid_utf8(message.header)
                         ? message.header
                         : sanitize_line(message.header, message.header.size());
  json::array history;
  for (const DeliveryKey& key : parts_.line.keys_of(id)) {
    const auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
    if (!delivery) continue;
    json::array& recipients = answer["recipients"].as_array();
    for (const auto& recipient : delivery->recipients)
      recipients.emplace_back(recipient_json(recipient, *delivery));
    for (const queue::Attempt& attempt : delivery->history) {
      history.push_back({{"at", to_iso8601(attempt.at)},
                         {"destination", to_string(key.destination)},
                         {"decision", parse_record(attempt.decision)}});
    }
  }
  answer["history"] = std::move(history);
  co_return json::value(std::move(answer));
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_retry(QueueFilter filter) {
  std::uint64_t changed = 0;
  const auto selected = co_await select(std::move(filter));
  for (const DeliveryKey& key : selected) {
    if (!parts_.line.claim(key)) continue;
    delivery::Claim claim(parts_.line, key, parts_.clock.utc_now());
    // The record carries the due time; the courier looks there.
    auto record = co_await parts_.store.read_delivery(key.message, key.destination);
    if (!record) continue;  // the courier finds out why; the claim puts it back
    const UtcTime due = parts_.clock.utc_now();
    record->next_attempt = due;
    queue::Batch batch{queue::PutDelivery{*record}};
    const auto stored = co_await parts_.store.commit_relaxed(std::move(batch));
    if (!stored) co_return fail(stored.error());
    claim.put_back({.attempt = due});
    ++changed;
  }
  co_return json::value{{"changed", changed}};
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_delete(QueueFilter filter,
                                                                    std::string reason) {
  std::uint64_t changed = 0;
  const auto selected = co_await select(std::move(filter));
  for (const DeliveryKey& key : selected) {
    if (!parts_.line.claim(key)) continue;
    FULMAR_CO_TRY_VOID(co_await parts_.courier.remove(key));
    log_info("delivery deleted by operator", {{"id", key.message.str()},
                                              {"destination", to_string(key.destination)},
                                              {"reason", reason}});
    ++changed;
  }
  co_return json::value{{"changed", changed}};
}

asio::awaitable<Result<json::value>> DaemonOperations::policy_list() {
  json::array list;
  const UtcTime now = parts_.clock.utc_now();
  for (const auto& entry : parts_.mta_sts.list())
    list.emplace_back(policy_json(entry, now));
  co_return json::value(std::move(list));
}

asio::awaitable<Result<json::value>> DaemonOperations::policy_show(Domain domain) {
  const auto entry = parts_.mta_sts.find(domain);
  if (!entry) co_return fail(Errc::not_found, "no MTA-STS policy is known for " + domain.str());
  co_return json::value(policy_json(*entry, parts_.clock.utc_now()));
}

asio::awaitable<Result<json::value>> DaemonOperations::policy_refresh(Domain domain) {
  const auto lookup = co_await parts_.mta_sts.refresh(domain);
  if (lookup.trouble) co_return fail(*lookup.trouble);
  co_return co_await policy_show(std::move(domain));
}

asio::awaitable<Result<json::value>> DaemonOperations::policy_forget(Domain domain) {
  FULMAR_CO_TRY_VOID(co_await parts_.mta_sts.forget(domain));
  log_info("MTA-STS policy forgotten by operator", {{"domain", domain.str()}});
  co_return json::value{{"forgotten", domain.str()}};
}

asio::awaitable<json::object> DaemonOperations::waiting_for(MailHost destination) {
  const auto load = parts_.line.load(destination);
  json::object answer{{"waiting", load ? load->queued : 0},
                      {"running", load ? load->running : 0},
                      {"next_attempt", nullptr}};
  if (!load) co_return answer;
  // The first hundred are enough to say when something happens next.
  std::optional<UtcTime> next;
  std::size_t looked_at = 0;
  for (const DeliveryKey& key : parts_.line.keys()) {
    if (key.destination != destination || ++looked_at > 100) continue;
    const auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
    if (delivery && (!next || delivery->next_attempt < *next)) next = delivery->next_attempt;
  }
  if (next) answer["next_attempt"] = to_iso8601(*next);
  co_return answer;
}

asio::awaitable<Result<json::value>> DaemonOperations::explain(std::string target,
                                                               control::Connect connect) {
  FULMAR_CO_TRY(const MailHost destination, delivery::parse_target(target));
  json::object answer =
      co_await delivery::explain(parts_.attempt, parts_.attempt_settings, destination, connect);
  answer["queue"] = co_await waiting_for(destination);
  co_return json::value(std::move(answer));
}

}  // namespace fulmar::mta
