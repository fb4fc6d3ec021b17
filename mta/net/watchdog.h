// Deadlines: a timer that closes a socket. Asio 1.81 has no per-operation timeout, and cancelling
// through awaitable operators is unsafe there, so a pending operation is ended by closing what it
// waits on.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

namespace fulmar::net {

/// Watches one socket, one operation at a time. Lives on the socket's thread. `socket` must outlive
/// the watchdog.
class Watchdog {
 public:
  explicit Watchdog(boost::asio::ip::tcp::socket& socket);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// While alive, the socket is closed when `limit` has passed.
  class Guard {
   public:
    Guard(Watchdog& owner, std::chrono::milliseconds limit);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Watchdog& owner_;
  };

  /// The socket was closed by a deadline.
  [[nodiscard]] bool expired() const;

 private:
  // Shared with the pending timer handler, which may run after the watchdog is gone.
  struct Shared {
    boost::asio::ip::tcp::socket* socket = nullptr;
    std::uint64_t generation = 0;
    bool expired = false;
  };
  void arm(std::chrono::milliseconds limit);
  void disarm();

  boost::asio::steady_timer timer_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace fulmar::net
