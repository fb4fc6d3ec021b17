#include "base/message_id.h"

#include <algorithm>

#include "base/ascii.h"

namespace fulmar {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

}  // namespace

MessageId MessageId::make(UtcTime now, Random& random) {
  const auto milliseconds = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const std::uint64_t noise = random.next();
  MessageId id;
  for (std::size_t i = 0; i < 6; ++i) {
    id.bytes_[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
    id.bytes_[6 + i] = static_cast<std::uint8_t>(noise >> (40 - 8 * i));
  }
  return id;
}

MessageId MessageId::from_bytes(const std::array<std::uint8_t, kBytes>& bytes) {
  MessageId id;
  id.bytes_ = bytes;
  return id;
}

Result<MessageId> MessageId::parse(std::string_view text) {
  if (text.size() != kTextLength) return fail(Errc::syntax, "not a queue id");
  // 20 characters carry 100 bits; the last 4 are padding and must be zero.
  std::uint32_t window = 0;
  unsigned bits = 0;
  std::size_t filled = 0;
  MessageId id;
  for (const char c : text) {
    const auto digit = kAlphabet.find(to_upper(c));
    if (digit == std::string_view::npos) return fail(Errc::syntax, "not a queue id");
    window = window << 5 | static_cast<std::uint32_t>(digit);
    bits += 5;
    if (bits >= 8 && filled < kBytes) {
      bits -= 8;
      id.bytes_[filled++] = static_cast<std::uint8_t>(window >> bits);
    }
  }
  if ((window & 0xF) != 0) return fail(Errc::syntax, "not a queue id");
  return id;
}

std::string MessageId::str() const {
  std::string text;
  text.reserve(kTextLength);
  std::uint32_t window = 0;
  unsigned bits = 0;
  for (const std::uint8_t byte : bytes_) {
    window = window << 8 | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += kAlphabet[window >> bits & 0x1F];
    }
  }
  text += kAlphabet[window << (5 - bits) & 0x1F];
  return text;
}

}  // namespace fulmar
