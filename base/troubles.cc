#include "base/troubles.h"

#include <utility>

#include "base/ascii.h"

namespace fulmar {
namespace {

constexpr std::size_t kMaxSubject = 300;
constexpr std::size_t kMaxDetail = 500;

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
  } else if (named_of_kind_[kind] < kMostNamed) {
    ++named_of_kind_[kind];
    noted_.emplace(std::move(key), std::move(trouble));
  } else {
    ++left_out_;
  }
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
  named_of_kind_.clear();
  left_out_ = 0;
  return list;
}

}  // namespace fulmar
