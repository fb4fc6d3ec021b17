// Deadlines: a timer that closes a socket. Asio 1.81 has no per-operation timeout, and cancelling
// through awaitable operators is unsafe there, so a pending operation is ended by closing what it
// waits on.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace fulmar::net {

/// Watches one socket, one operation at a time. Lives on the socket's thread. `socket` must outlive
/// the watchdog.
///
/// An operation moves the deadline, not the timer: that is set once in a while, looks how far the
/// deadline has moved by then, and waits for the rest. A timer set and cancelled for each operation
/// would cost more than the operation.
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
  using Time = boost::asio::steady_timer::time_point;

  // Shared with the pending timer handler, which may run after the watchdog is gone.
  struct Shared {
    explicit Shared(boost::asio::ip::tcp::socket& watched)
        : socket(&watched), timer(watched.get_executor()) {}

    boost::asio::ip::tcp::socket* socket;
    boost::asio::steady_timer timer;
    std::optional<Time> deadline;  // of the operation under way
    std::optional<Time> looks_at;  // when the timer goes off, while it is set
    std::uint64_t generation = 0;  // of the timer's handlers: the last one counts
    bool expired = false;
  };
  void arm(std::chrono::milliseconds limit);
  void disarm();
  static void look_at(const std::shared_ptr<Shared>& shared, Time time);
  static void look(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
};

}  // namespace fulmar::net
