#include "queue/scheduler.h"

#include <algorithm>
#include <boost/multi_index/composite_key.hpp>
#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/mem_fun.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/ordered_index.hpp>
#include <boost/multi_index_container.hpp>
#include <cstdint>
#include <iterator>
#include <limits>
#include <list>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/check.h"
#include "queue/lane.h"

namespace fulmar::queue {
namespace {

namespace mi = boost::multi_index;
using namespace std::chrono_literals;

/// Handed out because `latest` has come, at once at most: each is a short piece of work.
constexpr std::size_t kMostWithoutRoom = 50;

/// How long a delivery that was handed out is expected to begin: what lookups take that need no
/// patience; and after it had to give way, so that somebody with slow servers whose answers cannot
/// be kept gets a place as well.
constexpr std::chrono::milliseconds kExpected = 200ms;
constexpr std::chrono::milliseconds kExpectedAgain = 2s;
/// As many times setting back is told apart; what comes then counts as one with the last.
constexpr std::size_t kMostClocks = std::numeric_limits<std::uint16_t>::max();

UtcTime later(UtcTime time, std::chrono::milliseconds by) {
  return time == kNever ? kNever : time + by;
}

struct MailHostHash {
  std::size_t operator()(const MailHost& host) const noexcept {
    if (const auto* domain = std::get_if<Domain>(&host)) return std::hash<Domain>{}(*domain);
    const auto& bytes = std::get<IpAddress>(host).bytes();
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};

/// Where a lane stands, by what would let its next delivery start.
enum class Place : std::uint8_t {
  idle,     ///< Nothing queued.
  waiting,  ///< Time: its first delivery is due later, or its rate wants a pause, or take() has not
            ///< yet noticed that it is due.
  turn,     ///< Its turn: it is in the ring.
  blocked,  ///< An ending: it is as wide as it may be.
};

struct Lane {
  Lane(std::size_t limit, std::size_t first, std::chrono::nanoseconds interval)
      : width(limit, first), pace(interval) {}

  const std::string* name = nullptr;  ///< Its key among the lanes, which never moves.
  LaneWidth width;
  LanePace pace;
  std::size_t destinations = 0;
  std::size_t queued = 0;
  std::size_t in_hand = 0;  ///< Handed out with room.
  Place place = Place::idle;
  UtcTime waiting_for{};            ///< Its key in `waiting`, while it is there.
  std::list<Lane*>::iterator turn;  ///< Its position in the ring, while it is there.

  [[nodiscard]] bool is_full() const { return in_hand >= width.now(); }
};

struct Destination {
  const MailHost* host = nullptr;  ///< Its key among the destinations, which never moves.
  Lane* lane = nullptr;
  Scheduler::Load load{};
};

enum class Phase : std::uint8_t {
  queued,
  planning,  ///< Handed out with room; has not begun.
  attempting,
  out_without_room,
};

/// One delivery.
struct Entry {
  MessageId message;
  Phase phase = Phase::queued;
  Origin origin = Origin::spool;
  bool gave_way = false;    ///< When it was handed out last.
  std::uint16_t clock = 0;  ///< By which its record tells its times: an index.
  Times times;              ///< By the clock that is never set back.
  Destination* destination = nullptr;

  [[nodiscard]] const Lane* lane() const { return destination->lane; }
  [[nodiscard]] UtcTime attempt() const { return times.attempt; }
  [[nodiscard]] UtcTime latest() const { return times.latest; }
};

struct ByKey {};
struct ByTurn {};
struct ByLatest {};

using Entries = boost::multi_index_container<
    Entry,
    mi::indexed_by<
        mi::ordered_unique<mi::tag<ByKey>,
                           mi::composite_key<Entry, mi::member<Entry, MessageId, &Entry::message>,
                                             mi::member<Entry, Destination*, &Entry::destination>>>,
        mi::ordered_non_unique<
            mi::tag<ByTurn>,
            mi::composite_key<Entry, mi::const_mem_fun<Entry, const Lane*, &Entry::lane>,
                              mi::member<Entry, Phase, &Entry::phase>,
                              mi::const_mem_fun<Entry, UtcTime, &Entry::attempt>,
                              mi::member<Entry, MessageId, &Entry::message>>>,
        mi::ordered_non_unique<
            mi::tag<ByLatest>,
            mi::composite_key<Entry, mi::member<Entry, Phase, &Entry::phase>,
                              mi::const_mem_fun<Entry, UtcTime, &Entry::latest>>>>>;
using Position = Entries::index<ByKey>::type::iterator;

/// A delivery that is planning, and may begin any moment.
struct Expected {
  const Entry* entry = nullptr;
  UtcTime until{};
};

struct ByEntry {};
struct ByEnd {};

using Expectations = boost::multi_index_container<
    Expected,
    mi::indexed_by<
        mi::hashed_unique<mi::tag<ByEntry>, mi::member<Expected, const Entry*, &Expected::entry>>,
        mi::ordered_non_unique<mi::tag<ByEnd>, mi::member<Expected, UtcTime, &Expected::until>>>>;

}  // namespace

struct Scheduler::State {
  explicit State(SchedulerLimits l) : limits(std::move(l)) {}

