// Client commands: parsing what a client sends us, and writing what we send. Pure, fuzzed. RFC 5321
// §4.1
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/domain.h"
#include "base/dsn.h"
#include "base/result.h"

namespace fulmar::smtp {

/// Octets of a command line, CRLF included. Every server must take 512; MAIL and RCPT get more for
/// their extensions (MAIL: 26 for SIZE, 17 for BODY, 11 for REQUIRETLS, 10 for SMTPUTF8, 115 for
/// RET and ENVID, 500 for AUTH; RCPT: 536 for NOTIFY and ORCPT), all of which fits. RFC 5321
/// §4.5.3.1.4, RFC 1870 §3, RFC 6152 §2, RFC 8689 §2, RFC 6531 §3.4, RFC 3461 §5.4, RFC 4954 §3
inline constexpr std::size_t kMaxCommandLine = 2048;
/// The same for AUTH, and for what a client answers to its challenges. RFC 4954 §4
inline constexpr std::size_t kMaxAuthLine = 12'288;

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
  // Asked for; whether it was offered is not known here.
  bool requiretls = false;
  bool smtputf8 = false;
  bool auth = false;  ///< AUTH= was given. Nobody is trusted to name others: as good as AUTH=<>.
  DsnReturn ret = DsnReturn::unstated;
  std::string envelope_id;  ///< ENVID in xtext; empty without one.

  [[nodiscard]] bool asks_about_notices() const {
    return ret != DsnReturn::unstated || !envelope_id.empty();
  }
};
struct Rcpt {
  Mailbox recipient;  ///< "postmaster" without domain is parsed with the domain given to
                      ///< parse_command().
  DsnNotify notify;
  std::string original_recipient;  ///< ORCPT; empty without one.

  [[nodiscard]] bool asks_about_notices() const {
    return notify.stated || !original_recipient.empty();
  }
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
struct Auth {
  std::string mechanism;                ///< In upper case.
  std::optional<std::string> response;  ///< The initial response in base64, "=" for an empty one.
};
struct Bdat {
  std::uint64_t octets = 0;
  bool last = false;
};
using Command = std::variant<Ehlo, Helo, Mail, Rcpt, Data, Rset, Noop, Quit, Help, Vrfy,
                             StartTlsCommand, Auth, Bdat>;

/// Why a command line cannot be obeyed, as the reply it gets.
struct CommandError {
  std::uint16_t code = 500;
  EnhancedStatus status{5, 5, 2};
  std::string text;
  /// How many octets follow cannot be told: a BDAT without a number. The session must end.
  bool loses_count = false;
};

/// `line` without CRLF. 500 5.5.1 for an unknown verb, 501 5.5.4 or 5.5.2 for a malformed argument,
/// 501 5.1.7 and 5.1.3 for a bad sender and recipient address, 555 5.5.4 for a parameter of no
/// known extension. Tolerated because clients do it: a space after the colon, missing angle
/// brackets are not. An address may have a local part beyond ASCII: whether that was announced is
/// not known here (RFC 6531 §3.4).
[[nodiscard]] std::expected<Command, CommandError> parse_command(std::string_view line,
                                                                 const Domain& own_name);

/// Octets follow the line, or so its sender believes, whatever is wrong with it.
[[nodiscard]] bool is_bdat(std::string_view line);

/// "MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME", without CRLF. Errc::invalid_argument when an argument
/// holds CR, LF, NUL or anything that could end the path (SMU-05).
struct MailParameters {
  std::optional<std::uint64_t> size;
  bool eight_bit = false;
  bool smtputf8 = false;
  bool requiretls = false;
  DsnReturn ret = DsnReturn::unstated;
  std::string envelope_id;  ///< Xtext; empty: none.
};
[[nodiscard]] Result<std::string> write_mail(std::string_view reverse_path,
                                             const MailParameters& parameters);
/// "RCPT TO:<a@b> NOTIFY=NEVER ORCPT=rfc822;a@b", as above.
struct RcptParameters {
  DsnNotify notify;                ///< Written when stated.
  std::string original_recipient;  ///< Empty: none.
};
[[nodiscard]] Result<std::string> write_rcpt(std::string_view recipient,
                                             const RcptParameters& parameters);
enum class LastChunk : std::uint8_t { no, yes };
[[nodiscard]] std::string write_bdat(std::size_t octets, LastChunk last);

}  // namespace fulmar::smtp
