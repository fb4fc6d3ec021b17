#include "queue/scheduler.h"

#include <algorithm>
#include <functional>
#include <list>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>

#include "base/check.h"

namespace fulmar::queue {
namespace {

struct MailHostHash {
  std::size_t operator()(const MailHost& host) const noexcept {
    if (const auto* domain = std::get_if<Domain>(&host)) return std::hash<Domain>{}(*domain);
    const auto& bytes = std::get<IpAddress>(host).bytes();
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};

struct Slot {
  UtcTime due;
  MessageId message;
  friend auto operator<=>(const Slot&, const Slot&) = default;
};

/// Where a destination stands, by what would let its next delivery start.
enum class Place : std::uint8_t {
  idle,     ///< Nothing queued.
  waiting,  ///< Time: its first delivery is due later, or take() has not yet noticed that it is
            ///< due.
  turn,     ///< Its turn: it is in the ring.
  blocked,  ///< An ending: it is at its limit.
};

// A queued delivery costs one node in each container of its destination, some 130 octets; the name
// is held once.
struct Destination {
  const MailHost* host = nullptr;  ///< Its key in `destinations`, which never moves.
  std::set<Slot> by_due;
  std::unordered_map<MessageId, UtcTime> due_of;
  std::unordered_set<MessageId> running;
  std::size_t limit = 0;
  Place place = Place::idle;
  UtcTime waiting_for{};                   ///< Its key in `waiting`, while it is there.
  std::list<Destination*>::iterator turn;  ///< Its position in the ring, while it is there.

  [[nodiscard]] UtcTime head() const { return by_due.begin()->due; }

  void enqueue(const MessageId& message, UtcTime due) {
    by_due.insert({due, message});
    due_of.emplace(message, due);
  }

  bool dequeue(const MessageId& message) {
    const auto found = due_of.find(message);
    if (found == due_of.end()) return false;
    by_due.erase({found->second, message});
    due_of.erase(found);
    return true;
  }
};

}  // namespace

struct Scheduler::State {
  explicit State(SchedulerLimits l) : limits(std::move(l)) {}

  SchedulerLimits limits;
  std::unordered_map<MailHost, Destination, MailHostHash> destinations;
  std::set<std::pair<UtcTime, Destination*>> waiting;  ///< By the due time of the first delivery.
  std::list<Destination*> ring;                        ///< Takes turns, front first.
  std::size_t queued = 0;
  std::size_t running = 0;

  Destination* find(const MailHost& host) {
    const auto found = destinations.find(host);
    return found == destinations.end() ? nullptr : &found->second;
  }

  [[nodiscard]] std::size_t limit_of(const MailHost& host) const {
    return limits.limit_for ? limits.limit_for(host) : limits.per_destination;
  }

  void leave(Destination& destination) {
    if (destination.place == Place::waiting) {
      waiting.erase({destination.waiting_for, &destination});
    } else if (destination.place == Place::turn) {
      ring.erase(destination.turn);
    }
    destination.place = Place::idle;
  }

  void wait(Destination& destination) {
    destination.place = Place::waiting;
    destination.waiting_for = destination.head();
    waiting.emplace(destination.waiting_for, &destination);
  }

  void join_ring(Destination& destination) {
    destination.place = Place::turn;
    destination.turn = ring.insert(ring.end(), &destination);
  }

  /// Puts a destination where it belongs after its queue or its running count changed. One that is
  /// in the ring keeps its turn; take() finds out when there is nothing to do with it.
  void settle(Destination& destination) {
    if (destination.by_due.empty()) {
      leave(destination);
      if (destination.running.empty()) destinations.erase(destinations.find(*destination.host));
    } else if (destination.running.size() >= destination.limit) {
      leave(destination);
      destination.place = Place::blocked;
    } else if (destination.place != Place::turn) {
      leave(destination);
      wait(destination);
    }
  }

