// The queue id: what names a message in the spool, the log, Received and every command.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace fulmar {

/// 96 bits: milliseconds since 1970 (48), then random (48). Ids sort by time of arrival, as bytes
/// and as text, and are never reused. The text form has 20 characters of Crockford's base 32, so it
/// survives being read out over a phone.
class MessageId {
 public:
  static constexpr std::size_t kBytes = 12;
  static constexpr std::size_t kTextLength = 20;

  MessageId() = default;
  static MessageId make(UtcTime now, Random& random);
  static MessageId from_bytes(const std::array<std::uint8_t, kBytes>& bytes);
  /// Errc::syntax unless exactly the text form (any case).
  static Result<MessageId> parse(std::string_view text);

  [[nodiscard]] const std::array<std::uint8_t, kBytes>& bytes() const { return bytes_; }
  [[nodiscard]] std::string str() const;

  friend auto operator<=>(const MessageId&, const MessageId&) = default;

 private:
  std::array<std::uint8_t, kBytes> bytes_{};
};

}  // namespace fulmar

template <>
struct std::hash<fulmar::MessageId> {
  std::size_t operator()(const fulmar::MessageId& id) const noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 4; i < fulmar::MessageId::kBytes; ++i)
      value = value << 8 | id.bytes()[i];
    return std::hash<std::uint64_t>{}(value);
  }
};
