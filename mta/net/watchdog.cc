#include "mta/net/watchdog.h"

namespace fulmar::net {

Watchdog::Watchdog(boost::asio::ip::tcp::socket& socket)
    : timer_(socket.get_executor()), shared_(std::make_shared<Shared>()) {
  shared_->socket = &socket;
}

Watchdog::~Watchdog() {
  shared_->socket = nullptr;
}

Watchdog::Guard::Guard(Watchdog& owner, std::chrono::milliseconds limit) : owner_(owner) {
  owner_.arm(limit);
}

Watchdog::Guard::~Guard() {
  owner_.disarm();
}

bool Watchdog::expired() const {
  return shared_->expired;
}

void Watchdog::arm(std::chrono::milliseconds limit) {
  const std::uint64_t generation = ++shared_->generation;
  timer_.expires_after(limit);
  timer_.async_wait([shared = shared_, generation](boost::system::error_code ec) {
    // A handler that was already queued when its operation ended finds another generation.
    if (ec || shared->socket == nullptr || shared->generation != generation) return;
    shared->expired = true;
    boost::system::error_code ignored;  // closing cannot be refused in a way that matters
    shared->socket->close(ignored);
  });
}

void Watchdog::disarm() {
  ++shared_->generation;
  timer_.cancel();
}

}  // namespace fulmar::net
