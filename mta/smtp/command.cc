#include "mta/smtp/command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/ascii.h"

namespace fulmar::smtp {
namespace {

template <class T>
using Parsed = std::expected<T, CommandError>;

std::unexpected<CommandError> refuse(std::uint16_t code, EnhancedStatus status, std::string text) {
  return std::unexpected(CommandError{.code = code, .status = status, .text = std::move(text)});
}

constexpr std::size_t kMaxHelloName = 255;  // RFC 5321 §4.5.3.1.2
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kBdat = "BDAT";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// A command line in two halves.
struct Split {
  std::string_view verb;
  std::string_view argument;
};

Split split_verb(std::string_view line) {
  const auto space = std::min(line.find(' '), line.size());
  return {.verb = line.substr(0, space), .argument = trim(line.substr(space))};
}

template <class T>
Parsed<Command> parse_hello(std::string_view argument) {
  if (argument.empty()) return refuse(501, {5, 5, 4}, "a host name is needed");
  if (argument.size() > kMaxHelloName || argument.find(' ') != std::string_view::npos) {
    return refuse(501, {5, 5, 4}, "malformed host name");
  }
  return T{std::string(argument)};
}

/// What stands after "FROM:" or "TO:".
struct PathAndParameters {
  std::string_view path;        ///< Without angle brackets and source route.
  std::string_view parameters;  ///< Separated by spaces.
};

/// "@a.example,@b.example:user@c.example" without what stands before the user. RFC 5321 §4.1.1.3,
/// appendix C: source routes are accepted and ignored.
std::string_view without_source_route(std::string_view path) {
  if (!path.starts_with('@')) return path;
  const auto colon = path.find(':');
  return colon == std::string_view::npos ? path : path.substr(colon + 1);
}

/// `bad_address` is what a path without its brackets gets. The space after the colon is tolerated.
Parsed<PathAndParameters> parse_path(std::string_view argument, std::string_view keyword,
                                     const CommandError& bad_address) {
  if (argument.size() < keyword.size() ||
      !equals_ignoring_case(argument.substr(0, keyword.size()), keyword)) {
    return refuse(501, {5, 5, 4}, std::string(keyword) + "<address> is needed");
  }
  const std::string_view rest = trim(argument.substr(keyword.size()));
  const std::size_t end = find_unquoted(rest, '>');
  if (!rest.starts_with('<') || end == std::string_view::npos) return std::unexpected(bad_address);
  const std::string_view parameters = rest.substr(end + 1);
  if (!parameters.empty() && !parameters.starts_with(' ')) return std::unexpected(bad_address);
  return PathAndParameters{.path = without_source_route(rest.substr(1, end - 1)),
                           .parameters = trim(parameters)};
}

/// The address inside the brackets. A domain in U-labels needs no SMTPUTF8 further on when it is
/// written in A-labels; a local part beyond ASCII does, and the whole address stays as it is then.
/// RFC 6531 §3.2, §3.5
Parsed<Mailbox> parse_address(std::string_view path, const CommandError& bad_address) {
  // They are legal inside quotes, but too many programs take them for the end of the path.
  if (path.find_first_of("<>") != std::string_view::npos) return std::unexpected(bad_address);
  auto mailbox = Mailbox::parse(path);
  if (!mailbox) {
    CommandError error = bad_address;
    error.text += ": " + mailbox.error().detail;
    return std::unexpected(std::move(error));
  }
  if (is_ascii(mailbox->local_part) && !is_ascii(mailbox->text)) {
    mailbox->text = mailbox->ascii_domain_form();
  }
  return *std::move(mailbox);
}

/// RFC 1870 §5: up to 20 digits. What does not fit is certainly too big.
std::optional<std::uint64_t> parse_size(std::string_view digits) {
  if (digits.empty() || digits.size() > 20 || !std::ranges::all_of(digits, is_digit)) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return ec == std::errc{} ? value : std::numeric_limits<std::uint64_t>::max();
}

/// "NAME=value" or "NAME".
struct Parameter {
  std::string_view name;
  std::string_view value;
  bool has_value = false;
};

Parameter split_parameter(std::string_view text) {
  const auto equals = std::min(text.find('='), text.size());
  return {.name = text.substr(0, equals),
          .value = text.substr(std::min(equals + 1, text.size())),
          .has_value = equals < text.size()};
}

/// A parameter that has no business in this command, or one of a known name that was given twice or
/// with a wrong value.
std::unexpected<CommandError> unknown_parameter(std::string_view command) {
  return refuse(555, {5, 5, 4}, std::string(command) + " parameter not supported");
}
std::unexpected<CommandError> malformed(std::string_view name) {
  return refuse(501, {5, 5, 4}, "malformed " + std::string(name));
}

/// Hands each one of `parameters` to `take` until it refuses one.
template <class Take>
Parsed<void> take_each(std::string_view parameters, const Take& take) {
  while (!parameters.empty()) {
    const auto space = std::min(parameters.find(' '), parameters.size());
    Parsed<void> taken = take(split_parameter(parameters.substr(0, space)));
    if (!taken) return taken;
    parameters = trim(parameters.substr(space));
  }
  return {};
}

/// MAIL while its parameters are read.
struct MailLine {
  Mail mail;
  bool has_body = false;
  bool has_envelope_id = false;

