#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "mta/app.h"
#include "mta/control/command_line.h"
#include "mta/control/system_facts.h"
#include "mta/passwd.h"

int main(int argc, char** argv) {
  const char* config = std::getenv("FULMAR_CONFIG");
  const fulmar::control::Surroundings surroundings{
      .serve = fulmar::mta::serve,
      .check = fulmar::mta::check,
      .explain_without_daemon = fulmar::mta::explain_without_daemon,
      .ask_for_password = fulmar::mta::terminal_of_standard_input(),
      .system = {.fqdn = fulmar::control::system_fqdn()},
      .config_variable = config == nullptr ? "" : config,
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
  };
  return fulmar::control::run_command_line(
      std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), surroundings);
}
