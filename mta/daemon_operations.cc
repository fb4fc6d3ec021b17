#include "mta/daemon_operations.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/json/parse.hpp>
#include <map>
#include <optional>

#include "base/ascii.h"
#include "base/log.h"
#include "mta/delivery/explain.h"
#include "mta/delivery/record.h"
#include "mta/queue_view.h"
#include "mta/task_group.h"
#include "queue/backoff.h"

namespace fulmar::mta {

namespace asio = boost::asio;
namespace json = boost::json;
using control::QueueFilter;
using queue::DeliveryKey;

namespace {

/// Of a change of many deliveries.
constexpr std::size_t kChangesAtOnce = 64;
constexpr std::chrono::minutes kOneLook{1};

json::value parse_record(const std::string& text) {
  boost::system::error_code ec;
  json::value parsed = json::parse(text, ec);
  return ec ? json::value(nullptr) : parsed;
}

void log_change(const std::string& what, const DeliveryKey& key, const std::string& reason) {
  const LogField id{"id", key.message.str()};
  const LogField destination{"destination", to_string(key.destination)};
  if (reason.empty()) {
    log_info(what, {id, destination});
  } else {
    log_info(what, {id, destination, {"reason", reason}});
  }
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
  const auto memory = parts_.memory_mark.state();
  const Metrics& m = parts_.metrics;
  const auto stalls = m.store_stalls.read(parts_.clock.steady_now());
  const auto uptime =
      std::chrono::duration_cast<std::chrono::seconds>(parts_.clock.utc_now() - parts_.started);
  json::object answer{
      {"version", FULMAR_VERSION},
      {"hostname", parts_.hostname},
      {"uptime_seconds", uptime.count()},
      {"healthy",
       parts_.store.writable() && !stalls.lasts && !memory.is_above() && dnssec.healthy()},
      {"spool",
       {{"writable", parts_.store.writable()},
        {"stalled", stalls.lasts},
        {"free_bytes", free_space ? json::value(*free_space) : json::value(nullptr)},
        {"set_aside", parts_.quarantine.count()}}},
      {"memory", {{"resident_bytes", memory.resident}, {"high_water_mark", memory.mark}}},
      {"queue",
       {{"messages", depth.messages},
        {"deliveries", depth.deliveries},
        {"running", depth.running},
        {"notices_waiting", parts_.notice_desk.waiting()}}},
      {"suspended", parts_.suspensions.list(parts_.clock.utc_now()).size()},
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
        {"notices_dropped", m.notices_dropped.value()},
        {"security_failures", m.security_failures.value()},
        {"policy_fetches", m.policy_fetches.value()},
        {"policy_fetch_failures", m.policy_fetch_failures.value()},
        {"protection_lost", m.protection_lost.value()},
        {"dnssec_self_test_failures", m.dnssec_self_test_failures.value()},
        {"store_errors", m.store_errors.value()},
        {"store_stalls", stalls.count},
        {"store_stalled_ms", stalls.total.count()},
        {"store_level0_files", m.store_level0_files.value()}}}};
  co_return answer;
}

/// The deliveries a filter may mean, as far as their keys tell, oldest message first.
std::vector<DeliveryKey> DaemonOperations::candidates(const QueueFilter& filter) const {
  std::vector<DeliveryKey> keys;
  if (filter.ids.empty()) {
    keys = parts_.line.keys();
  } else {
    for (const MessageId& id : filter.ids)
      std::ranges::move(parts_.line.keys_of(id), std::back_inserter(keys));
  }
  if (filter.domain) {
    const MailHost host(*filter.domain);
    std::erase_if(keys, [&](const DeliveryKey& key) { return key.destination != host; });
  }
  return keys;
}

