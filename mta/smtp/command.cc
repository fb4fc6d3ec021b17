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

/// The address inside the brackets. A domain in U-labels is taken and written in A-labels from here
/// on; a local part beyond ASCII would need SMTPUTF8, which is not offered. RFC 6531 §3.5
Parsed<Mailbox> parse_address(std::string_view path, const CommandError& bad_address) {
  // They are legal inside quotes, but too many programs take them for the end of the path.
  if (path.find_first_of("<>") != std::string_view::npos) return std::unexpected(bad_address);
  auto mailbox = Mailbox::parse(path);
  if (!mailbox) {
    CommandError error = bad_address;
    error.text += ": " + mailbox.error().detail;
    return std::unexpected(std::move(error));
  }
  if (!is_ascii(mailbox->local_part)) {
    return refuse(553, {5, 6, 7}, "addresses beyond ASCII are not supported here");
  }
  if (!is_ascii(mailbox->text)) mailbox->text = mailbox->ascii_domain_form();
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

/// MAIL while its parameters are read.
struct MailLine {
  Mail mail;
  bool has_body = false;

  Parsed<void> take(std::string_view parameter) {
    const auto equals = std::min(parameter.find('='), parameter.size());
    const std::string_view name = parameter.substr(0, equals);
    const std::string_view value = parameter.substr(std::min(equals + 1, parameter.size()));
    if (equals_ignoring_case(name, "SIZE")) return take_size(value);
    if (equals_ignoring_case(name, "BODY")) return take_body(value);
    if (equals_ignoring_case(name, "REQUIRETLS")) return take_requiretls(equals < parameter.size());
    return refuse(555, {5, 5, 4}, "MAIL parameter not supported");  // RFC 5321 §4.1.1.11
  }

 private:
  Parsed<void> take_size(std::string_view value) {
    const auto size = parse_size(value);
    if (!size || mail.size) return refuse(501, {5, 5, 4}, "malformed SIZE");
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

  /// RFC 8689 §2: no value, not even an empty one.
  Parsed<void> take_requiretls(bool has_value) {
    if (has_value || mail.requiretls) return refuse(501, {5, 5, 4}, "malformed REQUIRETLS");
    mail.requiretls = true;
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
  std::string_view rest = split->parameters;
  while (!rest.empty()) {
    const auto space = std::min(rest.find(' '), rest.size());
    if (auto taken = line.take(rest.substr(0, space)); !taken)
      return std::unexpected(taken.error());
    rest = trim(rest.substr(space));
  }
  return line.mail;
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
  if (!split->parameters.empty()) return refuse(555, {5, 5, 4}, "RCPT parameter not supported");
  return Rcpt{*std::move(recipient)};
}

template <class T>
Parsed<Command> parse_bare(std::string_view argument) {
  if (!argument.empty()) return refuse(501, {5, 5, 4}, "no argument allowed");
  return T{};
}

/// Verbs of the standards that are not served, so that their users hear "not here" rather than
/// "what?".
bool is_known_elsewhere(std::string_view verb) {
  constexpr std::array<std::string_view, 8> kVerbs = {"AUTH", "BDAT", "ETRN", "EXPN",
                                                      "SAML", "SEND", "SOML", "TURN"};
  return std::ranges::any_of(kVerbs, [&](auto known) { return equals_ignoring_case(verb, known); });
}

}  // namespace

std::expected<Command, CommandError> parse_command(std::string_view line, const Domain& own_name) {
  // RFC 5321 §4.1.1: white space at the end is tolerated.
  line = line.substr(0, line.find_last_not_of(" \t") + 1);
  if (std::ranges::any_of(line, is_control)) {
    return refuse(500, {5, 5, 2}, "control character in command");
  }
  const auto [verb, argument] = split_verb(line);
  const auto is = [verb](std::string_view name) { return equals_ignoring_case(verb, name); };
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
