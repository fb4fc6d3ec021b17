// Counts Received fields while a message streams by, so that a loop is found before the message is
// stored. Pure, constant memory. RFC 5321 §6.3; pitfall 53
#pragma once

#include <cstdint>
#include <string_view>

namespace fulmar::smtp {

class ReceivedCounter {
 public:
  /// The next decoded octets of the message, cut anywhere.
  void scan(std::string_view bytes);

  /// Fields of that name in the header section so far, in any case, however malformed behind the
  /// name.
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  enum class At : std::uint8_t { line_start, name, after_name, in_line, body };
  void step(char c);

  At at_ = At::line_start;
  std::size_t matched_ = 0;  ///< Letters of the name seen on this line.
  std::size_t count_ = 0;
};

}  // namespace fulmar::smtp
