#include "mta/delivery/outcome_commit.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/log.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstPause{1000};
constexpr milliseconds kLongestPause{60'000};

}  // namespace

asio::awaitable<bool> commit_outcome(queue::Store& store, MessageId id, queue::Batch batch,
                                     Durability durability) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  milliseconds wait = kFirstPause;
  for (;;) {
    auto storing =
        durability == Durability::synced ? store.commit(batch) : store.commit_relaxed(batch);
    const auto stored = co_await std::move(storing);
    if (stored) co_return true;
    if (stored.error().code == Errc::cancelled) co_return false;
    log_error("outcome cannot be stored", {{"id", id.str()}, {"reason", stored.error().detail}});
    pause.expires_after(wait);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    wait = std::min(2 * wait, kLongestPause);
  }
}

}  // namespace fulmar::delivery
