#include "mta/delivery/connection_pool.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace fulmar::delivery {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kSweepEvery{1'000};

/// RFC 5321 §4.1.1.10. Whether the host hears it changes nothing; one that answers has let go of
/// the connection.
asio::awaitable<void> say_quit(net::Stream stream, milliseconds limit) {
  const auto written = co_await stream.write("QUIT\r\n", limit);
  if (written) static_cast<void>(co_await stream.read(limit));
  co_await stream.shut_down(limit);
}

/// On its own thread, where its deadline may be looked at this very moment; never under our lock.
void close_at_home(net::Stream stream) {
  const asio::any_io_executor home = stream.executor();
  asio::post(home, [closed = std::move(stream)] {});
}

}  // namespace

ConnectionPool::ConnectionPool(PoolLimits limits, const Clock& clock)
    : limits_(limits), clock_(clock) {}

ConnectionPool::~ConnectionPool() = default;

std::optional<ConnectionPool::Queue::iterator> ConnectionPool::find_usable(
    Queue& queue, const asio::any_io_executor& executor, std::uint32_t most) {
  std::optional<Queue::iterator> elsewhere;
  for (auto it = queue.end(); it != queue.begin();) {
    --it;
    if (it->connection.messages >= most) continue;
    if (it->connection.stream.executor() == executor) return it;
    if (!elsewhere) elsewhere = it;
  }
  return elsewhere;
}

std::optional<IdleConnection> ConnectionPool::take(const std::string& key,
                                                   const asio::any_io_executor& executor,
                                                   std::uint32_t most) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return std::nullopt;
  std::optional<IdleConnection> taken;
  Queue& queue = found->second;
  while (!taken) {
    const auto usable = find_usable(queue, executor, most);
    if (!usable) break;
    IdleConnection connection = std::move((*usable)->connection);
    queue.erase(*usable);
    --count_;
    if (connection.stream.is_quiet()) {
      taken = std::move(connection);
    } else {
      close_at_home(std::move(connection.stream));
    }
  }
  if (queue.empty()) waiting_.erase(found);
  return taken;
}

void ConnectionPool::put(const std::string& key, IdleConnection connection) {
  const SteadyTime now = clock_.steady_now();
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && count_ < limits_.total && now - connection.opened < limits_.age) {
      waiting_[key].push_back({std::move(connection), now});
      ++count_;
      return;
    }
  }
  take_leave(std::move(connection));
}

std::optional<IdleConnection> ConnectionPool::take_oldest(const std::string& part) {
  const std::lock_guard lock(mutex_);
  auto oldest = waiting_.end();
  for (auto it = waiting_.lower_bound(part); it != waiting_.end() && it->first.starts_with(part);
       ++it) {
    const bool older =
        oldest == waiting_.end() || it->second.front().since < oldest->second.front().since;
    if (older) oldest = it;
  }
  if (oldest == waiting_.end()) return std::nullopt;
  IdleConnection connection = std::move(oldest->second.front().connection);
  oldest->second.erase(oldest->second.begin());
  if (oldest->second.empty()) waiting_.erase(oldest);
  --count_;
  return connection;
}

asio::awaitable<bool> ConnectionPool::give_way(std::string part) {
  auto oldest = take_oldest(part);
  if (!oldest) co_return false;
  const asio::any_io_executor home = oldest->stream.executor();
  co_await asio::co_spawn(home, say_quit(std::move(oldest->stream), limits_.farewell),
                          asio::use_awaitable);
  co_return true;
}

void ConnectionPool::take_leave(IdleConnection connection) {
  const asio::any_io_executor home = connection.stream.executor();
  farewells_.spawn(home, say_quit(std::move(connection.stream), limits_.farewell),
                   "end of an idle connection");
}

std::vector<IdleConnection> ConnectionPool::take_stale(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  std::vector<IdleConnection> stale;
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    Queue& queue = entry->second;
    const auto fresh = std::ranges::find_if(
        queue, [&](const Waiting& each) { return !closed_ && now - each.since < limits_.idle; });
    std::ranges::for_each(queue.begin(), fresh,
                          [&](Waiting& each) { stale.push_back(std::move(each.connection)); });
    queue.erase(queue.begin(), fresh);
    entry = queue.empty() ? waiting_.erase(entry) : std::next(entry);
  }
  count_ -= stale.size();
  return stale;
}

asio::awaitable<void> ConnectionPool::run() {
  sweep_.emplace(co_await asio::this_coro::executor);
  while (!is_closed()) {
    for (IdleConnection& connection : take_stale(clock_.steady_now()))
      take_leave(std::move(connection));
    sweep_->expires_after(kSweepEvery);
    co_await sweep_->async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<void> ConnectionPool::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  if (sweep_) sweep_->cancel();
  for (IdleConnection& connection : take_stale(clock_.steady_now()))
    take_leave(std::move(connection));
  static_cast<void>(co_await farewells_.join(3 * limits_.farewell));
}

bool ConnectionPool::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::size_t ConnectionPool::idle() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace fulmar::delivery
