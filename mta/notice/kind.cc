#include "mta/notice/kind.h"

#include <utility>

namespace fulmar::notice {

std::string_view to_string(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::failed:
      return "failed";
    case NoticeKind::delayed:
      return "delayed";
    case NoticeKind::cleared:
      return "cleared";
    case NoticeKind::relayed:
      return "relayed";
  }
  std::unreachable();
}

std::optional<NoticeKind> parse_kind(std::string_view name) {
  for (const NoticeKind kind : kNoticeKinds) {
    if (name == to_string(kind)) return kind;
  }
  return std::nullopt;
}

bool is_good_news(NoticeKind kind) {
  return kind == NoticeKind::cleared || kind == NoticeKind::relayed;
}

}  // namespace fulmar::notice
