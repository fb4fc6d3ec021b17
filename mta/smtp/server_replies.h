// Replies that wait to be written together: a pipelining client gets them in one piece. Pure. RFC
// 2920 §3.2
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulmar::smtp {

class ServerReplies {
 public:
  /// "250 2.1.0 text". RFC 2034 §4: all 2yz, 4yz and 5yz carry the status but the greeting and
  /// answers to EHLO and HELO.
  void add(std::uint16_t code, EnhancedStatus status, std::string_view text);
  /// "354 text", without a status.
  void add_plain(std::uint16_t code, std::string_view text);
  /// "334 text", whole, however long it is. REQUIRES: base64. RFC 4954 §4
  void add_challenge(std::string_view text);
  /// "250-first", …, "250 last". REQUIRES: not empty.
  void add_plain_lines(std::uint16_t code, const std::vector<std::string>& lines);

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string take();

 private:
  std::string bytes_;
};

}  // namespace fulmar::smtp
