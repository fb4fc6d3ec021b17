// The octets that stored records are made of: little-endian integers of fixed width, and texts that
// carry their length. docs/queue-format.md has the layout of the spool's records; queue/codec.cc
// and tls/mta_sts_cache_codec.cc put them together.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/message_id.h"
#include "base/result.h"

namespace fulmar {

/// 9999-12-31T23:59:59.999Z. Nothing later, and nothing before 1970, is a time of ours; arithmetic
/// could overflow.
inline constexpr std::int64_t kLatestTime = 253'402'300'799'999;

class Writer {
 public:
  void u8(std::uint8_t value) { integer(value); }
  void u16(std::uint16_t value) { integer(value); }
  void u32(std::uint32_t value) { integer(value); }
  void u64(std::uint64_t value) { integer(value); }
  void flag(bool value) { integer(static_cast<std::uint8_t>(value ? 1 : 0)); }
  /// Clamped to what Reader::time() takes, so that a clock gone wild cannot make a record
  /// unreadable.
  void time(UtcTime value) {
    const auto count = std::clamp<std::int64_t>(value.time_since_epoch().count(), 0, kLatestTime);
    integer(static_cast<std::uint64_t>(count));
  }
  void id(const MessageId& value) {
    out_.append(reinterpret_cast<const char*>(value.bytes().data()), MessageId::kBytes);
  }
  /// REQUIRES: under 4 GB.
  void text(std::string_view value) {
    u32(static_cast<std::uint32_t>(value.size()));
    out_.append(value);
  }

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  template <class Unsigned>
  void integer(Unsigned value) {
    for (std::size_t i = 0; i < sizeof(value); ++i) {
      out_ += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF);
    }
  }

  std::string out_;
};

/// Reads what Writer wrote. Every step checks what is left first; Errc::corrupt when that is too
/// little. Texts are views into the input.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  Result<std::uint8_t> u8() { return integer<std::uint8_t>(); }
  Result<std::uint16_t> u16() { return integer<std::uint16_t>(); }
  Result<std::uint32_t> u32() { return integer<std::uint32_t>(); }
  Result<std::uint64_t> u64() { return integer<std::uint64_t>(); }

  Result<bool> flag() {
    FULMAR_TRY(const std::uint8_t value, u8());
    if (value > 1) return fail(Errc::corrupt, "flag is neither 0 nor 1");
    return value == 1;
  }

  Result<UtcTime> time() {
    FULMAR_TRY(const std::uint64_t value, u64());
    if (value > static_cast<std::uint64_t>(kLatestTime))
      return fail(Errc::corrupt, "time out of bounds");
    return UtcTime(std::chrono::milliseconds(static_cast<std::int64_t>(value)));
  }

  Result<MessageId> id() {
    FULMAR_TRY(const std::string_view bytes, take(MessageId::kBytes));
    std::array<std::uint8_t, MessageId::kBytes> array{};
    for (std::size_t i = 0; i < array.size(); ++i)
      array[i] = static_cast<std::uint8_t>(bytes[i]);
    return MessageId::from_bytes(array);
  }

  Result<std::string_view> text() {
    FULMAR_TRY(const std::uint32_t length, u32());
    return take(length);
  }

  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  Result<std::string_view> take(std::size_t count) {
    if (count > rest_.size()) return fail(Errc::corrupt, "record is cut off");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  template <class Unsigned>
  Result<Unsigned> integer() {
    FULMAR_TRY(const std::string_view bytes, take(sizeof(Unsigned)));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
    }
    return static_cast<Unsigned>(value);
  }

  std::string_view rest_;
};

}  // namespace fulmar
