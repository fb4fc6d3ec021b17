// What a sender asks about notices, as SMTP carries it and the spool keeps it. Pure. RFC 3461 §4,
// §5.1
//
// ENVID and ORCPT are kept as the client wrote them, in xtext, because the next hop must get them
// octet by octet (§5.2.1). Only a notice decodes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fulmar {

/// NOTIFY of one recipient. Nothing stated means failure and, if we like, delay (§4.1).
struct DsnNotify {
  bool stated = false;
  bool success = false;
  bool failure = false;
  bool delay = false;  ///< Stated, and none of the three: NEVER.

  [[nodiscard]] bool wants_failure() const { return !stated || failure; }
  [[nodiscard]] bool wants_delay() const { return !stated || delay; }
  [[nodiscard]] bool wants_success() const { return stated && success; }
  friend bool operator==(const DsnNotify&, const DsnNotify&) = default;
};

/// "NEVER", or "SUCCESS,FAILURE,DELAY" in any order and case, each at most once; else empty.
[[nodiscard]] std::optional<DsnNotify> parse_notify(std::string_view text);
/// The canonical spelling of what was stated. REQUIRES: `notify.stated`.
[[nodiscard]] std::string to_string(const DsnNotify& notify);

/// RET of a message.
enum class DsnReturn : std::uint8_t { unstated, full, headers };

/// Octets that a value may have (§5.4, §4.2, §4.4).
inline constexpr std::size_t kMaxEnvelopeId = 100;
inline constexpr std::size_t kMaxOriginalRecipient = 500;

/// '!' to '~' but '+' and '='; anything else as '+' and two upper-case hexadecimal digits.
[[nodiscard]] bool is_xtext(std::string_view text);
[[nodiscard]] std::string encode_xtext(std::string_view octets);
/// The octets; empty for what is no xtext.
[[nodiscard]] std::optional<std::string> decode_xtext(std::string_view text);

/// An ORCPT value: an address type that is an atom, ';', and an address in xtext, or for the type
/// utf-8 one in the forms of RFC 6533 §3.
[[nodiscard]] bool is_original_recipient(std::string_view text);

}  // namespace fulmar
