// The program's commands: from words to work and an exit code. Exit codes are those of mta/app.h.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/result.h"
#include "conf/config.h"
#include "conf/load.h"
#include "mta/control/operations.h"
#include "mta/passwd.h"

namespace fulmar::control {

/// What the commands need from around them, so that tests can give something else. All must outlive
/// the call.
struct Surroundings {
  std::function<int(const conf::Config&)> serve;
  std::function<int(const conf::Config&)> check;
  std::function<Result<boost::json::value>(const conf::Config&, const std::string&, Connect)>
      explain_without_daemon;
  mta::AskForPassword ask_for_password;  ///< Empty: `in` is no person.
  conf::SystemFacts system;
  std::string config_variable;  ///< Value of FULMAR_CONFIG; empty when unset.
  std::string default_config =
      "/etc/fulmar/fulmar.toml";  ///< May be absent; a file that was named may not.
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

/// `words` without the program's name. Returns the exit code.
[[nodiscard]] int run_command_line(std::vector<std::string> words,
                                   const Surroundings& surroundings);

}  // namespace fulmar::control
