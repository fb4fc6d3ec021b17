#include "mta/net/watchdog.h"

namespace fulmar::net {

Watchdog::Watchdog(boost::asio::ip::tcp::socket& socket)
    : shared_(std::make_shared<Shared>(socket)) {}

Watchdog::~Watchdog() {
  shared_->socket = nullptr;
  shared_->timer.cancel();
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
  const Time deadline = Time::clock::now() + limit;
  shared_->deadline = deadline;
  if (!shared_->looks_at || deadline < *shared_->looks_at) look_at(shared_, deadline);
}

void Watchdog::disarm() {
  shared_->deadline.reset();
}

void Watchdog::look_at(const std::shared_ptr<Shared>& shared, Time time) {
  const std::uint64_t generation = ++shared->generation;
  shared->looks_at = time;
  shared->timer.expires_at(time);
  shared->timer.async_wait([shared, generation](boost::system::error_code ec) {
    // A handler that was already queued when the timer was set anew is of an older generation.
    if (ec || shared->socket == nullptr || shared->generation != generation) return;
    shared->looks_at.reset();
    look(shared);
  });
}

void Watchdog::look(const std::shared_ptr<Shared>& shared) {
  if (!shared->deadline) return;
  if (Time::clock::now() < *shared->deadline) {
    look_at(shared, *shared->deadline);
    return;
  }
  shared->expired = true;
  boost::system::error_code ignored;  // closing cannot be refused in a way that matters
  shared->socket->close(ignored);
}

}  // namespace fulmar::net