  SchedulerLimits limits;
  /// The clock now, and those before it. Inside, all times are told by a clock that is never set
  /// back: the wall clock and what it was set back by.
  std::vector<SetBack> clocks{SetBack(0)};
  Entries entries;
  std::unordered_map<MailHost, Destination, MailHostHash> destinations;
  std::unordered_map<std::string, Lane> lanes;
  std::set<std::pair<UtcTime, Lane*>> waiting;
  std::list<Lane*> ring;  ///< Takes turns, front first.
  std::size_t messages = 0;
  std::size_t queued = 0;
  std::size_t planning = 0;
  std::size_t attempting = 0;
  std::size_t out_without_room = 0;
  Expectations expected;  ///< Some of those that are planning.

  [[nodiscard]] UtcTime inside(UtcTime wall) const { return later(wall, clocks.back()); }
  [[nodiscard]] Times inside(Times wall) const {
    return {.attempt = inside(wall.attempt), .latest = inside(wall.latest)};
  }
  [[nodiscard]] UtcTime outside(UtcTime time) const { return later(time, -clocks.back()); }

  [[nodiscard]] auto& by_key() { return entries.get<ByKey>(); }
  [[nodiscard]] auto& by_turn() { return entries.get<ByTurn>(); }
  [[nodiscard]] auto& by_latest() { return entries.get<ByLatest>(); }
  [[nodiscard]] auto& by_end() { return expected.get<ByEnd>(); }

  [[nodiscard]] std::optional<Position> find(const DeliveryKey& key) {
    const auto destination = destinations.find(key.destination);
    if (destination == destinations.end()) return std::nullopt;
    const auto found = by_key().find(std::make_tuple(key.message, &destination->second));
    return found == by_key().end() ? std::nullopt : std::optional(found);
  }

  [[nodiscard]] bool knows(const MessageId& message) {
    return by_key().find(std::make_tuple(message)) != by_key().end();
  }

  [[nodiscard]] auto first_queued(const Lane& lane) {
    return by_turn().lower_bound(std::make_tuple(&lane, Phase::queued));
  }

  Position insert(const DeliveryKey& key, Times times, Origin origin) {
    FULMAR_CHECK(!find(key));
    if (!knows(key.message)) ++messages;
    Destination& destination = destination_of(key.destination);
    const auto added = entries.insert({.message = key.message,
                                       .origin = origin,
                                       .clock = static_cast<std::uint16_t>(clocks.size() - 1),
                                       .times = times,
                                       .destination = &destination});
    count(*added.first, +1);
    settle(*destination.lane);
    return entries.project<ByKey>(added.first);
  }

  // REQUIRES: something is queued in the lane.
  [[nodiscard]] UtcTime startable(const Lane& lane) {
    return std::max(first_queued(lane)->attempt(), lane.pace.next());
  }

  [[nodiscard]] LaneRule rule_for(const MailHost& host) const {
    LaneRule rule = limits.lane_for ? limits.lane_for(host) : LaneRule{};
    if (rule.next_hop.empty()) rule.next_hop = to_string(host);
    return rule;
  }

  Destination& destination_of(const MailHost& host) {
    const auto [entry, is_new] = destinations.try_emplace(host);
    Destination& destination = entry->second;
    if (!is_new) return destination;
    LaneRule rule = rule_for(host);
    const auto lane = lanes.try_emplace(std::move(rule.next_hop), rule.limit, limits.first_at_once,
                                        rule.interval);
    lane.first->second.name = &lane.first->first;
    destination.host = &entry->first;
    destination.lane = &lane.first->second;
    ++destination.lane->destinations;
    return destination;
  }

  /// One entry's part in the counts, taken out with -1.
  void count(const Entry& entry, int by) {
    const auto add = [by](std::size_t& number) { number += static_cast<std::size_t>(by); };
    Destination& destination = *entry.destination;
    switch (entry.phase) {
      case Phase::queued:
        add(queued);
        add(destination.load.queued);
        add(destination.lane->queued);
        return;
      case Phase::planning:
      case Phase::attempting:
        add(entry.phase == Phase::planning ? planning : attempting);
        add(destination.load.running);
        add(destination.lane->in_hand);
        return;
      case Phase::out_without_room:
        add(out_without_room);
        add(destination.load.running);
        return;
    }
  }