  /// Moves every waiting destination whose first delivery is due into the ring, the longest due
  /// first.
  void promote(UtcTime now) {
    while (!waiting.empty() && waiting.begin()->first <= now) {
      Destination& destination = *waiting.begin()->second;
      leave(destination);
      join_ring(destination);
    }
  }

  DeliveryKey start_first(Destination& destination, UtcTime now) {
    DeliveryKey key{destination.by_due.begin()->message, *destination.host};
    destination.dequeue(key.message);
    destination.running.insert(key.message);
    --queued;
    ++running;
    leave(destination);
    const bool more = !destination.by_due.empty() && destination.head() <= now;
    if (more && destination.running.size() < destination.limit) {
      join_ring(destination);
    } else {
      settle(destination);
    }
    return key;
  }
};

Scheduler::Scheduler(SchedulerLimits limits) : state_(std::make_unique<State>(std::move(limits))) {}
Scheduler::~Scheduler() = default;

void Scheduler::add(DeliveryKey key, UtcTime due) {
  const auto entry = state_->destinations.try_emplace(std::move(key.destination)).first;
  Destination& destination = entry->second;
  if (destination.host == nullptr) {
    destination.host = &entry->first;
    destination.limit = state_->limit_of(*destination.host);
  }
  FULMAR_CHECK(!destination.due_of.contains(key.message));
  FULMAR_CHECK(!destination.running.contains(key.message));
  destination.enqueue(key.message, due);
  ++state_->queued;
  state_->settle(destination);
}

std::optional<DeliveryKey> Scheduler::take(UtcTime now) {
  if (state_->running >= state_->limits.total) return std::nullopt;
  state_->promote(now);
  while (!state_->ring.empty()) {
    Destination& destination = *state_->ring.front();
    if (destination.head() <= now) return state_->start_first(destination, now);
    // Its work was removed, or the clock was set back, after it joined the ring.
    state_->leave(destination);
    state_->wait(destination);
  }
  return std::nullopt;
}

void Scheduler::finish(const DeliveryKey& key) {
  Destination* destination = state_->find(key.destination);
  FULMAR_CHECK(destination != nullptr && destination->running.erase(key.message) == 1);
  --state_->running;
  state_->settle(*destination);
}

bool Scheduler::claim(const DeliveryKey& key) {
  Destination* destination = state_->find(key.destination);
  if (destination == nullptr || !destination->dequeue(key.message)) return false;
  destination->running.insert(key.message);
  --state_->queued;
  ++state_->running;
  state_->settle(*destination);
  return true;
}

bool Scheduler::remove(const DeliveryKey& key) {
  Destination* destination = state_->find(key.destination);
  if (destination == nullptr || !destination->dequeue(key.message)) return false;
  --state_->queued;
  state_->settle(*destination);
  return true;
}

std::optional<UtcTime> Scheduler::next_due() const {
  if (state_->running >= state_->limits.total) return std::nullopt;
  std::optional<UtcTime> earliest;
  if (!state_->waiting.empty()) earliest = state_->waiting.begin()->first;
  // After take() had nothing, the ring is empty.
  for (const Destination* destination : state_->ring) {
    earliest = earliest ? std::min(*earliest, destination->head()) : destination->head();
  }
  return earliest;
}

bool Scheduler::is_running(const DeliveryKey& key) const {
  const Destination* destination = state_->find(key.destination);
  return destination != nullptr && destination->running.contains(key.message);
}

std::size_t Scheduler::queued() const {
  return state_->queued;
}
std::size_t Scheduler::running() const {
  return state_->running;
}

std::vector<Scheduler::DestinationLoad> Scheduler::destinations() const {
  std::vector<DestinationLoad> loads;
  loads.reserve(state_->destinations.size());
  for (const auto& [host, destination] : state_->destinations) {
    loads.push_back({host, destination.by_due.size(), destination.running.size()});
  }
  return loads;
}

}  // namespace fulmar::queue
