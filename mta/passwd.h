// `fulmar passwd`: a password becomes a line of the users file (mta/intake/users.h). Needs neither
// the configuration nor the daemon, and writes no file.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mta/intake/password_hash.h"

namespace fulmar::mta {

/// "yescrypt", "sha512", "bcrypt" or "scram-sha-256". Errc::invalid_argument for others.
[[nodiscard]] Result<intake::HashMethod> parse_hash_method(std::string_view name);

/// Puts a question to a person and gives the line typed; Errc::invalid_argument or io.
using AskForPassword = std::function<Result<std::string>(const std::string& prompt)>;

/// At the terminal that standard input is, without echo.
[[nodiscard]] Result<std::string> ask_at_terminal(const std::string& prompt);

/// Empty unless standard input is a terminal.
[[nodiscard]] AskForPassword terminal_of_standard_input();

struct PasswdRequest {
  std::string name;
  intake::HashMethod method = intake::HashMethod::yescrypt;
};

/// The hash of a password that comes from `ask`, twice, or, when there is nobody to ask, from the
/// one line in `in`. Errc::invalid_argument or syntax for a name or a password that will not do, or
/// two that differ; Errc::io for a terminal that fails; Errc::internal for libcrypt or OpenSSL.
[[nodiscard]] Result<std::string> hash_new_password(const PasswdRequest& request,
                                                    const AskForPassword& ask, std::istream& in);

}  // namespace fulmar::mta
