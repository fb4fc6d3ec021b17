// What senders are told of. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fulmar::notice {

/// What the sender is told of a recipient; the gravest first.
enum class NoticeKind : std::uint8_t {
  failed,
  delayed,
  cleared,  ///< Delivered after its delay had been told of.
  relayed,  ///< Handed over to a server that does not promise to tell more. RFC 3461 §5.2.2
};
inline constexpr std::array kNoticeKinds = {NoticeKind::failed, NoticeKind::delayed,
                                            NoticeKind::cleared, NoticeKind::relayed};
[[nodiscard]] std::string_view to_string(NoticeKind kind);
/// What to_string() gives; nothing for another word.
[[nodiscard]] std::optional<NoticeKind> parse_kind(std::string_view name);

/// Where a host may have taken the message all the same: in [subject] and [verdict], in the place
/// of the kind.
inline constexpr std::string_view kFailedInDoubt = "failed-in-doubt";
inline constexpr std::string_view kDelayedInDoubt = "delayed-in-doubt";

/// Whether it went on to the next server: `cleared` or `relayed`.
[[nodiscard]] bool is_good_news(NoticeKind kind);

}  // namespace fulmar::notice
