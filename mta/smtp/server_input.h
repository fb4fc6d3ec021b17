// What a client has sent and nobody has taken yet, and the cutting of it into command lines. Pure,
// bounded. RFC 5321 §2.3.8, §4.5.3.1.4; pitfall 71
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fulmar::smtp {

class ServerInput {
 public:
  enum class Fault : std::uint8_t {
    none,
    bare_newline,  ///< Ended by LF alone.
    too_long,      ///< Over the longest line; of its text the first kHead octets are there.
    endless,       ///< Over kHardLine without an end: the client does not speak SMTP.
  };
  struct Line {
    std::string text;  ///< Without its end.
    Fault fault = Fault::none;
  };
  /// Octets of one line that are thrown away before the client is given up.
  static constexpr std::size_t kHardLine = 65536;

  /// `longest_line`: octets that a line may have, CRLF included.
  explicit ServerInput(std::size_t longest_line) : longest_line_(longest_line) {}

  /// What is kept of a line that is too long: enough to tell its verb.
  static constexpr std::size_t kHead = 8;

  void feed(std::string_view bytes);

  /// A line, or what will never become one, can be taken.
  [[nodiscard]] bool has_line();
  /// A line ends at LF; only the CR before it makes it a good one. REQUIRES: has_line()
  [[nodiscard]] Line next_line();

  /// What has not been taken, for the data phase and for those who must not find anything here.
  [[nodiscard]] std::string_view rest() const { return std::string_view(bytes_).substr(taken_); }
  /// REQUIRES: count <= rest().size()
  void consume(std::size_t count);
  void clear();

 private:
  std::size_t longest_line_;
  std::string bytes_;
  std::size_t taken_ = 0;
  std::string head_;         ///< Of the line that is too long.
  std::size_t dropped_ = 0;  ///< Octets thrown away of the line that is too long.
};

}  // namespace fulmar::smtp