  template <class Edit>
  void change(Position position, Phase phase, Edit edit) {
    count(*position, -1);
    expected.get<ByEntry>().erase(&*position);
    by_key().modify(position, [&](Entry& entry) {
      entry.phase = phase;
      edit(entry);
    });
    count(*position, +1);
  }
  void change(Position position, Phase phase) {
    change(position, phase, [](Entry&) {});
  }

  void bring_forward(Position position, UtcTime attempt) {
    by_key().modify(position, [attempt](Entry& entry) { entry.times.attempt = attempt; });
  }

  Taken hand_out(Position position, Phase phase) {
    change(position, phase);
    Lane& lane = *position->destination->lane;
    Taken taken{{position->message, *position->destination->host},
                phase == Phase::planning,
                position->origin};
    settle(lane);
    return taken;
  }

  void expect(Position position, UtcTime now) {
    expected.insert({&*position, now + (position->gave_way ? kExpectedAgain : kExpected)});
  }

  /// How many must no longer be expected before another may be handed out.
  [[nodiscard]] std::size_t too_many_expected() const {
    const std::size_t may_begin = attempting + expected.size();
    return may_begin < limits.total ? 0 : may_begin - limits.total + 1;
  }

  /// Another one may be handed out now, or will be when time goes by.
  [[nodiscard]] bool has_place() const {
    return attempting < limits.total && attempting + planning < limits.in_hand;
  }

  [[nodiscard]] bool makes_room(UtcTime now) {
    if (!has_place()) return false;
    while (too_many_expected() > 0 && by_end().begin()->until <= now)
      by_end().erase(by_end().begin());
    return too_many_expected() == 0;
  }

  /// From when on makes_room() is true, if nothing begins before. REQUIRES: has_place().
  [[nodiscard]] UtcTime room_from() {
    const std::size_t many = too_many_expected();
    if (many == 0) return UtcTime::min();
    return std::next(by_end().begin(), static_cast<std::ptrdiff_t>(many - 1))->until;
  }

  /// REQUIRES: makes_room(), and the lane's pace allows it.
  Taken start(Position position, UtcTime now) {
    Lane& lane = *position->destination->lane;
    lane.pace.note_start(now);
    Taken taken = hand_out(position, Phase::planning);
    expect(position, now);
    return taken;
  }

  void leave(Lane& lane) {
    if (lane.place == Place::waiting) {
      waiting.erase({lane.waiting_for, &lane});
    } else if (lane.place == Place::turn) {
      ring.erase(lane.turn);
    }
    lane.place = Place::idle;
  }

  void wait(Lane& lane, UtcTime until) {
    lane.place = Place::waiting;
    lane.waiting_for = until;
    waiting.emplace(until, &lane);
  }

  void join_ring(Lane& lane) {
    lane.place = Place::turn;
    lane.turn = ring.insert(ring.end(), &lane);
  }

  /// Puts a lane where it belongs after its queue or its attempts changed. One that is in the ring
  /// keeps its turn; take() finds out when there is nothing to do with it.
  void settle(Lane& lane) {
    if (lane.queued == 0) {
      leave(lane);
      if (lane.destinations == 0) retire(lane);
    } else if (lane.is_full()) {
      leave(lane);
      lane.place = Place::blocked;
    } else if (lane.place != Place::turn) {
      leave(lane);
      wait(lane, startable(lane));
    }
  }

  /// Nothing is left in the lane. Its pace is remembered until it would allow another start:
  /// forgetting it would let through what comes one by one.
  void retire(Lane& lane) {
    if (lane.pace.is_limited()) {
      wait(lane, lane.pace.next());
    } else {
      lanes.erase(lanes.find(*lane.name));
    }
  }

  /// Moves every waiting lane whose time has come into the ring, the longest due first.
  void promote(UtcTime now) {
    while (!waiting.empty() && waiting.begin()->first <= now) {
      Lane& lane = *waiting.begin()->second;
      if (lane.queued > 0) {
        leave(lane);
        join_ring(lane);
        continue;
      }
      leave(lane);
      if (lane.destinations == 0) lanes.erase(lanes.find(*lane.name));
    }
  }

  [[nodiscard]] std::optional<Taken> take_by_latest(UtcTime now) {
    if (out_without_room >= kMostWithoutRoom) return std::nullopt;
    const auto first = by_latest().lower_bound(std::make_tuple(Phase::queued));
    if (first == by_latest().end() || first->phase != Phase::queued) return std::nullopt;
    if (first->latest() > now) return std::nullopt;
    return hand_out(entries.project<ByKey>(first), Phase::out_without_room);
  }

