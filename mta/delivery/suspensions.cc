#include "mta/delivery/suspensions.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/wire.h"

namespace fulmar::delivery {

namespace asio = boost::asio;

namespace {

constexpr std::uint8_t kTag = 'S';
constexpr std::uint8_t kVersion = 1;
/// Of its length: what follows its end is spread over this part of it.
constexpr unsigned kSpreadPart = 10;

}  // namespace

UtcTime time_to_resume(const Suspension& suspension, Random& random) {
  const auto length = (suspension.until - suspension.since).count();
  const auto spread = static_cast<std::uint64_t>(std::max<std::int64_t>(length, 0)) / kSpreadPart;
  return suspension.until + std::chrono::milliseconds(random.below(spread + 1));
}

std::string encode(const Suspension& suspension) {
  Writer out;
  out.u8(kTag);
  out.u8(kVersion);
  out.time(suspension.since);
  out.time(suspension.until);
  out.text(suspension.reason);
  return std::move(out).take();
}

Result<Suspension> decode_suspension(std::string_view domain, std::string_view bytes) {
  Reader in(bytes);
  FULMAR_TRY(const std::uint8_t tag, in.u8());
  FULMAR_TRY(const std::uint8_t version, in.u8());
  if (tag != kTag || version == 0) return fail(Errc::corrupt, "not a suspension");
  if (version > kVersion) return fail(Errc::newer_version, "written by a later version");
  Suspension suspension;
  const auto parsed = conf::DomainPattern::parse(domain);
  if (!parsed) return fail(Errc::corrupt, "its key is not a domain");
  suspension.domain = *parsed;
  FULMAR_TRY(suspension.since, in.time());
  FULMAR_TRY(suspension.until, in.time());
  FULMAR_TRY(suspension.reason, in.text());
  if (in.left() != 0) return fail(Errc::corrupt, "octets left over");
  return suspension;
}

asio::awaitable<Result<>> Suspensions::load() {
  FULMAR_CO_TRY(const auto records, co_await store_.read_table(queue::kSuspensions));
  const std::lock_guard lock(mutex_);
  for (const auto& [domain, bytes] : records) {
    auto suspension = decode_suspension(domain, bytes);
    if (suspension) {
      all_.push_back(*std::move(suspension));
    } else {
      log_error("suspension cannot be read, and does not hold",
                {{"domain", domain}, {"reason", suspension.error().detail}});
    }
  }
  co_return Result<>{};
}

queue::Batch Suspensions::removal_of_ended(UtcTime now) const {
  const std::lock_guard lock(mutex_);
  queue::Batch batch;
  for (const Suspension& each : all_) {
    if (each.until <= now)
      batch.emplace_back(queue::RemoveRecord{queue::kSuspensions, each.domain.str()});
  }
  return batch;
}

void Suspensions::forget(const conf::DomainPattern& domain) {
  std::erase_if(all_, [&](const Suspension& each) { return each.domain == domain; });
}

asio::awaitable<Result<>> Suspensions::suspend(Suspension suspension) {
  const auto known = list(suspension.since);
  const bool is_new =
      std::ranges::find(known, suspension.domain, &Suspension::domain) == known.end();
  if (is_new && known.size() >= kMost)
    co_return fail(Errc::limit, "too many destinations are suspended");
  // Ended ones first: one of them may be of the same domain.
  queue::Batch batch = removal_of_ended(suspension.since);
  batch.emplace_back(
      queue::PutRecord{queue::kSuspensions, suspension.domain.str(), encode(suspension)});
  FULMAR_CO_TRY_VOID(co_await store_.commit(std::move(batch)));
  const std::lock_guard lock(mutex_);
  std::erase_if(all_, [&](const Suspension& each) { return each.until <= suspension.since; });
  forget(suspension.domain);
  all_.push_back(std::move(suspension));
  co_return Result<>{};
}

asio::awaitable<Result<>> Suspensions::resume(conf::DomainPattern domain, UtcTime now) {
  const auto known = list(now);
  if (std::ranges::find(known, domain, &Suspension::domain) == known.end())
    co_return fail(Errc::not_found, domain.str() + " is not suspended");
  queue::Batch batch = removal_of_ended(now);
  batch.emplace_back(queue::RemoveRecord{queue::kSuspensions, domain.str()});
  FULMAR_CO_TRY_VOID(co_await store_.commit(std::move(batch)));
  const std::lock_guard lock(mutex_);
  std::erase_if(all_, [&](const Suspension& each) { return each.until <= now; });
  forget(domain);
  co_return Result<>{};
}

std::optional<Suspension> Suspensions::find(const MailHost& host, UtcTime now) const {
  const std::lock_guard lock(mutex_);
  std::optional<Suspension> last;
  for (const Suspension& each : all_) {
    const bool holds = each.until > now && each.domain.matches(host);
    if (holds && (!last || each.until > last->until)) last = each;
  }
  return last;
}

std::vector<Suspension> Suspensions::list(UtcTime now) const {
  std::vector<Suspension> held;
  {
    const std::lock_guard lock(mutex_);
    std::ranges::copy_if(all_, std::back_inserter(held),
                         [&](const Suspension& each) { return each.until > now; });
  }
  std::ranges::sort(held, {}, [](const Suspension& each) { return each.domain.str(); });
  return held;
}

}  // namespace fulmar::delivery