/// A record that is gone by now is not meant.
asio::awaitable<bool> DaemonOperations::is_meant(const QueueFilter& filter,
                                                 const DeliveryKey& key) {
  if (!needs_records(filter)) co_return true;
  const auto message = co_await parts_.store.read_message(key.message);
  if (!message) co_return false;
  const auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
  if (!delivery) co_return false;
  co_return matches(filter, *message, *delivery, parts_.clock.utc_now());
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_list(QueueFilter filter) {
  json::array list;
  MessageId current;
  const UtcTime now = parts_.clock.utc_now();
  std::size_t listed = 0;
  for (const DeliveryKey& key : candidates(filter)) {
    if (listed == control::kMaxListed) break;
    const auto message = co_await parts_.store.read_message(key.message);
    if (!message) continue;
    const auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
    if (!delivery || !matches(filter, *message, *delivery, now)) continue;
    ++listed;
    if (list.empty() || key.message != current) list.emplace_back(message_json(*message));
    current = key.message;
    json::array& recipients = list.back().as_object()["recipients"].as_array();
    const auto suspension = parts_.suspensions.find(key.destination, now);
    for (const auto& recipient : delivery->recipients)
      recipients.emplace_back(recipient_json(recipient, *delivery, suspension));
  }
  co_return json::value(std::move(list));
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_show(MessageId id) {
  FULMAR_CO_TRY(const queue::Message message, co_await parts_.store.read_message(id));
  json::object answer = message_json(message);
  answer["client"] = message.client;
  answer["helo"] = message.helo;
  answer["user"] = message.user;
  answer["header"] = is_valid_utf8(message.header)
                         ? message.header
                         : sanitize_line(message.header, message.header.size());
  json::array history;
  for (const DeliveryKey& key : parts_.line.keys_of(id)) {
    const auto delivery = co_await parts_.store.read_delivery(key.message, key.destination);
    if (!delivery) continue;
    json::array& recipients = answer["recipients"].as_array();
    const auto suspension = parts_.suspensions.find(key.destination, parts_.clock.utc_now());
    for (const auto& recipient : delivery->recipients)
      recipients.emplace_back(recipient_json(recipient, *delivery, suspension));
    for (const queue::Attempt& attempt : delivery->history) {
      history.push_back({{"at", to_iso8601(attempt.at)},
                         {"destination", to_string(key.destination)},
                         {"decision", parse_record(attempt.decision)}});
    }
  }
  answer["history"] = std::move(history);
  co_return json::value(std::move(answer));
}

/// A change of many deliveries, while it is under way. On one thread.
struct DaemonOperations::Changes {
  QueueFilter filter;
  std::vector<DeliveryKey> candidates;
  Change change;
  std::string logged;  ///< Of each one changed; empty: nothing.
  std::string reason;
  std::size_t next = 0;
  std::size_t meant = 0;
  std::uint64_t changed = 0;
  std::uint64_t running = 0;     ///< Left alone.
  std::optional<Error> failure;  ///< The first one: no further change begins.
};

/// One after the other, beside others that do the same.
asio::awaitable<void> DaemonOperations::make_changes(Changes& changes) {
  while (changes.next < changes.candidates.size() && changes.meant < control::kMaxListed &&
         !changes.failure) {
    const DeliveryKey& key = changes.candidates[changes.next++];
    ++changes.meant;  // until the records say otherwise, so that no more than allowed are
    const bool meant = co_await is_meant(changes.filter, key);
    if (!meant) {
      --changes.meant;
      continue;
    }
    if (!parts_.line.claim(key)) {
      ++changes.running;
      continue;
    }
    const auto result = co_await changes.change(key);
    if (!result) {
      changes.failure = result.error();
      co_return;
    }
    if (*result == delivery::Changed::no) continue;
    ++changes.changed;
    if (!changes.logged.empty()) log_change(changes.logged, key, changes.reason);
  }
}

/// `change` takes over what was claimed from the line; `logged` is said of each one changed. Many
/// are made at once, so that they share synced writes.
asio::awaitable<Result<json::value>> DaemonOperations::change_each(QueueFilter filter,
                                                                   std::string logged,
                                                                   std::string reason,
                                                                   Change change) {
  auto keys = candidates(filter);
  Changes changes{.filter = std::move(filter),
                  .candidates = std::move(keys),
                  .change = std::move(change),
                  .logged = std::move(logged),
                  .reason = std::move(reason)};
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  TaskGroup workers;
  for (std::size_t i = 0; i < std::min(kChangesAtOnce, changes.candidates.size()); ++i)
    workers.spawn(executor, make_changes(changes), "changes of the queue");
  bool done = false;
  while (!done)
    done = co_await workers.join(kOneLook);
  if (changes.failure) co_return fail(*std::move(changes.failure));
  co_return json::value{{"changed", changes.changed}, {"running", changes.running}};
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_retry(QueueFilter filter) {
  return change_each(std::move(filter), {}, {},
                     [this](const DeliveryKey& key) { return parts_.courier.retry(key); });
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_hold(QueueFilter filter) {
  return change_each(std::move(filter), "delivery held by operator", {},
                     [this](const DeliveryKey& key) { return parts_.courier.hold(key); });
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_release(QueueFilter filter) {
  return change_each(std::move(filter), "delivery released by operator", {},
                     [this](const DeliveryKey& key) { return parts_.courier.release(key); });
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_bounce(QueueFilter filter,
                                                                    std::string reason) {
  return change_each(
      std::move(filter), "delivery bounced by operator", reason,
      [this, reason](const DeliveryKey& key) { return parts_.courier.bounce(key, reason); });
}

asio::awaitable<Result<json::value>> DaemonOperations::queue_delete(QueueFilter filter,
                                                                    std::string reason) {
  return change_each(std::move(filter), "delivery deleted by operator", std::move(reason),
                     [this](const DeliveryKey& key) { return parts_.courier.remove(key); });
}

asio::awaitable<Result<json::value>> DaemonOperations::quarantine() {
  json::array list;
  for (const queue::SetAside& record : parts_.quarantine.list())
    list.emplace_back(set_aside_json(record));
  co_return json::value(std::move(list));
}

/// Every delivery to these next hops is looked at anew; the courier puts back what has to wait.
void DaemonOperations::hasten(const conf::DomainPattern& domain) {
  parts_.line.hasten([&](const MailHost& host) { return domain.matches(host); },
                     parts_.clock.utc_now());
}

asio::awaitable<Result<json::value>> DaemonOperations::suspend(conf::DomainPattern domain,
                                                               std::chrono::seconds time,
                                                               std::string reason) {
  const UtcTime now = parts_.clock.utc_now();
  const delivery::Suspension suspension{
      .domain = std::move(domain), .since = now, .until = now + time, .reason = std::move(reason)};
  FULMAR_CO_TRY_VOID(co_await parts_.suspensions.suspend(suspension));
  log_info("destination suspended by operator", {{"domain", suspension.domain.str()},
                                                 {"until", to_iso8601(suspension.until)},
                                                 {"reason", suspension.reason}});
  // What waits for an earlier suspension of this domain may have to wait for less long now.
  hasten(suspension.domain);
  co_return json::value(suspension_json(suspension));
}

asio::awaitable<Result<json::value>> DaemonOperations::resume(conf::DomainPattern domain) {
  FULMAR_CO_TRY_VOID(co_await parts_.suspensions.resume(domain, parts_.clock.utc_now()));
  log_info("destination resumed by operator", {{"domain", domain.str()}});
  hasten(domain);
  co_return json::value{{"resumed", domain.str()}};
}

asio::awaitable<Result<json::value>> DaemonOperations::suspended() {
  json::array list;
  for (const auto& suspension : parts_.suspensions.list(parts_.clock.utc_now()))
    list.emplace_back(suspension_json(suspension));
  co_return json::value(std::move(list));
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
    if (!delivery || delivery->held) continue;
    if (!next || delivery->next_attempt < *next) next = delivery->next_attempt;
  }
  const auto suspension = parts_.suspensions.find(destination, parts_.clock.utc_now());
  if (next && suspension) next = std::max(*next, suspension->until);
  if (next) answer["next_attempt"] = to_iso8601(*next);
  co_return answer;
}

asio::awaitable<Result<json::value>> DaemonOperations::explain(std::string target,
                                                               control::Connect connect) {
  FULMAR_CO_TRY(const MailHost destination, delivery::parse_target(target));
  json::object answer =
      co_await delivery::explain(parts_.attempt, parts_.attempt_settings, destination, connect);
  const auto suspension = parts_.suspensions.find(destination, parts_.clock.utc_now());
  answer["suspended"] = suspension ? json::value(suspension_json(*suspension)) : nullptr;
  answer["queue"] = co_await waiting_for(destination);
  co_return json::value(std::move(answer));
}

}  // namespace fulmar::mta