  Parsed<void> take(const Parameter& parameter) {
    const auto is = [&](std::string_view name) {
      return equals_ignoring_case(parameter.name, name);
    };
    if (is("SIZE")) return take_size(parameter.value);
    if (is("BODY")) return take_body(parameter.value);
    if (is("SMTPUTF8")) return take_flag(parameter, mail.smtputf8);      // RFC 6531 §3.4
    if (is("REQUIRETLS")) return take_flag(parameter, mail.requiretls);  // RFC 8689 §2
    if (is("RET")) return take_ret(parameter.value);
    if (is("ENVID")) return take_envelope_id(parameter.value);
    if (is("AUTH")) return take_auth(parameter.value);
    return unknown_parameter("MAIL");  // RFC 5321 §4.1.1.11
  }

 private:
  Parsed<void> take_size(std::string_view value) {
    const auto size = parse_size(value);
    if (!size || mail.size) return malformed("SIZE");
    mail.size = size;
    return {};
  }

  Parsed<void> take_body(std::string_view value) {
    const bool eight_bit = equals_ignoring_case(value, "8BITMIME");
    if (has_body || (!eight_bit && !equals_ignoring_case(value, "7BIT"))) {
      return refuse(501, {5, 5, 4}, "BODY is 7BIT or 8BITMIME");
    }
    has_body = true;
    mail.eight_bit = eight_bit;
    return {};
  }

  /// No value, not even an empty one.
  static Parsed<void> take_flag(const Parameter& parameter, bool& flag) {
    if (parameter.has_value || flag) return malformed(parameter.name);
    flag = true;
    return {};
  }

  Parsed<void> take_ret(std::string_view value) {  // RFC 3461 §4.3
    const bool full = equals_ignoring_case(value, "FULL");
    if (mail.ret != DsnReturn::unstated || (!full && !equals_ignoring_case(value, "HDRS"))) {
      return refuse(501, {5, 5, 4}, "RET is FULL or HDRS");
    }
    mail.ret = full ? DsnReturn::full : DsnReturn::headers;
    return {};
  }

  Parsed<void> take_envelope_id(std::string_view value) {  // RFC 3461 §4.4
    if (has_envelope_id || value.empty() || value.size() > kMaxEnvelopeId || !is_xtext(value)) {
      return malformed("ENVID");
    }
    has_envelope_id = true;
    mail.envelope_id = value;
    return {};
  }