  [[nodiscard]] std::optional<Taken> take_by_turn(UtcTime now) {
    if (!makes_room(now)) return std::nullopt;
    promote(now);
    while (!ring.empty()) {
      Lane& lane = *ring.front();
      leave(lane);
      const auto first = first_queued(lane);
      if (first->attempt() <= now && lane.pace.allows(now)) {
        Taken taken = start(entries.project<ByKey>(first), now);
        take_turn_again(lane, now);
        taken.more = may_have_more(now);
        return taken;
      }
      // Its work was removed after it joined the ring, or `now` is a little earlier than then.
      wait(lane, startable(lane));
    }
    return std::nullopt;
  }

  [[nodiscard]] bool may_have_more(UtcTime now) const {
    const bool some = !ring.empty() || (!waiting.empty() && waiting.begin()->first <= now);
    return some && has_place() && too_many_expected() == 0;
  }

  /// At the end of the ring, if it has more to do right now.
  void take_turn_again(Lane& lane, UtcTime now) {
    if (lane.place != Place::waiting || lane.queued == 0 || lane.waiting_for > now) return;
    leave(lane);
    join_ring(lane);
  }

  void learn(const Entry& entry, Ending ending) {
    if (entry.phase == Phase::out_without_room) return;
    Lane& lane = *entry.destination->lane;
    lane.width.learn(ending);
    if (ending == Ending::untried) lane.pace.take_back_start();
  }

