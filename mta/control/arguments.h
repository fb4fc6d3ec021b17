// The command line as data: words in, an Invocation or what to print instead. Does nothing itself.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "mta/control/queue_filter.h"

namespace fulmar::control {

enum class Command : std::uint8_t {
  serve,
  check,
  config,
  explain,
  queue_list,
  queue_show,
  queue_retry,
  queue_hold,
  queue_release,
  queue_bounce,
  queue_delete,
  queue_quarantine,
  suspend,
  resume,
  suspended,
  policy_list,
  policy_show,
  policy_refresh,
  policy_forget,
  status,
  passwd,
  notice_list,
  notice_preview,
};

struct Invocation {
  Command command = Command::serve;
  std::optional<std::string> config_file;  ///< As named by --config.
  bool json = false;
  std::string subject;  ///< Target, queue id, domain, user, or what a notice is about.
  std::vector<Condition>
      conditions;      ///< The filter, ids too; an id "-" stands for those on standard input.
  bool all = false;    ///< --all: every message is meant.
  std::string reason;  ///< Of `queue delete` for the log, of `queue bounce` for the sender, of
                       ///< `suspend` for other operators.
  std::string time;    ///< How long to suspend: "1h".
  std::string method = "yescrypt";  ///< Of `passwd`: how to hash.
  std::string kind;                 ///< Of `notice preview`; empty: failed.
  std::string language;             ///< Of `notice preview`; empty: the configured one.
  bool html = false;                ///< Of `notice preview`.
  bool raw = false;                 ///< Of `notice preview`.
  bool connect = false;
  bool defaults = false;
};

/// Of several messages, so that it must say which, or that it means all.
[[nodiscard]] bool changes_the_queue(Command command);

/// Nothing is to be done: the help was asked for, or the words make no sense.
struct NoInvocation {
  int exit_code = 0;  ///< kExitDone or kExitUsage
  std::string text;   ///< For standard output when done, else for standard error.
};

/// `words` without the program's name.
[[nodiscard]] std::expected<Invocation, NoInvocation> parse_arguments(
    std::vector<std::string> words);

}  // namespace fulmar::control
