// The login at a configured relay: AUTH PLAIN, or else LOGIN. RFC 4954, RFC 4616; LOGIN was never
// specified, and is all that some relays speak.
#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/base64.h"
#include "mta/smtp/client_state.h"

namespace fulmar::smtp {
namespace {

using Credentials = ClientOptions::Credentials;

/// Two of these, encoded, fit the 12288 octets that a line of AUTH may have. RFC 4954 §4
constexpr std::size_t kMaxCredential = 4096;

bool is_sayable(std::string_view text) {
  return !text.empty() && text.size() <= kMaxCredential &&
         text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

/// RFC 4616 §2, with the authorization identity left to the server.
std::string plain_message(const Credentials& credentials) {
  std::string message(1, '\0');
  message.append(credentials.user).append(1, '\0').append(credentials.password);
  return base64(message);
}

/// Words that repeat the password, in any form in which it was said, are not passed on: they would
/// end in logs, and in notices to senders.
Reply without_secrets(const Reply& reply, const Credentials& credentials) {
  const std::array secrets = {sanitize_line(credentials.password, kMaxCredential),
                              base64(credentials.password), plain_message(credentials)};
  const bool repeats = std::ranges::any_of(reply.lines, [&](const std::string& line) {
    return std::ranges::any_of(
        secrets, [&](const std::string& secret) { return line.find(secret) != std::string::npos; });
  });
  if (!repeats) return reply;
  return {.code = reply.code,
          .enhanced = reply.enhanced,
          .lines = {"(the host's words repeat the password)"}};
}

}  // namespace

Result<> ClientSession::State::check_credentials() const {
  if (!options.credentials) return {};
  if (is_sayable(options.credentials->user) && is_sayable(options.credentials->password)) return {};
  return std::unexpected(
      make_error(Errc::invalid_argument, "user or password that cannot be said in AUTH"));
}

ClientAction ClientSession::State::authenticate() {
  stage = Stage::auth;
  if (!result.tls) {
    return fail_and_quit(make_error(Errc::relay_auth, "a password is sent under TLS only"));
  }
  const Credentials& credentials = *options.credentials;
  if (offers.auth_plain) {
    auth_lines = {"AUTH PLAIN " + plain_message(credentials)};
  } else if (offers.auth_login) {
    auth_lines = {base64(credentials.password), base64(credentials.user), "AUTH LOGIN"};
  } else {
    return fail_and_quit(make_error(Errc::relay_auth,
                                    offers.auth ? "the host takes neither AUTH PLAIN nor AUTH LOGIN"
                                                : "the host does not offer AUTH"));
  }
  step = Step::auth;
  return say_auth();
}

ClientAction ClientSession::State::say_auth() {
  std::string line = std::move(auth_lines.back());
  auth_lines.pop_back();
  return DoWrite{line + "\r\n"};
}

ClientAction ClientSession::State::on_auth(const Reply& heard) {
  const Reply reply = without_secrets(heard, *options.credentials);
  if (reply.positive()) return send_envelope();
  if (reply.intermediate() && !auth_lines.empty()) return say_auth();
  if (!reply.permanent()) return refused(reply);
  return fail_and_quit(make_error(Errc::relay_auth, "the login is refused: " + reply.one_line()),
                       reply);
}

}  // namespace fulmar::smtp