  void forget(Destination& destination) {
    if (destination.load.queued + destination.load.running > 0) return;
    --destination.lane->destinations;
    destinations.erase(destinations.find(*destination.host));
  }
};

Scheduler::Scheduler(SchedulerLimits limits) : state_(std::make_unique<State>(std::move(limits))) {}
Scheduler::~Scheduler() = default;

void Scheduler::add(const DeliveryKey& key, Times times, Origin origin) {
  static_cast<void>(state_->insert(key, state_->inside(times), origin));
}

std::optional<Scheduler::Taken> Scheduler::add_and_take(const DeliveryKey& key, Times times,
                                                        Origin origin, UtcTime now) {
  const UtcTime inside = state_->inside(now);
  const Position added = state_->insert(key, state_->inside(times), origin);
  const Lane& lane = *added->destination->lane;
  const bool has_room = !lane.is_full() && state_->makes_room(inside);
  const bool is_next = lane.queued == 1 && added->attempt() <= inside && lane.pace.allows(inside);
  if (!has_room || !is_next) return std::nullopt;
  return state_->start(added, inside);
}

std::optional<Scheduler::Taken> Scheduler::take(UtcTime now) {
  const UtcTime inside = state_->inside(now);
  auto taken = state_->take_by_turn(inside);
  return taken ? taken : state_->take_by_latest(inside);
}

bool Scheduler::begin(const DeliveryKey& key) {
  const auto position = state_->find(key);
  FULMAR_CHECK(position && (*position)->phase != Phase::queued);
  if ((*position)->phase != Phase::planning) return true;
  if (state_->attempting >= state_->limits.total) return false;
  state_->change(*position, Phase::attempting);
  return true;
}

void Scheduler::give_way(const DeliveryKey& key) {
  const auto position = state_->find(key);
  FULMAR_CHECK(position && (*position)->phase == Phase::planning);
  state_->learn(**position, Ending::untried);
  state_->change(*position, Phase::queued, [](Entry& entry) { entry.gave_way = true; });
  state_->settle(*(*position)->destination->lane);
}

void Scheduler::put_back(const DeliveryKey& key, Times times, Ending ending) {
  const auto position = state_->find(key);
  FULMAR_CHECK(position && (*position)->phase != Phase::queued);
  state_->learn(**position, ending);
  state_->change(*position, Phase::queued, [times = state_->inside(times)](Entry& entry) {
    entry.origin = Origin::spool;
    entry.gave_way = false;
    entry.times = times;
  });
  state_->settle(*(*position)->destination->lane);
}

void Scheduler::remove(const DeliveryKey& key, Ending ending) {
  const auto position = state_->find(key);
  FULMAR_CHECK(position && (*position)->phase != Phase::queued);
  state_->learn(**position, ending);
  state_->count(**position, -1);
  state_->expected.get<ByEntry>().erase(&**position);
  Destination& destination = *(*position)->destination;
  Lane& lane = *destination.lane;
  state_->by_key().erase(*position);
  if (!state_->knows(key.message)) --state_->messages;
  state_->forget(destination);
  state_->settle(lane);
}

bool Scheduler::claim(const DeliveryKey& key) {
  const auto position = state_->find(key);
  if (!position || (*position)->phase != Phase::queued) return false;
  static_cast<void>(state_->hand_out(*position, Phase::out_without_room));
  return true;
}

std::optional<UtcTime> Scheduler::next_due() const {
  std::optional<UtcTime> earliest;
  const auto consider = [&](UtcTime time) { earliest = std::min(earliest.value_or(time), time); };
  if (state_->has_place()) {
    const UtcTime room = state_->room_from();
    if (!state_->waiting.empty()) consider(std::max(state_->waiting.begin()->first, room));
    // After take() had nothing, the ring is empty, or all of it waits for room.
    if (!state_->ring.empty() && state_->too_many_expected() > 0) {
      consider(room);
    } else {
      for (const Lane* lane : state_->ring)
        consider(state_->startable(*lane));
    }
  }
  if (state_->out_without_room < kMostWithoutRoom) {
    const auto first = state_->by_latest().lower_bound(std::make_tuple(Phase::queued));
    const bool any = first != state_->by_latest().end() && first->phase == Phase::queued;
    if (any && first->latest() != kNever) consider(first->latest());
  }
  if (earliest) earliest = state_->outside(*earliest);
  return earliest;
}

Scheduler::Load Scheduler::load() const {
  return {.queued = state_->queued,
          .running = state_->planning + state_->attempting + state_->out_without_room};
}

std::optional<Scheduler::Load> Scheduler::load(const MailHost& destination) const {
  const auto found = state_->destinations.find(destination);
  if (found == state_->destinations.end()) return std::nullopt;
  return found->second.load;
}

void Scheduler::hasten(const std::function<bool(const MailHost&)>& meant, UtcTime attempt) {
  std::set<const Destination*> destinations;
  for (const auto& [host, destination] : state_->destinations) {
    if (meant(host)) destinations.insert(&destination);
  }
  std::set<Lane*> lanes;
  std::vector<Position> waiting;
  const UtcTime inside = state_->inside(attempt);
  for (auto entry = state_->by_key().begin(); entry != state_->by_key().end(); ++entry) {
    const bool waits = entry->phase == Phase::queued && entry->attempt() > inside;
    if (waits && destinations.contains(entry->destination)) waiting.push_back(entry);
  }
  for (const Position position : waiting) {
    state_->bring_forward(position, inside);
    lanes.insert(position->destination->lane);
  }
  for (Lane* lane : lanes)
    state_->settle(*lane);
}

void Scheduler::set_back(std::chrono::milliseconds by) {
  const SetBack now = set_back_so_far() + by;
  if (state_->clocks.size() > kMostClocks) {
    state_->clocks.back() = now;
  } else {
    state_->clocks.push_back(now);
  }
}

SetBack Scheduler::set_back_so_far() const {
  return state_->clocks.back();
}

SetBack Scheduler::set_back_when_written(const DeliveryKey& key) const {
  const auto position = state_->find(key);
  FULMAR_CHECK(position.has_value());
  return state_->clocks[(*position)->clock];
}

void Scheduler::note_written(const DeliveryKey& key, SetBack clock) {
  const auto position = state_->find(key);
  FULMAR_CHECK(position.has_value());
  FULMAR_CHECK(clock >= state_->clocks.front());
  const auto until = std::ranges::upper_bound(state_->clocks, clock);
  const auto index = static_cast<std::uint16_t>(until - state_->clocks.begin() - 1);
  if ((*position)->clock == index) return;
  state_->by_key().modify(*position, [index](Entry& entry) { entry.clock = index; });
}

std::vector<DeliveryKey> Scheduler::keys() const {
  std::vector<DeliveryKey> all;
  all.reserve(state_->entries.size());
  for (const Entry& entry : state_->entries)
    all.push_back({entry.message, *entry.destination->host});
  return all;
}

std::vector<DeliveryKey> Scheduler::keys_of(const MessageId& message) const {
  std::vector<DeliveryKey> found;
  auto [position, end] = state_->by_key().equal_range(std::make_tuple(message));
  for (; position != end; ++position)
    found.push_back({message, *position->destination->host});
  return found;
}

bool Scheduler::has_siblings(const DeliveryKey& key) const {
  const auto [first, end] = state_->by_key().equal_range(std::make_tuple(key.message));
  return first != end && std::next(first) != end;
}

std::size_t Scheduler::messages() const {
  return state_->messages;
}

}  // namespace fulmar::queue
