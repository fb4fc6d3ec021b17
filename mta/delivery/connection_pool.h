// Connections that carried a message and wait for another one to the same end. They wait for
// seconds only: a host that is not busy with us gets its slot back.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "mta/net/stream.h"
#include "mta/smtp/client_session.h"
#include "mta/task_group.h"
#include "tls/verify.h"

namespace fulmar::delivery {

struct IdleConnection {
  net::Stream stream;
  smtp::KeptSession session;
  std::optional<tls::VerifyOutcome> verified;  ///< What its handshake proved; empty in clear.
  bool classical_groups = false;
  std::uint32_t messages = 0;  ///< Carried so far.
  SteadyTime opened;
};

struct PoolLimits {
  std::size_t total = 200;  ///< Idle at once; part of the program's budget of descriptors.
  std::chrono::milliseconds idle{5'000};
  /// Since it was opened. A certificate, policy or record that has changed is noticed by then.
  std::chrono::milliseconds age{300'000};
  std::chrono::milliseconds farewell{1'000};  ///< For each step of taking leave.
};

/// May be used from any thread; a connection stays on its own.
class ConnectionPool {
 public:
  /// `clock` must outlive the pool; the pool must outlive what runs on its connections' executors.
  ConnectionPool(PoolLimits limits, const Clock& clock);
  ~ConnectionPool();

  /// One that was put under `key` (reuse_key.h): one that lives on `executor` before others, of
  /// these the latest; empty when there is none of use. One of another executor may only be used,
  /// and destroyed, on its own. What the host closed or said something on meanwhile is dropped. One
  /// that has carried `most` messages is left to others.
  [[nodiscard]] std::optional<IdleConnection> take(const std::string& key,
                                                   const boost::asio::any_io_executor& executor,
                                                   std::uint32_t most);

  /// Keeps the connection for a while, or takes leave of it at once when it is too old or there is
  /// no room.
  void put(const std::string& key, IdleConnection connection);

  /// Takes leave of the one that has waited longest under a key that begins with `part`, which
  /// takes three seconds at most; false when there is none. Before a new connection with the whole
  /// key: what take() left there is worn out, and there are never more connections of one kind than
  /// deliveries under way (pitfall 91). With address_part() when the host has no room for another
  /// one.
  boost::asio::awaitable<bool> give_way(std::string part);

  /// Takes leave of those that have waited long enough; runs until close().
  boost::asio::awaitable<void> run();
  /// Takes leave of all, which takes three seconds at most; what is put from now on is not kept. On
  /// the executor of run().
  boost::asio::awaitable<void> close();

  [[nodiscard]] std::size_t idle() const;

 private:
  struct Waiting {
    IdleConnection connection;
    SteadyTime since;
  };
  using Queue = std::vector<Waiting>;  // oldest first

  static std::optional<Queue::iterator> find_usable(Queue& queue,
                                                    const boost::asio::any_io_executor& executor,
                                                    std::uint32_t most);
  std::vector<IdleConnection> take_stale(SteadyTime now);
  std::optional<IdleConnection> take_oldest(const std::string& part);
  void take_leave(IdleConnection connection);
  [[nodiscard]] bool is_closed() const;

  const PoolLimits limits_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Queue> waiting_;  // keys of one address stand together
  std::size_t count_ = 0;
  bool closed_ = false;
  std::optional<boost::asio::steady_timer> sweep_;
  mta::TaskGroup farewells_;
};

}  // namespace fulmar::delivery
