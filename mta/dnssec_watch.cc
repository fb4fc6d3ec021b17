#include "mta/dnssec_watch.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <utility>

#include "base/log.h"
#include "resolver/self_test.h"

namespace fulmar::mta {

namespace asio = boost::asio;
namespace json = boost::json;
using resolver::SelfTestResult;
using resolver::SelfTestVerdict;

namespace {

constexpr std::chrono::minutes kAskAgain{1};
constexpr std::chrono::minutes kAskHourly{60};

}  // namespace

json::object to_json(const DnssecState& state) {
  const auto at =
      state.tested_at ? json::value(to_iso8601(*state.tested_at)) : json::value(nullptr);
  return {{"trust_anchor", state.anchor_proven ? "proven" : "unproven"},
          {"detail", state.anchor_detail},
          {"self_test",
           {{"result", resolver::to_string(state.self_test.result)},
            {"at", at},
            {"detail", resolver::describe(state.self_test)},
            {"upstreams", json::array(state.upstreams.begin(), state.upstreams.end())}}}};
}

DnssecWatch::DnssecWatch(DnssecWatchParts parts, conf::Resolver config)
    : parts_(std::move(parts)), config_(std::move(config)) {
  state_.self_test.findings.push_back({.text = "not asked yet"});
  state_.upstreams = config_.forward_to;
}

asio::awaitable<Result<>> DnssecWatch::prove() {
  const auto proven = co_await parts_.prove_trust_anchor();
  const std::lock_guard lock(mutex_);
  state_.anchor_proven = proven.has_value();
  state_.anchor_detail = proven ? std::string() : to_string(proven.error());
  co_return proven;
}

asio::awaitable<Result<>> DnssecWatch::prove_first() {
  const auto proven = co_await prove();
  if (!proven && proven.error().code == Errc::dns_bogus) co_return proven;
  if (!proven) {
    log_error("trust anchor not proven yet: the root cannot be asked; mail waits until it can",
              {{"reason", proven.error().detail}});
  }
  co_return Result<>{};
}

asio::awaitable<void> DnssecWatch::prove_again() {
  const auto proven = co_await prove();
  if (proven) {
    log_info("trust anchor proven");
  } else {
    log_error("trust anchor not proven", {{"reason", proven.error().detail}});
  }
}

asio::awaitable<std::chrono::minutes> DnssecWatch::test() {
  const SelfTestVerdict verdict = co_await resolver::run_self_test(parts_.resolver, config_);
  if (stopping_) co_return kAskAgain;  // the lookups were cancelled, which means nothing
  const DnssecState before = state();
  {
    const std::lock_guard lock(mutex_);
    state_.self_test = verdict;
    state_.tested_at = parts_.clock.utc_now();
    const bool undecided = verdict.result == SelfTestResult::undecided;
    if (!undecided) state_.undecided_since.reset();
    if (undecided && !state_.undecided_since) state_.undecided_since = state_.tested_at;
  }
  if (verdict.result == SelfTestResult::failed) parts_.metrics.dnssec_self_test_failures.add();
  tell(before, verdict);
  co_return verdict.result == SelfTestResult::passed ? kAskHourly : kAskAgain;
}

/// When the result changes only: reasons carry name servers' addresses, which differ each time.
void DnssecWatch::tell(const DnssecState& before, const SelfTestVerdict& now) const {
  if (before.tested_at && before.self_test.result == now.result) return;
  const std::string detail = resolver::describe(now);
  switch (now.result) {
    case SelfTestResult::failed:
      return log_error("DNSSEC self-test failed", {{"reason", detail}});
    case SelfTestResult::undecided:
      return log_warn("DNSSEC self-test undecided", {{"reason", detail}});
    case SelfTestResult::passed:
      if (detail.empty()) return log_info("DNSSEC self-test passed");
      return log_warn("DNSSEC self-test passed, but its names need attention",
                      {{"reason", detail}});
  }
}

asio::awaitable<void> DnssecWatch::run() {
  timer_ = std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor);
  while (!stopping_) {
    const auto pause = co_await test();
    if (stopping_) co_return;
    const bool proven = state().anchor_proven;
    timer_->expires_after(proven ? pause : kAskAgain);
    co_await timer_->async_wait(asio::as_tuple(asio::use_awaitable));
    if (!stopping_ && !proven) co_await prove_again();
  }
}

void DnssecWatch::stop() {
  stopping_ = true;
  if (timer_) timer_->cancel();
}

DnssecState DnssecWatch::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace fulmar::mta
