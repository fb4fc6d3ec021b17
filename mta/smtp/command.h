// Client commands: parsing what a client sends us, and writing what we send. Pure, fuzzed. RFC 5321
// §4.1
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/domain.h"
#include "base/result.h"

namespace fulmar::smtp {

/// Octets of a command line, CRLF included. Every server must take 512; MAIL and RCPT get more for
/// their extensions (26 for SIZE, 17 for BODY, 11 for REQUIRETLS), all of which fits. RFC 5321
/// §4.5.3.1.4, RFC 1870 §3, RFC 6152 §2, RFC 8689 §2, RFC 3461 §5.4
inline constexpr std::size_t kMaxCommandLine = 2048;

struct Ehlo {
  std::string name;
};
struct Helo {
  std::string name;
};
struct Mail {
  std::optional<Mailbox> sender;  ///< Empty: MAIL FROM:<>.
  std::optional<std::uint64_t> size;
  bool eight_bit = false;
  bool requiretls = false;  ///< Asked for; whether it was offered is not known here.
};
struct Rcpt {
  Mailbox recipient;  ///< "postmaster" without domain is parsed with the domain given to
                      ///< parse_command().
};
struct Data {};
struct Rset {};
struct Noop {};
struct Quit {};
struct Help {};
struct Vrfy {
  std::string argument;
};
struct StartTlsCommand {};
using Command =
    std::variant<Ehlo, Helo, Mail, Rcpt, Data, Rset, Noop, Quit, Help, Vrfy, StartTlsCommand>;

/// Why a command line cannot be obeyed, as the reply it gets.
struct CommandError {
  std::uint16_t code = 500;
  EnhancedStatus status{5, 5, 2};
  std::string text;
};

/// `line` without CRLF. 500 5.5.1 for an unknown verb, 501 5.5.4 or 5.5.2 for a malformed argument,
/// 501 5.1.7 and 5.1.3 for a bad sender and recipient address, 555 5.5.4 for a parameter of an
/// extension that is not offered. Tolerated because clients do it: a space after the colon, missing
/// angle brackets are not.
[[nodiscard]] std::expected<Command, CommandError> parse_command(std::string_view line,
                                                                 const Domain& own_name);

/// "MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME", without CRLF. Errc::invalid_argument when an argument
/// holds CR, LF, NUL or anything that could end the path (SMU-05).
struct MailParameters {
  std::optional<std::uint64_t> size;
  bool eight_bit = false;
  bool smtputf8 = false;
  bool requiretls = false;
};
[[nodiscard]] Result<std::string> write_mail(std::string_view reverse_path,
                                             const MailParameters& parameters);
[[nodiscard]] Result<std::string> write_rcpt(std::string_view recipient);
enum class LastChunk : std::uint8_t { no, yes };
[[nodiscard]] std::string write_bdat(std::size_t octets, LastChunk last);

}  // namespace fulmar::smtp
