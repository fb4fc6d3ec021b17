// The MIME and header-field craft that notices need: encodings, folding, boundaries. Pure; knows
// nothing of delivery.
//
// Everything that comes out is free of bare CR and LF, of NUL, and of lines over 998 octets (RFC
// 5322 §2.1.1), whatever goes in: this is where peers' words lose the power to break a notice's
// structure (pitfall 75).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fulmar::notice {

inline constexpr std::size_t kMaxAddress = 1000;  ///< Octets of an address in a sentence.
inline constexpr std::size_t kMaxLine = 998;  ///< Octets of a line without CRLF, RFC 5322 §2.1.1.

/// ASCII without NUL, CRLF line ends only, no line over kMaxLine: what may travel as "7bit" (RFC
/// 2045 §2.7).
[[nodiscard]] bool is_seven_bit(std::string_view text);

/// `text` with every line end (CRLF, LF or CR) made CRLF, and one at the end unless it is empty.
[[nodiscard]] std::string with_crlf(std::string_view text);

/// RFC 2045 §6.7. REQUIRES: line ends are CRLF; a bare CR or LF is encoded as the octet it is.
[[nodiscard]] std::string quoted_printable(std::string_view text);

/// One line of header text: sanitised, and as encoded words of RFC 2047 where it is not ASCII.
[[nodiscard]] std::string header_text(std::string_view text);

/// "Name: body" CRLF, folded before spaces where it would pass 78 octets, hard where it would pass
/// kMaxLine. Control characters in `body` are replaced; line feeds in it become folds, so that
/// several lines keep their borders.
[[nodiscard]] std::string header_field(std::string_view name, std::string_view body);

/// sanitize_line(), and what a reader would not see becomes '?' too: characters without a width,
/// and those that turn the direction of what stands beside them, so that nobody's word can hide, or
/// show the words around it in another order (UTS #39 §3.1, UAX #9 §2). An emoji of several parts,
/// and a script that is joined by such characters, lose by it. What is not done: letters that run
/// from right to left order what is beside them, and marks stand on the letter before them, as in
/// any text.
[[nodiscard]] std::string visible_line(std::string_view text, std::size_t max_octets);

/// A peer's words, several lines separated by LF: each as visible_line(), ASCII only, empty lines
/// dropped, at most `max_octets` in all, "[...]" where it was cut.
[[nodiscard]] std::string ascii_words(std::string_view text, std::size_t max_octets);

/// The same, with valid UTF-8 kept.
[[nodiscard]] std::string utf8_words(std::string_view text, std::size_t max_octets);

/// The unfolded body of the first field called `name` in a header section; empty optional when
/// there is none.
[[nodiscard]] std::optional<std::string> find_field(std::string_view header, std::string_view name);

struct Part {
  std::string type;     ///< "text/plain; charset=utf-8"
  std::string content;  ///< CRLF line ends; encoded as quoted-printable when it is not 7-bit.
};

/// multipart/alternative of a text as plain text and as HTML, in UTF-8; its boundary is made of
/// `seed`. RFC 2046 §5.1.4
[[nodiscard]] Part both_forms(std::string_view plain, std::string_view html, std::string_view seed);

/// A boundary made of `seed` that stands in none of the parts, followed by the parts in order.
struct Multipart {
  std::string boundary;
  std::string body;
};
[[nodiscard]] Multipart join_parts(std::span<const Part> parts, std::string_view seed);

}  // namespace fulmar::notice
