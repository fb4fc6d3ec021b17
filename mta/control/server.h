// The control socket: HTTP/1.1 over a Unix socket, one request a connection. Who may ask is decided
// by the kernel's word about the peer: our own user, root, and members of [control] group.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "base/result.h"
#include "conf/config.h"
#include "mta/control/operations.h"

namespace fulmar::control {

inline constexpr std::size_t kMaxRequestBody = 1'000'000;
inline constexpr std::size_t kMaxConnections = 32;  ///< More than these wait in the kernel.

class ControlServer {
 public:
  /// Makes the socket: mode 0660 when the group exists and may be set, else 0600. A socket file
  /// that nobody listens on any more is replaced. Errc::io when its directory does not exist, the
  /// path is taken by something else, or another daemon listens there. `executor` is one thread's;
  /// `operations` must outlive every task run on it.
  static Result<std::unique_ptr<ControlServer>> open(const conf::Control& config,
                                                     Operations& operations,
                                                     boost::asio::any_io_executor executor);
  ~ControlServer();  ///< Stops.

  void start();
  /// Takes no more connections, closes those waiting for a request, removes the socket file.
  /// Requests being carried out end by themselves. On the executor's thread, or when it does not
  /// run.
  void stop();
  /// Waits for what was asked before stop(); false when it takes longer than `limit`.
  boost::asio::awaitable<bool> join(std::chrono::milliseconds limit);

 private:
  struct State;
  explicit ControlServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // with the sessions, which may outlive the server
};

}  // namespace fulmar::control
