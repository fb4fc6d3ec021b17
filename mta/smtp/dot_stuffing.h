// The DATA transform in both directions, chunk by chunk, exact at every chunk border. Pure, fuzzed.
// RFC 5321 §4.5.2, §2.3.8; pitfalls 71, 72
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fulmar::smtp {

/// Outbound: stuffs dots, and turns any stray CR or LF into CRLF, so that nothing we send can end
/// the data early (SMU-03). The spool holds none, since DataReader refused or mended it at our own
/// door; this is the last line of defence.
class DotStuffer {
 public:
  /// `plain`: the line ends only, for BDAT, which counts octets and stuffs nothing. RFC 3030 §2
  enum class Dots : std::uint8_t { stuffed, plain };
  explicit DotStuffer(Dots dots = Dots::stuffed) : dots_(dots) {}

  /// Appends the transformed `chunk` to `out`.
  void transform(std::string_view chunk, std::string& out);
  /// REQUIRES: dots are stuffed. Appends what ends the data: CRLF if the last line lacks one, then
  /// ".", CRLF.
  void finish(std::string& out);

 private:
  enum class At : std::uint8_t { line_start, in_line, after_cr };
  Dots dots_;
  At at_ = At::line_start;
};

/// Inbound: finds the end of data, which is CRLF.CRLF only (SMU-01), unstuffs, and judges line
/// ends.
class DataReader {
 public:
  enum class OnBareNewline : std::uint8_t { reject, normalize };
  /// How the end is found: DATA has a dot for it, and stuffs others; of BDAT the octets are
  /// counted, by the caller, and dots mean nothing. RFC 3030 §2
  enum class Framing : std::uint8_t { dot, counted };
  explicit DataReader(OnBareNewline policy, Framing framing = Framing::dot)
      : policy_(policy), framing_(framing) {}

  struct Progress {
    std::size_t consumed = 0;  ///< Octets of the input taken; the rest belongs to the next command.
    bool complete = false;     ///< The end of data was among them.
  };
  /// Appends decoded octets to `out` until the input or the data ends. After the end it must not be
  /// called again.
  [[nodiscard]] Progress read(std::string_view input, std::string& out);
  /// The counted octets are over: judges a CR that was the last of them, and gives a last line its
  /// CRLF. REQUIRES: counted.
  void finish(std::string& out);

  /// A bare CR or LF was met; under `reject`: the rest is still read to its end, then refused with
  /// 550 5.5.2.
  [[nodiscard]] bool saw_bare_newline() const { return saw_bare_newline_; }
  /// The longest line so far, in octets without CRLF.
  [[nodiscard]] std::size_t longest_line() const { return longest_line_; }
  [[nodiscard]] bool saw_eight_bit() const { return saw_eight_bit_; }
  [[nodiscard]] bool saw_nul() const { return saw_nul_; }

 private:
  enum class At : std::uint8_t { line_start, after_dot, after_dot_cr, in_line, after_cr };
  enum class End : std::uint8_t { no, yes };
  End take(char c, std::string& out);
  std::size_t take_lines(std::string_view input, std::string& out);
  std::size_t take_plain(std::string_view input, std::string& out);
  void take_bare(char newline, std::string& out);
  void count(std::string_view text);
  void look_at(std::string_view text);

  OnBareNewline policy_;
  Framing framing_;
  At at_ = At::line_start;
  std::size_t line_length_ = 0;
  std::size_t longest_line_ = 0;
  bool saw_bare_newline_ = false;
  bool saw_eight_bit_ = false;
  bool saw_nul_ = false;
};

}  // namespace fulmar::smtp
