#include "mta/control/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "mta/app.h"

namespace fulmar::control {
namespace {

/// A subcommand that sets `invocation.command` when it was given, and takes the common options
/// after its own.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      Invocation& invocation, Command command) {
  CLI::App* added = parent.add_subcommand(name, help);
  added->fallthrough();
  added->callback([&invocation, command] { invocation.command = command; });
  return added;
}

CLI::App* add_group(CLI::App& parent, const std::string& name, const std::string& help) {
  CLI::App* added = parent.add_subcommand(name, help);
  added->fallthrough();
  added->require_subcommand(1);
  return added;
}

void add_condition(CLI::App& command, Invocation& invocation, const std::string& name,
                   const std::string& help) {
  command
      .add_option_function<std::string>(
          "--" + name,
          [&invocation, name](const std::string& value) {
            invocation.conditions.emplace_back(name, value);
          },
          help)
      ->take_last();
}

void add_ids(CLI::App& command, Invocation& invocation) {
  const auto take = [&invocation](const std::vector<std::string>& ids) {
    for (const std::string& id : ids)
      invocation.conditions.emplace_back("id", id);
  };
  command.add_option_function<std::vector<std::string>>("--id", take,
                                                        "Queue id; may be given many times");
  command.add_option_function<std::vector<std::string>>(
      "IDS", take, "Queue ids; - reads them from standard input");
}

/// Whether --reason is a condition, or the operator's words.
enum class ReasonIs : std::uint8_t { condition, words };

CLI::App* add_filtered(CLI::App& parent, const std::string& name, const std::string& help,
                       Invocation& invocation, Command command, ReasonIs reason) {
  CLI::App* added = add_command(parent, name, help, invocation, command);
  add_ids(*added, invocation);
  add_condition(*added, invocation, "sender", "Sender's address; <> for messages without one");
  add_condition(*added, invocation, "recipient", "A recipient's address");
  add_condition(*added, invocation, "domain", "Domain that a delivery is for");
  add_condition(*added, invocation, "older-than", "Age: 30m, 2h, 1d");
  add_condition(*added, invocation, "state", "queued (not tried yet), deferred or held");
  if (reason == ReasonIs::condition) {
    add_condition(*added, invocation, "reason", "Class of the last failure, such as dane-mismatch");
  }
  if (changes_the_queue(command)) {
    added->add_flag("--all", invocation.all, "Every message; needed when no condition is given");
  }
  return added;
}

void add_queue(CLI::App& app, Invocation& invocation) {
  CLI::App* queue = add_group(app, "queue", "Messages that wait");
  const auto add = [&](const std::string& name, const std::string& help, Command command,
                       ReasonIs reason = ReasonIs::condition) {
    return add_filtered(*queue, name, help, invocation, command, reason);
  };
  add("list", "List messages", Command::queue_list);
  add_command(*queue, "show", "One message in full", invocation, Command::queue_show)
      ->add_option("ID", invocation.subject, "Queue id")
      ->required();
  add("retry", "Try again now", Command::queue_retry);
  add("hold", "Do nothing about messages until they are released", Command::queue_hold);
  add("release", "Let held messages go on now", Command::queue_release);
  add("bounce", "End messages with a notice to their senders", Command::queue_bounce,
      ReasonIs::words)
      ->add_option("--reason", invocation.reason, "Why: the senders read it")
      ->required();
  add("delete", "Remove messages; nobody is told", Command::queue_delete, ReasonIs::words)
      ->add_option("--reason", invocation.reason, "Why, for the log");
  add_command(*queue, "quarantine", "Records that were set aside because they cannot be read",
              invocation, Command::queue_quarantine);
}

void add_suspensions(CLI::App& app, Invocation& invocation) {
  CLI::App* suspend = add_command(app, "suspend", "Make no attempts to a destination for a while",
                                  invocation, Command::suspend);
  suspend
      ->add_option("DOMAIN", invocation.subject,
                   "Next-hop domain, or .domain for every name below it")
      ->required();
  suspend->add_option("--for", invocation.time, "How long: 30m, 2h, 1d")->required();
  suspend->add_option("--reason", invocation.reason, "Why, for other operators")->required();
  add_command(app, "resume", "End a suspension now", invocation, Command::resume)
      ->add_option("DOMAIN", invocation.subject, "As it was suspended")
      ->required();
  add_command(app, "suspended", "List the destinations that are suspended", invocation,
              Command::suspended);
}

void add_policy(CLI::App& app, Invocation& invocation) {
  CLI::App* policy = add_group(app, "policy", "The MTA-STS policies that are remembered");
  add_command(*policy, "list", "List them", invocation, Command::policy_list);
  const auto add = [&](const std::string& name, const std::string& help, Command command) {
    add_command(*policy, name, help, invocation, command)
        ->add_option("DOMAIN", invocation.subject, "Policy domain")
        ->required();
  };
  add("show", "One policy in full", Command::policy_show);
  add("refresh", "Fetch it now", Command::policy_refresh);
  add("forget", "Forget what is known about it", Command::policy_forget);
}

void add_passwd(CLI::App& app, Invocation& invocation) {
  CLI::App* passwd =
      add_command(app, "passwd", "Hash a password, which is asked for or read from standard input",
                  invocation, Command::passwd);
  passwd->add_option("NAME", invocation.subject, "User, as in the users file")->required();
  passwd->add_option("--method", invocation.method, "yescrypt, sha512, bcrypt or scram-sha-256")
      ->capture_default_str();
}

void add_notice(CLI::App& app, Invocation& invocation) {
  CLI::App* notice = add_group(app, "notice", "What senders are told, in the words now set");
  add_command(*notice, "list", "What there is to preview, and languages", invocation,
              Command::notice_list);
  CLI::App* preview =
      add_command(*notice, "preview", "A notice about made-up facts, as its reader sees it",
                  invocation, Command::notice_preview);
  preview->add_option("CLASS", invocation.subject,
                      "What is the matter, such as dane-mismatch; or summary, which is one mail in "
                      "the place of many notices; or digest, which the postmaster gets");
  preview->add_option("--kind", invocation.kind,
                      "failed, delayed, cleared or relayed; default: failed");
  preview->add_option("--lang", invocation.language,
                      "Language; default: that of the configuration");
  CLI::Option* html = preview->add_flag("--html", invocation.html, "The form for web browsers");
  preview->add_flag("--raw", invocation.raw, "The whole message, as it would go out")
      ->excludes(html);
}

void add_common(CLI::App& app, Invocation& invocation) {
  app.add_option("--config", invocation.config_file,
                 "Configuration file; default: $FULMAR_CONFIG, else /etc/fulmar/fulmar.toml");
  app.add_flag("--json", invocation.json, "Print JSON");
}

void add_commands(CLI::App& app, Invocation& invocation) {
  add_command(app, "serve", "Run the daemon in the foreground", invocation, Command::serve);
  add_command(app, "check", "Check the configuration and all it needs", invocation, Command::check);
  CLI::App* config = add_command(app, "config", "The settings in force and where each is from",
                                 invocation, Command::config);
  config->add_flag("--defaults", invocation.defaults, "The defaults, whatever the file says");
  CLI::App* explain = add_command(app, "explain", "How a message to a domain or address would go",
                                  invocation, Command::explain);
  explain->add_option("TARGET", invocation.subject, "Domain or address")->required();
  explain->add_flag("--connect", invocation.connect, "Also connect to the hosts and verify them");
  add_queue(app, invocation);
  add_suspensions(app, invocation);
  add_policy(app, invocation);
  add_command(app, "status", "Health, queue and counters", invocation, Command::status);
  add_passwd(app, invocation);
  add_notice(app, invocation);
}

NoInvocation stop(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = app.exit(error, out, err);
  if (code == 0) return {mta::kExitDone, out.str()};
  return {mta::kExitUsage, err.str() + out.str()};
}

/// A change of the queue must say what it is for: forgetting the filter must not empty the queue.
std::optional<NoInvocation> missing_filter(const Invocation& invocation) {
  const bool changes = changes_the_queue(invocation.command);
  if (!changes || invocation.all == invocation.conditions.empty()) return std::nullopt;
  return NoInvocation{mta::kExitUsage,
                      invocation.all ? "fulmar: --all and conditions exclude each other\n"
                                     : "fulmar: give a condition, or --all for every message\n"};
}

}  // namespace

bool changes_the_queue(Command command) {
  switch (command) {
    case Command::queue_retry:
    case Command::queue_hold:
    case Command::queue_release:
    case Command::queue_bounce:
    case Command::queue_delete:
      return true;
    default:
      return false;
  }
}

std::expected<Invocation, NoInvocation> parse_arguments(std::vector<std::string> words) {
  Invocation invocation;
  CLI::App app("Fulmar, an outbound mail relay that will not be downgraded", "fulmar");
  app.set_version_flag("--version", "fulmar " FULMAR_VERSION);
  app.require_subcommand(1);
  add_common(app, invocation);
  add_commands(app, invocation);
  try {
    std::ranges::reverse(words);  // CLI11 takes them from the back
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return std::unexpected(stop(app, error));
  }
  if (auto missing = missing_filter(invocation)) return std::unexpected(*std::move(missing));
  return invocation;
}

}  // namespace fulmar::control
