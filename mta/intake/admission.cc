#include "mta/intake/admission.h"

#include <utility>

#include "base/log.h"

namespace fulmar::intake {

using namespace std::chrono_literals;

namespace {

constexpr auto kLogEvery = 60s;
constexpr auto kProbeEvery = 5s;
constexpr auto kMeasureEvery = 100ms;

}  // namespace

Admission::Admission(queue::Store& store, MemoryMark& memory, Clock& clock, std::uint64_t reserve,
                     std::string spool)
    : store_(store), memory_(memory), clock_(clock), reserve_(reserve), spool_(std::move(spool)) {}

Result<> Admission::may_accept(std::uint64_t declared_size) {
  FULMAR_TRY_VOID(check_memory());
  FULMAR_TRY_VOID(check_writable());
  return check_space(declared_size);
}

Result<> Admission::check_memory() {
  const auto memory = memory_.state();
  if (!memory.is_above()) return {};
  if (is_due(logged_memory_, kLogEvery)) {
    log_warn("mail refused: too much memory is in use",
             {{"resident_bytes", std::to_string(memory.resident)},
              {"high_water_mark", std::to_string(memory.mark)}});
  }
  Error why = make_error(Errc::limit, "too much memory is in use");
  why.status = {4, 3, 2};  // RFC 3463 §3.4: the system accepts nothing for now
  why.retry = Retry::later;
  return fail(std::move(why));
}

Result<> Admission::check_writable() {
  if (store_.writable() || is_due(probed_, kProbeEvery)) return {};
  return fail(store_.full() ? Errc::store_full : Errc::store_failed, "the spool does not write");
}

Result<> Admission::check_space(std::uint64_t declared_size) {
  const auto free = free_space();
  if (!free) {
    if (is_due(logged_, kLogEvery)) {
      log_error("mail refused: free space of the spool cannot be told",
                {{"path", spool_}, {"reason", to_string(free.error())}});
    }
    return fail(free.error());
  }
  if (*free >= reserve_ && *free > declared_size) return {};
  if (is_due(logged_, kLogEvery)) {
    log_warn("mail refused: too little free space for the spool",
             {{"path", spool_},
              {"free_bytes", std::to_string(*free)},
              {"spool_reserve", std::to_string(reserve_)}});
  }
  return fail(Errc::store_full, "too little free space");
}

Result<std::uint64_t> Admission::free_space() {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (measured_ && now - *measured_ < kMeasureEvery) return free_;
  FULMAR_TRY(free_, store_.free_space());
  measured_ = free_ >= reserve_ ? std::optional(now) : std::nullopt;
  return free_;
}

bool Admission::is_due(std::optional<SteadyTime>& last, std::chrono::seconds interval) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (last && now - *last < interval) return false;
  last = now;
  return true;
}

}  // namespace fulmar::intake
