#include "mta/anchor_watch.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/log.h"

namespace fulmar::mta {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::minutes kAskAgain{1};

}  // namespace

asio::awaitable<Result<>> AnchorWatch::ask() {
  const auto proven = co_await resolver_.prove_trust_anchor();
  const std::lock_guard lock(mutex_);
  state_ = {.proven = proven.has_value(),
            .detail = proven ? std::string() : to_string(proven.error())};
  co_return proven;
}

asio::awaitable<Result<>> AnchorWatch::prove_first() {
  const auto proven = co_await ask();
  if (!proven && proven.error().code == Errc::dns_bogus) co_return proven;
  if (!proven) {
    log_error("trust anchor not proven yet: the root cannot be asked; mail waits until it can",
              {{"reason", proven.error().detail}});
  }
  co_return Result<>{};
}

asio::awaitable<void> AnchorWatch::run() {
  timer_ = std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor);
  while (!stopping_ && !state().proven) {
    timer_->expires_after(kAskAgain);
    co_await timer_->async_wait(asio::as_tuple(asio::use_awaitable));
    if (stopping_) co_return;
    const auto proven = co_await ask();
    if (proven) {
      log_info("trust anchor proven");
    } else {
      log_error("trust anchor not proven", {{"reason", proven.error().detail}});
    }
  }
}

void AnchorWatch::stop() {
  stopping_ = true;
  if (timer_) timer_->cancel();
}

AnchorState AnchorWatch::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace fulmar::mta
