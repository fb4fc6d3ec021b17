#include "tls/mta_sts.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "tls/policy_events.h"

namespace fulmar::tls {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// Bounds the memory that hostile domains can take; a policy beyond it is used but not remembered.
constexpr std::size_t kMaxEntries = 50'000;
// Past its end an entry is of use to nobody but explain.
constexpr std::chrono::hours kForgetAfter{24};
constexpr milliseconds kShortestPause{1'000};
constexpr milliseconds kLongestPause{60'000};
// The fetcher keeps the deadline itself; those who wait for it leave a little later.
constexpr milliseconds kWaitMargin{1'000};
// A caller that saw a newer id than the fetch it joined starts one more.
constexpr int kMaxFlightsPerLookup = 2;

enum class Purpose : std::uint8_t { lookup, recheck, refresh };

/// One fetch on its way, and all who wait for it. Lives on the service's executor.
struct Flight {
  Flight(const asio::any_io_executor& executor, LiveId id, milliseconds most)
      : live(std::move(id)), landing(executor, most) {}

  LiveId live;
  std::optional<UtcTime> forced_at;  ///< Set when an enforcement failure forced the fetch.
  asio::steady_timer landing;        ///< Cancelled when the fetch has ended.
  bool landed = false;
  std::optional<StsPolicy> policy;
  std::optional<Error> failure;
};

// Flights are shared by the fetch and by every waiter, whichever ends last.
using FlightPtr = std::shared_ptr<Flight>;

class MtaStsService final : public MtaSts {
 public:
  MtaStsService(MtaStsParts parts, const conf::MtaSts& config, asio::any_io_executor executor,
                std::vector<StsCacheEntry> known)
      : parts_(parts), config_(config), executor_(std::move(executor)), pause_(executor_) {
    for (StsCacheEntry& entry : known) {
      Domain domain = entry.domain;
      entries_.insert_or_assign(std::move(domain), std::move(entry));
    }
    expiries_seen_until_ = parts_.clock.utc_now();
  }

  asio::awaitable<StsLookup> lookup(Domain domain) override {
    return hop(std::move(domain), Purpose::lookup);
  }
  asio::awaitable<StsLookup> recheck(Domain domain) override {
    return hop(std::move(domain), Purpose::recheck);
  }
  asio::awaitable<StsLookup> refresh(Domain domain) override {
    return hop(std::move(domain), Purpose::refresh);
  }
  asio::awaitable<Result<>> forget(Domain domain) override {
    co_return co_await asio::co_spawn(executor_, forget_here(std::move(domain)),
                                      asio::use_awaitable);
  }

  std::vector<StsCacheEntry> list() const override {
    const std::lock_guard lock(mutex_);
    std::vector<StsCacheEntry> all;
    all.reserve(entries_.size());
    for (const auto& [domain, entry] : entries_)
      all.push_back(entry);
    return all;
  }

  std::optional<StsCacheEntry> find(const Domain& domain) const override {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(domain);
    if (found == entries_.end()) return std::nullopt;
    return found->second;
  }

  asio::awaitable<void> run_refresher() override {
    co_await asio::co_spawn(executor_, refresh_while_running(), asio::use_awaitable);
  }

  void stop() override {
    stopping_ = true;
    asio::dispatch(executor_, [this] {
      pause_.cancel();
      for (const auto& [domain, flight] : flights_)
        flight->landing.cancel();
    });
  }

 private:
  /// Does the work on the service's executor and comes back to the caller's.
  asio::awaitable<StsLookup> hop(Domain domain, Purpose purpose) {
    if (!config_.enabled) {
      StsLookup nothing;
      nothing.entry.domain = std::move(domain);
      co_return nothing;
    }
    co_return co_await asio::co_spawn(executor_, look_up_here(std::move(domain), purpose),
                                      asio::use_awaitable);
  }

  asio::awaitable<StsLookup> look_up_here(Domain domain, Purpose purpose) {
    StsLookup result;
    if (!stopping_) {
      auto live = co_await find_live_id(domain);
      if (live) {
        result.live_id = *std::move(live);
      } else {
        result.trouble = std::move(live).error();
      }
    }
    std::optional<StsPolicy> fetched;
    for (int i = 0; i < kMaxFlightsPerLookup; ++i) {
      const FlightPtr flight = flight_for(domain, result.live_id, purpose);
      if (flight == nullptr) break;
      co_await wait_for(flight);
      fetched = flight->policy;
      if (flight->failure) result.trouble = flight->failure;
      if (!flight->landed) result.trouble = waited_in_vain();
      if (!flight->landed || flight->live == result.live_id) break;
      purpose = Purpose::lookup;
    }
    co_return conclude(std::move(result), domain, std::move(fetched));
  }

  /// The policy of this moment: what was just fetched (even with max_age 0), else what is in force.
  StsLookup conclude(StsLookup result, const Domain& domain, std::optional<StsPolicy> fetched) {
    result.entry = entry_of(domain);
    if (fetched) {
      result.policy = std::move(fetched);
      result.source = StsLookup::Source::fetched;
    } else if (is_in_force(result.entry, parts_.clock.utc_now())) {
      result.policy = result.entry.policy;
      result.source = StsLookup::Source::cached;
    }
    return result;
  }

  Error waited_in_vain() const {
    return stopping_ ? make_error(Errc::cancelled, "stopped while the policy was being fetched")
                     : make_error(Errc::timeout, "the policy fetch did not end in time");
  }

  /// A record that is absent is an answer; one that is malformed, or cannot be looked up, is
  /// trouble. RFC 8461 §3.1
  asio::awaitable<Result<LiveId>> find_live_id(Domain domain) {
    const auto name = Domain::parse(domain.with_prefix("_mta-sts").str());
    if (!name) co_return LiveId{};  // the prefix made it too long to exist
    const auto answer = co_await parts_.resolver.txt(*name);
    if (!answer) co_return fail(answer.error());
    auto record = parse_sts_record(answer->records);
    if (record) co_return LiveId{std::move(record->id)};
    if (record.error().code == Errc::not_found) co_return LiveId{};
    co_return fail(std::move(record).error());
  }

  /// The fetch to wait for: one on its way, a new one, or none when none is due. STS-42
  FlightPtr flight_for(const Domain& domain, const LiveId& live, Purpose purpose) {
    if (stopping_) return nullptr;
    const StsCacheEntry entry = entry_of(domain);
    const UtcTime now = parts_.clock.utc_now();
    const bool concerned = live.has_value() || is_in_force(entry, now);
    const bool forced = purpose == Purpose::recheck && concerned &&
                        may_force_fetch(entry, now, config_.recheck_interval);
    const bool wanted =
        forced || purpose == Purpose::refresh || fetch_need(entry, live, now) != FetchNeed::no;
    if (!wanted) return nullptr;
    if (const auto flying = flights_.find(domain); flying != flights_.end()) return flying->second;
    auto flight = std::make_shared<Flight>(executor_, live, config_.fetch_timeout + kWaitMargin);
    if (forced) flight->forced_at = now;
    take_off(domain, flight);
    return flight;
  }

  /// The flight may have landed when this returns: co_spawn runs it at once on its own executor.
  void take_off(const Domain& domain, const FlightPtr& flight) {
    flights_.emplace(domain, flight);
    // Not part of any caller's own chain of coroutines: a caller that gives up must not take the
    // others' fetch along.
    asio::co_spawn(executor_, fly(domain, flight),
                   [this, domain, flight](std::exception_ptr thrown) {
                     if (thrown) flight->failure = describe_thrown(std::move(thrown));
                     flight->landed = true;
                     flights_.erase(domain);
                     flight->landing.cancel();
                   });
  }

  static asio::awaitable<void> wait_for(FlightPtr flight) {
    if (flight->landed) co_return;
    co_await flight->landing.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  static Error describe_thrown(std::exception_ptr thrown) {
    std::string text = "not a standard exception";
    try {
      std::rethrow_exception(std::move(thrown));
    } catch (const std::exception& exception) {
      text = exception.what();
    } catch (...) {  // `text` says it
    }
    log_error("MTA-STS policy fetch threw", {{"what", text}});
    return make_error(Errc::internal, "policy fetch: " + text);
  }

  asio::awaitable<void> fly(Domain domain, FlightPtr flight) {
    parts_.metrics.policy_fetches.add();
    auto body = co_await parts_.fetcher.fetch(domain);
    Result<StsPolicy> policy = body ? parse_sts_policy(*body) : fail(body.error());
    const StsCacheEntry before = entry_of(domain);
    const UtcTime now = parts_.clock.utc_now();
    StsCacheEntry after = policy ? after_success(before, flight->live, *policy, *std::move(body),
                                                 now, config_, parts_.random)
                                 : after_failure(before, flight->live, policy.error().detail, now,
                                                 config_, parts_.random);
    if (flight->forced_at) after.forced_at = *flight->forced_at;
    co_await remember(after);
    if (policy) {
      report_fetched(before, after, parts_.metrics);
      flight->policy = *std::move(policy);
    } else {
      report_fetch_failed(after, now, parts_.metrics);
      flight->failure = std::move(policy).error();
    }
  }

  /// On disk first, so that a restart never forgets what was acted on. A store that refuses is no
  /// reason to use less protection than is known.
  asio::awaitable<void> remember(StsCacheEntry entry) {
    if (is_full_for(entry.domain)) {
      log_warn("MTA-STS policy not kept: too many domains", {{"domain", entry.domain.str()}});
      co_return;
    }
    if (const auto saved = co_await parts_.store.save(entry); !saved) {
      parts_.metrics.store_errors.add();
      log_error("MTA-STS policy could not be stored",
                {{"domain", entry.domain.str()}, {"reason", to_string(saved.error())}});
    }
    const std::lock_guard lock(mutex_);
    Domain domain = entry.domain;
    entries_.insert_or_assign(std::move(domain), std::move(entry));
  }

  bool is_full_for(const Domain& domain) const {
    const std::lock_guard lock(mutex_);
    return entries_.size() >= kMaxEntries && !entries_.contains(domain);
  }

  StsCacheEntry entry_of(const Domain& domain) const {
    if (auto known = find(domain)) return *std::move(known);
    StsCacheEntry blank;
    blank.domain = domain;
    return blank;
  }

  asio::awaitable<Result<>> forget_here(Domain domain) {
    {
      const std::lock_guard lock(mutex_);
      if (entries_.erase(domain) == 0) {
        co_return fail(Errc::not_found, "no MTA-STS policy known for " + domain.str());
      }
    }
    co_return co_await parts_.store.remove(std::move(domain));
  }

  // ---- the refresher ----

  asio::awaitable<void> refresh_while_running() {
    while (!stopping_) {
      // One at a time: a background task must not crowd out the fetches that mail waits for.
      const std::vector<Domain> due = due_domains();
      for (const Domain& domain : due) {
        if (stopping_) co_return;
        co_await look_up_here(domain, Purpose::lookup);
      }
      report_expiries();
      const std::vector<Domain> useless = useless_domains();
      for (const Domain& domain : useless) {
        if (const auto removed = co_await forget_here(domain); !removed) {
          log_error("expired MTA-STS policy could not be removed",
                    {{"domain", domain.str()}, {"reason", to_string(removed.error())}});
        }
      }
      if (stopping_) co_return;
      pause_.expires_after(next_pause());
      co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  std::vector<Domain> due_domains() const {
    const UtcTime now = parts_.clock.utc_now();
    return select([&](const StsCacheEntry& entry) {
      return fetch_need(entry, LiveId{}, now) == FetchNeed::refresh;
    });
  }

  std::vector<Domain> useless_domains() const {
    const UtcTime now = parts_.clock.utc_now();
    return select([&](const StsCacheEntry& entry) {
      return now >= entry.expires_at + kForgetAfter && now >= entry.retry_at + kForgetAfter;
    });
  }

  void report_expiries() {
    const UtcTime now = parts_.clock.utc_now();
    const UtcTime since = std::exchange(expiries_seen_until_, now);
    const std::lock_guard lock(mutex_);
    for (const auto& [domain, entry] : entries_) {
      const bool lived = entry.fetched_at < entry.expires_at;
      if (lived && entry.expires_at > since && entry.expires_at <= now) {
        report_expired(entry, parts_.metrics);
      }
    }
  }

  /// Until the next refresh or retry is due, within bounds: what stays due because its fetches fail
  /// is no reason to hurry.
  milliseconds next_pause() const {
    const UtcTime now = parts_.clock.utc_now();
    milliseconds pause = kLongestPause;
    const std::lock_guard lock(mutex_);
    for (const auto& [domain, entry] : entries_) {
      for (const UtcTime due : {entry.refresh_at, entry.retry_at}) {
        if (due > now && is_in_force(entry, now)) pause = std::min(pause, due - now);
      }
    }
    return std::max(pause, kShortestPause);
  }

  template <class Predicate>
  std::vector<Domain> select(Predicate wanted) const {
    const std::lock_guard lock(mutex_);
    std::vector<Domain> domains;
    for (const auto& [domain, entry] : entries_) {
      if (wanted(entry)) domains.push_back(domain);
    }
    return domains;
  }

  MtaStsParts parts_;
  conf::MtaSts config_;
  asio::any_io_executor executor_;
  std::atomic<bool> stopping_{false};

  // Touched on executor_ only.
  std::map<Domain, FlightPtr> flights_;
  asio::steady_timer pause_;
  UtcTime expiries_seen_until_;

  mutable std::mutex mutex_;  // for list() and find(), which come from any thread
  std::map<Domain, StsCacheEntry> entries_;
};

}  // namespace

std::unique_ptr<MtaSts> make_mta_sts(MtaStsParts parts, const conf::MtaSts& config,
                                     asio::any_io_executor executor,
                                     std::vector<StsCacheEntry> known) {
  return std::make_unique<MtaStsService>(parts, config, std::move(executor), std::move(known));
}

}  // namespace fulmar::tls
