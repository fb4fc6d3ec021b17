// The commands that carry an address, written so that no address can become anything else.
#include <algorithm>

#include "base/ascii.h"
#include "mta/smtp/command.h"

namespace fulmar::smtp {
namespace {

bool is_path_octet(char c) {
  return is_utf8_octet(c) || (is_printable(c) && c != '<' && c != '>');
}

/// Spaces are allowed inside quotes only; a quote that stays open would swallow the rest of the
/// line.
bool is_one_word(std::string_view path) {
  bool quoted = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (quoted && path[i] == '\\') {
      ++i;
    } else if (path[i] == '"') {
      quoted = !quoted;
    } else if (path[i] == ' ' && !quoted) {
      return false;
    }
  }
  return !quoted;
}

Result<> check_path(std::string_view path) {
  if (std::ranges::all_of(path, is_path_octet) && is_one_word(path)) return {};
  return fail(Errc::invalid_argument, "address that would break the command line");
}

}  // namespace

Result<std::string> write_mail(std::string_view reverse_path, const MailParameters& parameters) {
  FULMAR_TRY_VOID(check_path(reverse_path));
  std::string line = "MAIL FROM:<";  // RFC 5321 §3.3: no space after the colon
  line.append(reverse_path).append(">");
  if (parameters.size) line += " SIZE=" + std::to_string(*parameters.size);
  if (parameters.eight_bit) line += " BODY=8BITMIME";
  if (parameters.smtputf8) line += " SMTPUTF8";
  if (parameters.requiretls) line += " REQUIRETLS";
  if (parameters.ret != DsnReturn::unstated) {
    line += parameters.ret == DsnReturn::full ? " RET=FULL" : " RET=HDRS";
  }
  if (!parameters.envelope_id.empty()) {
    if (!is_xtext(parameters.envelope_id)) return fail(Errc::invalid_argument, "malformed ENVID");
    line.append(" ENVID=").append(parameters.envelope_id);
  }
  return line;
}

Result<std::string> write_rcpt(std::string_view recipient, const RcptParameters& parameters) {
  if (recipient.empty()) return fail(Errc::invalid_argument, "empty recipient address");
  FULMAR_TRY_VOID(check_path(recipient));
  std::string line = "RCPT TO:<" + std::string(recipient) + '>';
  if (parameters.notify.stated) line.append(" NOTIFY=").append(to_string(parameters.notify));
  if (!parameters.original_recipient.empty()) {
    if (!is_original_recipient(parameters.original_recipient)) {
      return fail(Errc::invalid_argument, "malformed ORCPT");
    }
    line.append(" ORCPT=").append(parameters.original_recipient);
  }
  return line;
}

std::string write_bdat(std::size_t octets, LastChunk last) {
  return "BDAT " + std::to_string(octets) + (last == LastChunk::yes ? " LAST" : "");  // RFC 3030 §2
}

}  // namespace fulmar::smtp
