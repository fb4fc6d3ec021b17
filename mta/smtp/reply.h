// SMTP replies: parsing what a server says, and writing what we say. Pure, fuzzed, bounded. RFC
// 5321 §4.2
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"

namespace fulmar::smtp {

struct Reply {
  std::uint16_t code = 0;  ///< 200..599; other first digits are a protocol error of the parser.
  std::optional<EnhancedStatus>
      enhanced;  ///< Only when its class agrees with the code (ESC-02, pitfall 74).
  std::vector<std::string>
      lines;  ///< Text after the code of each line, sanitised; the enhanced code stays in it.

  [[nodiscard]] bool positive() const { return code >= 200 && code < 300; }
  [[nodiscard]] bool intermediate() const { return code >= 300 && code < 400; }
  [[nodiscard]] bool transient() const { return code >= 400 && code < 500; }
  [[nodiscard]] bool permanent() const { return code >= 500; }

  /// "550-5.1.1 no such user\n550 5.1.1 sorry": the server's words, line by line, for notices.
  [[nodiscard]] std::string verbatim() const;
  /// "550 5.1.1 no such user sorry": one line for logs.
  [[nodiscard]] std::string one_line() const;
};

/// Reads replies from a byte stream. Feed bytes as they come, then take complete replies.
class ReplyParser {
 public:
  static constexpr std::size_t kMaxLine = 4096;  ///< Octets kept of one line.
  static constexpr std::size_t kHardLine =
      65536;  ///< Octets of one line after which the peer is no SMTP server.
  static constexpr std::size_t kMaxLines = 100;  ///< Of one reply.

  void feed(std::string_view bytes);

  /// The next complete reply; an empty optional when more bytes are needed; Errc::remote_protocol
  /// when the peer does not speak SMTP or breaks a bound, after which the parser must not be used.
  [[nodiscard]] Result<std::optional<Reply>> next();

  /// True when bytes are buffered that belong to no complete reply taken so far. After the reply to
  /// STARTTLS this is an injection (RFC 3207 §6, pitfall 58).
  [[nodiscard]] bool has_leftover() const;

  void reset();

 private:
  /// True when `text` ends the reply in partial_.
  [[nodiscard]] Result<bool> take_line(std::string_view text);

  std::string buffer_;
  std::size_t searched_ = 0;  ///< Front octets of buffer_ known to hold no line end.
  Reply partial_;
  std::size_t kept_ = 0;  ///< Octets of text in partial_.
};

}  // namespace fulmar::smtp
