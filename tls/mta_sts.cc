#include "tls/mta_sts.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <exception>
#include <map>
#include <utility>

#include "base/log.h"
#include "tls/mta_sts_memory.h"
#include "tls/once_an_hour.h"
#include "tls/policy_events.h"
#include "tls/sts_discovery.h"

namespace fulmar::tls {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// Background fetches at once: policy hosts that never answer must not hold up the others, nor all
// of them the fetches that mail waits for.
constexpr std::size_t kMaxRefreshes = 8;
constexpr std::size_t kMaxRemovalsPerRound = 256;
constexpr std::chrono::hours kWarnEvery{1};
constexpr milliseconds kShortestPause{1'000};
constexpr milliseconds kLongestPause{60'000};
// The fetcher keeps the deadline itself; those who wait for it leave a little later.
constexpr milliseconds kWaitMargin{1'000};
// A caller may meet a removal, then a fetch for an older id, before its own.
constexpr int kMaxFlightsPerLookup = 3;

enum class Purpose : std::uint8_t { lookup, recheck, refresh };

/// One fetch or removal on its way, and all who wait for it. Lives on the service's executor. All
/// changes of a domain happen in its flight and a domain has one flight at a time, so that memory
/// and disk see the same changes in the same order.
struct Flight {
  Flight(const asio::any_io_executor& executor, milliseconds most) : landing(executor, most) {}

  LiveId live;
  std::optional<StsCacheEntry> removed;  ///< For a removal: what comes back should it fail.
  std::size_t pledged = 0;               ///< Octets of memory kept free for the entry.
  std::optional<UtcTime> forced_at;      ///< Set when an enforcement failure forced the fetch.
  asio::steady_timer landing;            ///< Cancelled when the flight has ended.
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
      : parts_(parts),
        config_(config),
        executor_(std::move(executor)),
        discovery_(parts.resolver, executor_),
        pause_(executor_),
        memory_(parts.memory_octets) {
    for (StsCacheEntry& entry : known) {
      entry.policy_text = shorten_policy_text(std::move(entry.policy_text));
      memory_.put(std::move(entry));
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

  std::vector<StsCacheEntry> list() const override { return memory_.all(); }
  std::optional<StsCacheEntry> find(const Domain& domain) const override {
    return memory_.find(domain);
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
      discovery_.stop();
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
      auto live = co_await discovery_.find_live_id(domain);
      if (live) {
        result.live_id = *std::move(live);
      } else {
        result.trouble = std::move(live).error();
        warn_of_unknown(domain, *result.trouble);
      }
    } else {
      result.trouble = waited_in_vain();
    }
    std::optional<StsPolicy> fetched;
    for (int i = 0; i < kMaxFlightsPerLookup; ++i) {
      const FlightPtr flight = flight_for(domain, result.live_id, purpose);
      if (flight == nullptr) break;
      co_await wait_for(flight);
      if (!flight->landed) result.trouble = waited_in_vain();
      if (!flight->landed) break;
      if (flight->removed) continue;
      // A second fetch that fails does not take back what the first one got.
      if (flight->policy) fetched = flight->policy;
      result.fetch_tried = true;
      if (flight->failure) result.trouble = flight->failure;
      if (flight->live == result.live_id) break;
      purpose = Purpose::lookup;
    }
    co_return conclude(std::move(result), domain, std::move(fetched));
  }

  /// Nothing is known and nothing can be found out: mail goes without MTA-STS. RFC 8461 §3.1,
  /// pitfall 7
  void warn_of_unknown(const Domain& domain, const Error& trouble) {
    if (trouble.code == Errc::cancelled || is_in_force(entry_of(domain), parts_.clock.utc_now())) {
      return;
    }
    if (!unknown_warnings_.is_due(domain, parts_.clock.steady_now())) return;
    log_warn("MTA-STS record cannot be used, and no policy is known",
             {{"domain", domain.str()}, {"reason", to_string(trouble)}});
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
    // The policy of the live id cannot be had now: that is trouble, not the absence of a policy.
    const bool failing = result.entry.failures > 0 && result.live_id == result.entry.failed_id;
    if (failing && !result.trouble) {
      result.trouble = make_error(Errc::io, "the last fetch failed: " + result.entry.last_error);
    }
    return result;
  }

  Error waited_in_vain() const {
    return stopping_ ? make_error(Errc::cancelled, "stopped while the policy was being fetched")
                     : make_error(Errc::timeout, "the policy fetch did not end in time");
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
    FlightPtr flight = make_flight();
    flight->live = live;
    if (forced) flight->forced_at = now;
    take_off(domain, flight, fly(domain, flight));
    return flight;
  }

  FlightPtr make_flight() const {
    return std::make_shared<Flight>(executor_, config_.fetch_timeout + kWaitMargin);
  }

  /// The flight may have landed when this returns: co_spawn runs it at once on its own executor.
  void take_off(const Domain& domain, const FlightPtr& flight, asio::awaitable<void> work) {
    flights_.emplace(domain, flight);
    // Not part of any caller's own chain of coroutines: a caller that gives up must not take the
    // others' fetch along.
    asio::co_spawn(executor_, std::move(work), [this, domain, flight](std::exception_ptr thrown) {
      if (thrown) flight->failure = report_thrown(std::move(thrown));
      land(domain, flight);
    });
  }

  void land(const Domain& domain, const FlightPtr& flight) {
    if (flight->removed && flight->failure) memory_.put(*flight->removed);  // the disk has it still
    memory_.release(flight->pledged);
    flight->landed = true;
    flights_.erase(domain);
    flight->landing.cancel();
  }

  static asio::awaitable<void> wait_for(FlightPtr flight) {
    if (flight->landed) co_return;
    co_await flight->landing.async_wait(asio::as_tuple(asio::use_awaitable));
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
    co_await remember(after, flight);
    if (policy) {
      report_fetched(before, after, parts_.metrics, parts_.troubles);
      flight->policy = *std::move(policy);
    } else {
      report_fetch_failed(after, now, parts_.metrics);
      flight->failure = std::move(policy).error();
    }
  }

  /// On disk first, so that a restart never forgets what was acted on. A store that refuses is no
  /// reason to use less protection than is known.
  asio::awaitable<void> remember(StsCacheEntry entry, FlightPtr flight) {
    if (!make_room(entry, flight)) {
      warn_of_full_memory(entry);
      co_return;
    }
    if (const auto saved = co_await parts_.store.save(entry); !saved) {
      parts_.metrics.store_errors.add();
      log_error("MTA-STS policy could not be stored",
                {{"domain", entry.domain.str()}, {"reason", to_string(saved.error())}});
    }
    memory_.put(std::move(entry));
  }

  bool make_room(const StsCacheEntry& entry, const FlightPtr& flight) {
    const auto is_busy = [this](const Domain& domain) { return flights_.contains(domain); };
    const auto room = memory_.find_room(entry, parts_.clock.utc_now(), is_busy);
    if (!room) return false;
    flight->pledged = room->growth;
    memory_.pledge(room->growth);
    for (const Domain& domain : room->evict)
      start_removal(domain);
    return true;
  }

  /// What does not fit is used by those who waited for it, and fetched again for the next.
  void warn_of_full_memory(const StsCacheEntry& entry) {
    const SteadyTime now = parts_.clock.steady_now();
    if (warned_at_ && now - *warned_at_ < kWarnEvery) return;
    warned_at_ = now;
    log_warn("MTA-STS policies not kept: no room for more", {{"domain", entry.domain.str()}});
  }

  StsCacheEntry entry_of(const Domain& domain) const {
    if (auto known = memory_.find(domain)) return *std::move(known);
    StsCacheEntry blank;
    blank.domain = domain;
    return blank;
  }

  /// Waits for what is on its way, so that a fetch does not bring back what was to be forgotten.
  asio::awaitable<Result<>> forget_here(Domain domain) {
    for (int i = 0; i < kMaxFlightsPerLookup && flights_.contains(domain); ++i) {
      const FlightPtr flight = flights_.at(domain);
      if (!stopping_) co_await wait_for(flight);
      if (!flight->landed) co_return fail(waited_in_vain());
    }
    if (flights_.contains(domain)) co_return fail(waited_in_vain());
    const FlightPtr removal = start_removal(domain);
    if (removal == nullptr) {
      co_return fail(Errc::not_found, "no MTA-STS policy known for " + domain.str());
    }
    co_await wait_for(removal);
    if (removal->failure) co_return fail(*removal->failure);
    if (!removal->landed) co_return fail(waited_in_vain());
    co_return Result<>{};
  }

  /// From memory at once, then from disk; nothing when nothing is known. REQUIRES: no flight of the
  /// domain is on its way.
  FlightPtr start_removal(const Domain& domain) {
    auto taken = memory_.take(domain);
    if (!taken) return nullptr;
    FlightPtr flight = make_flight();
    flight->removed = std::move(taken);
    take_off(domain, flight, remove(domain, flight));
    return flight;
  }

  asio::awaitable<void> remove(Domain domain, FlightPtr flight) {
    const auto removed = co_await parts_.store.remove(domain);
    if (removed) co_return;
    parts_.metrics.store_errors.add();
    log_error("MTA-STS policy could not be removed",
              {{"domain", domain.str()}, {"reason", to_string(removed.error())}});
    flight->failure = removed.error();
  }

  // ---- the refresher ----

  asio::awaitable<void> refresh_while_running() {
    while (!stopping_) {
      const UtcTime now = parts_.clock.utc_now();
      start_refreshes(now);
      const UtcTime since = std::exchange(expiries_seen_until_, now);
      const std::vector<StsCacheEntry> ended = memory_.expired(since, now);
      for (const StsCacheEntry& entry : ended)
        report_expired(entry, parts_.metrics, parts_.troubles);
      remove_useless(now);
      if (stopping_) co_return;
      pause_.expires_after(next_pause(now));
      co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  /// Does not wait for them: the round goes on while slow policy hosts take their time.
  void start_refreshes(UtcTime now) {
    due_ = memory_.due(now);
    const std::size_t wanted = std::min(kMaxRefreshes, refreshes_ + due_.size());
    for (std::size_t i = refreshes_; i < wanted; ++i) {
      ++refreshes_;
      asio::co_spawn(executor_, refresh_in_turn(), [this](std::exception_ptr thrown) {
        if (thrown) static_cast<void>(report_thrown(std::move(thrown)));
        --refreshes_;
      });
    }
  }

  asio::awaitable<void> refresh_in_turn() {
    while (!stopping_ && !due_.empty()) {
      const Domain domain = std::move(due_.front());
      due_.pop_front();
      if (!flights_.contains(domain)) co_await look_up_here(domain, Purpose::lookup);
    }
  }

  /// Nothing is awaited between judging an entry and taking it out.
  void remove_useless(UtcTime now) {
    const std::vector<Domain> useless = memory_.useless(now, kMaxRemovalsPerRound);
    for (const Domain& domain : useless) {
      if (!flights_.contains(domain)) start_removal(domain);
    }
  }

  /// Until the next refresh or retry is due, within bounds: what stays due because its fetches fail
  /// is no reason to hurry.
  milliseconds next_pause(UtcTime now) const {
    const UtcTime next = memory_.next_due(now).value_or(now + kLongestPause);
    return std::clamp<milliseconds>(next - now, kShortestPause, kLongestPause);
  }

  MtaStsParts parts_;
  conf::MtaSts config_;
  asio::any_io_executor executor_;
  std::atomic<bool> stopping_{false};

  // Touched on executor_ only.
  std::map<Domain, FlightPtr> flights_;
  StsDiscovery discovery_;
  std::deque<Domain> due_;     ///< Refreshes not yet begun.
  std::size_t refreshes_ = 0;  ///< Running refresh_in_turn().
  asio::steady_timer pause_;
  UtcTime expiries_seen_until_;
  std::optional<SteadyTime> warned_at_;
  OnceAnHour unknown_warnings_;

  StsMemory memory_;  // read from any thread
};

}  // namespace

std::unique_ptr<MtaSts> make_mta_sts(MtaStsParts parts, const conf::MtaSts& config,
                                     asio::any_io_executor executor,
                                     std::vector<StsCacheEntry> known) {
  return std::make_unique<MtaStsService>(parts, config, std::move(executor), std::move(known));
}

}  // namespace fulmar::tls