  Parsed<void> take_auth(std::string_view value) {  // RFC 4954 §5
    const bool named = value == "<>" || (!value.empty() && is_xtext(value));
    if (mail.auth || !named) return malformed("AUTH");
    mail.auth = true;
    return {};
  }
};

Parsed<Command> parse_mail(std::string_view argument) {
  const CommandError bad_address{.code = 501, .status = {5, 1, 7}, .text = "bad sender address"};
  auto split = parse_path(argument, "FROM:", bad_address);
  if (!split) return std::unexpected(split.error());
  MailLine line;
  if (!split->path.empty()) {
    auto sender = parse_address(split->path, bad_address);
    if (!sender) return std::unexpected(sender.error());
    line.mail.sender = *std::move(sender);
  }
  const auto taken =
      take_each(split->parameters, [&line](const Parameter& each) { return line.take(each); });
  if (!taken) return std::unexpected(taken.error());
  return std::move(line.mail);
}

/// RFC 3461 §4.1, §4.2
Parsed<void> take_rcpt_parameter(Rcpt& rcpt, const Parameter& parameter) {
  if (equals_ignoring_case(parameter.name, "NOTIFY")) {
    const auto notify = parse_notify(parameter.value);
    if (!notify || rcpt.notify.stated) return malformed("NOTIFY");
    rcpt.notify = *notify;
    return {};
  }
  if (!equals_ignoring_case(parameter.name, "ORCPT")) return unknown_parameter("RCPT");
  if (!rcpt.original_recipient.empty() || parameter.value.size() > kMaxOriginalRecipient ||
      !is_original_recipient(parameter.value)) {
    return malformed("ORCPT");
  }
  rcpt.original_recipient = parameter.value;
  return {};
}

Parsed<Command> parse_rcpt(std::string_view argument, const Domain& own_name) {
  const CommandError bad_address{.code = 501, .status = {5, 1, 3}, .text = "bad recipient address"};
  const auto split = parse_path(argument, "TO:", bad_address);
  if (!split) return std::unexpected(split.error());
  // RFC 5321 §4.1.1.3: postmaster needs no domain.
  const std::string qualified = equals_ignoring_case(split->path, "postmaster")
                                    ? std::string(split->path) + '@' + own_name.str()
                                    : std::string(split->path);
  auto recipient = parse_address(qualified, bad_address);
  if (!recipient) return std::unexpected(recipient.error());
  Rcpt rcpt{.recipient = *std::move(recipient), .notify = {}, .original_recipient = {}};
  const auto taken = take_each(split->parameters, [&rcpt](const Parameter& each) {
    return take_rcpt_parameter(rcpt, each);
  });
  if (!taken) return std::unexpected(taken.error());
  return rcpt;
}

/// "PLAIN", or "PLAIN AGEAYgBj". RFC 4954 §4
Parsed<Command> parse_auth(std::string_view argument) {
  const auto space = std::min(argument.find(' '), argument.size());
  Auth auth{.mechanism = std::string(argument.substr(0, space)), .response = std::nullopt};
  std::ranges::transform(auth.mechanism, auth.mechanism.begin(), to_upper);
  const std::string_view rest = trim(argument.substr(space));
  if (auth.mechanism.empty() || rest.find(' ') != std::string_view::npos) {
    return refuse(501, {5, 5, 4}, "AUTH takes a mechanism and an initial response");
  }
  if (!rest.empty()) auth.response = std::string(rest);
  return auth;
}

/// `argument` is all behind the verb. RFC 3030 §2
Parsed<Command> parse_bdat(std::string_view argument) {
  const bool separated = argument.starts_with(' ');
  argument = trim(argument);
  const auto space = std::min(argument.find(' '), argument.size());
  const auto octets = parse_size(argument.substr(0, space));
  const std::string_view rest = trim(argument.substr(space));
  const bool last = equals_ignoring_case(rest, "LAST");
  if (!separated || !octets || (!rest.empty() && !last)) {
    return std::unexpected(CommandError{
        .code = 501, .status = {5, 5, 4}, .text = "malformed BDAT", .loses_count = true});
  }
  return Bdat{.octets = *octets, .last = last};
}

template <class T>
Parsed<Command> parse_bare(std::string_view argument) {
  if (!argument.empty()) return refuse(501, {5, 5, 4}, "no argument allowed");
  return T{};
}

/// Verbs of the standards that are not served, so that their users hear "not here" rather than
/// "what?".
bool is_known_elsewhere(std::string_view verb) {
  constexpr std::array<std::string_view, 6> kVerbs = {"ETRN", "EXPN", "SAML",
                                                      "SEND", "SOML", "TURN"};
  return std::ranges::any_of(kVerbs, [&](auto known) { return equals_ignoring_case(verb, known); });
}

}  // namespace

bool is_bdat(std::string_view line) {
  return equals_ignoring_case(line.substr(0, kBdat.size()), kBdat);
}

std::expected<Command, CommandError> parse_command(std::string_view line, const Domain& own_name) {
  // RFC 5321 §4.1.1: white space at the end is tolerated.
  line = line.substr(0, line.find_last_not_of(" \t") + 1);
  // Before all that could refuse it: what follows it is no command, however malformed it is.
  if (is_bdat(line)) return parse_bdat(line.substr(kBdat.size()));
  if (std::ranges::any_of(line, is_control)) {
    return refuse(500, {5, 5, 2}, "control character in command");
  }
  const auto [verb, argument] = split_verb(line);
  const auto is = [verb](std::string_view name) { return equals_ignoring_case(verb, name); };
  if (is("AUTH")) return parse_auth(argument);
  if (line.size() + kLineEnd.size() > kMaxCommandLine)
    return refuse(500, {5, 5, 2}, "line too long");
  if (is("MAIL")) return parse_mail(argument);
  if (is("RCPT")) return parse_rcpt(argument, own_name);
  if (is("EHLO")) return parse_hello<Ehlo>(argument);
  if (is("HELO")) return parse_hello<Helo>(argument);
  if (is("DATA")) return parse_bare<Data>(argument);
  if (is("RSET")) return parse_bare<Rset>(argument);
  if (is("QUIT")) return parse_bare<Quit>(argument);
  if (is("STARTTLS")) return parse_bare<StartTlsCommand>(argument);  // RFC 3207 §4
  if (is("NOOP")) return Noop{};
  if (is("HELP")) return Help{};
  if (is("VRFY")) {
    if (argument.empty()) return refuse(501, {5, 5, 4}, "an address is needed");
    return Vrfy{std::string(argument)};
  }
  if (is_known_elsewhere(verb)) return refuse(502, {5, 5, 1}, "command not implemented");
  return refuse(500, {5, 5, 1}, "command not recognised");
}

}  // namespace fulmar::smtp
