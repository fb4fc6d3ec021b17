#include "base/troubles.h"

#include <utility>

#include "base/ascii.h"

namespace fulmar {
namespace {

constexpr std::size_t kMaxSubject = 300;
constexpr std::size_t kMaxDetail = 500;
/// Enough for a day of full mails, one an hour.
constexpr std::size_t kMostTold = 24 * 2 * kTroubleKinds.size() * Troubles::kMostNamed;

}  // namespace

std::string_view to_string(TroubleKind kind) {
  switch (kind) {
    case TroubleKind::spool:
      return "spool";
    case TroubleKind::memory:
      return "memory";
    case TroubleKind::resolver:
      return "resolver";
    case TroubleKind::certificate:
      return "certificate";
    case TroubleKind::relay:
      return "relay";
    case TroubleKind::rule:
      return "rule";
    case TroubleKind::notice_dropped:
      return "notice-dropped";
    case TroubleKind::protection_lost:
      return "protection-lost";
  }
  std::unreachable();
}

Trouble make_trouble(TroubleKind kind, std::string_view subject, std::string_view detail,
                     UtcTime at, std::string_view what) {
  return {.kind = kind,
          .subject = sanitize_line(subject, kMaxSubject),
          .what = what,
          .detail = sanitize_line(detail, kMaxDetail),
          .last = at};
}

TroubleKey key_of(const Trouble& trouble) {
  return {trouble.kind, trouble.subject, trouble.what};
}

void Troubles::note(TroubleKind kind, std::string_view subject, std::string_view detail,
                    std::string_view what) {
  Trouble trouble = make_trouble(kind, subject, detail, clock_.utc_now(), what);
  TroubleKey key = key_of(trouble);
  const std::lock_guard lock(mutex_);
  const auto found = noted_.find(key);
  if (found != noted_.end()) {
    trouble.count += found->second.count;
    found->second = std::move(trouble);
    return;
  }
  std::size_t& named = named_[{kind, is_news_locked(key, trouble.last)}];
  if (named == kMostNamed) {
    ++left_out_;
    return;
  }
  ++named;
  noted_.emplace(std::move(key), std::move(trouble));
}

bool Troubles::is_news_locked(const TroubleKey& key, UtcTime now) const {
  const auto told = told_.find(key);
  // At a time to come: the clock was set back, and that does not count.
  return told == told_.end() || now - told->second >= kAgain || told->second > now;
}

bool Troubles::is_news(const Trouble& trouble) const {
  const std::lock_guard lock(mutex_);
  return is_news_locked(key_of(trouble), clock_.utc_now());
}

void Troubles::note_told(const std::vector<Trouble>& troubles) {
  const UtcTime now = clock_.utc_now();
  const std::lock_guard lock(mutex_);
  std::erase_if(told_, [&](const auto& entry) { return is_news_locked(entry.first, now); });
  // Then each may be told once more, still at the pace of the mails.
  if (told_.size() > kMostTold) told_.clear();
  // What is told because of others keeps its own time.
  for (const Trouble& trouble : troubles)
    told_.try_emplace(key_of(trouble), now);
}

TroubleList Troubles::list_locked() const {
  TroubleList list{.left_out = left_out_};
  list.named.reserve(noted_.size());
  for (const auto& [key, trouble] : noted_)
    list.named.push_back(trouble);
  return list;
}

TroubleList Troubles::list() const {
  const std::lock_guard lock(mutex_);
  return list_locked();
}

TroubleList Troubles::take() {
  const std::lock_guard lock(mutex_);
  TroubleList list = list_locked();
  noted_.clear();
  named_.clear();
  left_out_ = 0;
  return list;
}

}  // namespace fulmar
