#include "mta/control/command_line.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/url.hpp>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "base/ascii.h"
#include "mta/app.h"
#include "mta/control/arguments.h"
#include "mta/control/client.h"
#include "mta/control/notice_preview.h"
#include "mta/control/render.h"
#include "mta/notice/load_texts.h"
#include "mta/passwd.h"

namespace fulmar::control {
namespace {

namespace json = boost::json;

constexpr const char* kQuarantinePath = "/v1/quarantine";

int complain(const Surroundings& around, const Error& error) {
  around.err << "fulmar: " << sanitize_line(error.detail, 4096) << '\n';
  switch (error.code) {
    case Errc::connect_failed:
      return mta::kExitNotRunning;
    case Errc::not_found:
      return mta::kExitNo;
    case Errc::invalid_argument:
    case Errc::syntax:
    case Errc::limit:
      return mta::kExitUsage;
    default:
      return mta::kExitTryLater;
  }
}

/// The file that was named, else the usual one if it exists, else nothing but defaults.
std::expected<conf::Loaded, std::vector<conf::Problem>> load(const Invocation& invocation,
                                                             const Surroundings& around) {
  if (invocation.config_file) return conf::load_file(*invocation.config_file, around.system);
  if (!around.config_variable.empty())
    return conf::load_file(around.config_variable, around.system);
  std::error_code
      unreadable;  // a file that cannot be looked at is left to load_file() to complain about
  const auto kind = std::filesystem::status(around.default_config, unreadable).type();
  if (kind == std::filesystem::file_type::not_found)
    return conf::load_text("", around.default_config, around.system);
  return conf::load_file(around.default_config, around.system);
}

int print_settings(const Surroundings& around, const std::vector<conf::Setting>& settings,
                   bool as_json) {
  if (as_json) {
    json::array list;
    for (const conf::Setting& each : settings) {
      list.push_back({{"key", each.key}, {"value", each.value}, {"origin", each.origin}});
    }
    around.out << json::serialize(list) << '\n';
  } else {
    around.out << render_settings(settings);
  }
  return mta::kExitDone;
}

int show_config(const Invocation& invocation, const Surroundings& around,
                const conf::Loaded& loaded) {
  if (!invocation.defaults) return print_settings(around, loaded.settings, invocation.json);
  const auto defaults = conf::load_text("", "", around.system);
  if (!defaults) return mta::kExitConfig;
  return print_settings(around, defaults->settings, invocation.json);
}

/// The first word of each line but the heading's, so that `fulmar queue list | grep … | fulmar
/// queue retry -` works.
std::vector<Condition> ids_from(std::istream& in) {
  std::vector<Condition> ids;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string id;
    if (words >> id && id != "ID" && (ids.empty() || ids.back().second != id))
      ids.emplace_back("id", id);
  }
  return ids;
}

/// Empty when standard input was to name the messages and named none: then no message is meant.
Result<std::optional<QueueFilter>> read_filter(const Invocation& invocation,
                                               const Surroundings& around) {
  std::vector<Condition> conditions;
  for (const Condition& condition : invocation.conditions) {
    if (condition != Condition{"id", "-"}) {
      conditions.push_back(condition);
      continue;
    }
    auto ids = ids_from(around.in);
    if (ids.empty()) return std::nullopt;
    std::ranges::move(ids, std::back_inserter(conditions));
  }
  FULMAR_TRY(QueueFilter filter, filter_from_conditions(conditions));
  return filter;
}

/// "/v1/…/…", the last segment as it is needed in a URL.
std::string path_to(std::string_view collection, const std::string& name) {
  boost::urls::url url;
  url.set_path_absolute(true);
  for (const std::string_view segment :
       {std::string_view("v1"), collection, std::string_view(name)})
    url.segments().push_back(segment);
  return std::string(url.encoded_path());
}

std::string policy_path(const std::string& domain) {
  return path_to("policies", domain);
}

std::string_view change_path(Command command) {
  switch (command) {
    case Command::queue_hold:
      return "/v1/queue/hold";
    case Command::queue_release:
      return "/v1/queue/release";
    case Command::queue_bounce:
      return "/v1/queue/bounce";
    case Command::queue_delete:
      return "/v1/queue/delete";
    default:
      return "/v1/queue/retry";
  }
}

Result<Request> change_request(const Invocation& invocation, const QueueFilter& filter) {
  json::object body = {{"filter", filter_to_json(filter)}};
  if (invocation.all) body["all"] = true;
  const bool ends =
      invocation.command == Command::queue_bounce || invocation.command == Command::queue_delete;
  if (ends) body["reason"] = invocation.reason;
  return Request{"POST", std::string(change_path(invocation.command)), json::serialize(body)};
}

Result<Request> simple_request(const Invocation& invocation) {
  switch (invocation.command) {
    case Command::queue_show: {
      FULMAR_TRY(const MessageId id, MessageId::parse(invocation.subject));
      return Request{"GET", "/v1/queue/" + id.str(), {}};
    }
    case Command::queue_quarantine:
      return Request{"GET", kQuarantinePath, {}};
    case Command::suspend: {
      const json::object body = {
          {"domain", invocation.subject}, {"for", invocation.time}, {"reason", invocation.reason}};
      return Request{"POST", "/v1/suspensions", json::serialize(body)};
    }
    case Command::resume:
      return Request{"DELETE", path_to("suspensions", invocation.subject), {}};
    case Command::suspended:
      return Request{"GET", "/v1/suspensions", {}};
    case Command::policy_list:
      return Request{"GET", "/v1/policies", {}};
    case Command::policy_show:
      return Request{"GET", policy_path(invocation.subject), {}};
    case Command::policy_refresh:
      return Request{"POST", policy_path(invocation.subject) + "/refresh", {}};
    case Command::policy_forget:
      return Request{"DELETE", policy_path(invocation.subject), {}};
    default:
      return Request{"GET", "/v1/status", {}};
  }
}

std::string render(Command command, const json::value& answer) {
  switch (command) {
    case Command::queue_list:
      return render_queue_list(answer);
    case Command::queue_show:
      return render_queue_show(answer);
    case Command::policy_list:
      return render_policy_list(answer);
    case Command::policy_show:
    case Command::policy_refresh:
      return render_policy(answer);
    case Command::queue_retry:
    case Command::queue_hold:
    case Command::queue_release:
    case Command::queue_bounce:
    case Command::queue_delete:
      return render_changed(answer);
    case Command::queue_quarantine:
      return render_quarantine(answer);
    case Command::suspend:
      return render_suspensions(json::array{answer});
    case Command::resume:
      return "resumed\n";
    case Command::suspended:
      return render_suspensions(answer);
    case Command::policy_forget:
      return "forgotten\n";
    case Command::explain:
      return render_explain(answer);
    case Command::notice_list:
      return render_notices(answer);
    default:
      return render_status(answer);
  }
}

void print(const Invocation& invocation, const Surroundings& around, const json::value& answer) {
  around.out << (invocation.json ? json::serialize(answer) + "\n"
                                 : render(invocation.command, answer));
}

int ask_and_print(const Invocation& invocation, const Surroundings& around,
                  const conf::Config& config, const Result<Request>& request) {
  if (!request) return complain(around, request.error());
  const auto answer = ask_daemon(config.control.socket, *request);
  if (!answer) return complain(around, answer.error());
  print(invocation, around, *answer);
  return mta::kExitDone;
}

/// On standard error: what standard output holds goes on to other commands.
void mention_quarantine(const Surroundings& around, const conf::Config& config) {
  const auto answer = ask_daemon(config.control.socket, Request{"GET", kQuarantinePath, {}});
  const json::array* records = answer ? answer->if_array() : nullptr;
  if (records == nullptr || records->empty()) return;
  around.err << "fulmar: set aside because they cannot be read: " << records->size()
             << "; see fulmar queue quarantine\n";
}

int list_queue(const Invocation& invocation, const Surroundings& around, const conf::Config& config,
               const QueueFilter& filter) {
  const std::string query = filter_to_query(filter);
  const int code =
      ask_and_print(invocation, around, config,
                    Request{"GET", query.empty() ? "/v1/queue" : "/v1/queue?" + query, {}});
  if (code == mta::kExitDone && !invocation.json) mention_quarantine(around, config);
  return code;
}

int work_on_queue(const Invocation& invocation, const Surroundings& around,
                  const conf::Config& config) {
  const auto filter = read_filter(invocation, around);
  if (!filter) return complain(around, filter.error());
  if (!*filter) {
    around.err << "fulmar: no ids on standard input\n";
    return mta::kExitDone;
  }
  if (invocation.command == Command::queue_list)
    return list_queue(invocation, around, config, **filter);
  return ask_and_print(invocation, around, config, change_request(invocation, **filter));
}

/// The daemon knows its cached policies and its queue; without it the same code starts from
/// nothing.
Result<json::value> explanation(const Invocation& invocation, const Surroundings& around,
                                const conf::Config& config) {
  const json::object question = {{"target", invocation.subject}, {"connect", invocation.connect}};
  auto answer =
      ask_daemon(config.control.socket, {"POST", "/v1/explain", json::serialize(question)});
  if (answer || answer.error().code != Errc::connect_failed) return answer;
  around.err << "fulmar: " << sanitize_line(answer.error().detail, 4096) << "; asking without it\n";
  return around.explain_without_daemon(config, invocation.subject,
                                       invocation.connect ? Connect::yes : Connect::no);
}

int explain(const Invocation& invocation, const Surroundings& around, const conf::Config& config) {
  const auto answer = explanation(invocation, around, config);
  if (!answer) return complain(around, answer.error());
  print(invocation, around, *answer);
  const json::object* fields = answer->if_object();
  const json::value* verdict = fields == nullptr ? nullptr : fields->if_contains("deliverable");
  return verdict != nullptr && verdict->is_bool() && verdict->get_bool() ? mta::kExitDone
                                                                         : mta::kExitNo;
}

/// The line for the users file. It works with a configuration that does not, and without one.
int passwd(const Invocation& invocation, const Surroundings& around) {
  const auto method = mta::parse_hash_method(invocation.method);
  if (!method) return complain(around, method.error());
  const auto hash = mta::hash_new_password({.name = invocation.subject, .method = *method},
                                           around.ask_for_password, around.in);
  if (!hash) return complain(around, hash.error());
  if (invocation.json) {
    around.out << json::serialize(json::object{{"name", invocation.subject}, {"hash", *hash}})
               << '\n';
  } else {
    around.out << invocation.subject << ':' << *hash << '\n';
  }
  return mta::kExitDone;
}

int print_preview(const Invocation& invocation, const Surroundings& around,
                  const Preview& preview) {
  if (invocation.json) {
    around.out << json::serialize(json::object{{"language", preview.language},
                                               {"subject", preview.subject},
                                               {"text", preview.text},
                                               {"html", preview.html},
                                               {"message", preview.message}})
               << '\n';
  } else if (invocation.html) {
    around.out << preview.html;
  } else if (invocation.raw) {
    around.out << preview.message;
  } else {
    around.out << "Subject: " << preview.subject << "\n\n" << preview.text;
  }
  return mta::kExitDone;
}

/// With the operator's texts, whatever a running daemon has read.
int show_notices(const Invocation& invocation, const Surroundings& around,
                 const conf::Config& config) {
  const auto texts = notice::load_texts(config.notify);
  if (!texts) {
    for (const conf::Problem& problem : texts.error())
      around.err << conf::to_string(problem) << '\n';
    return mta::kExitConfig;
  }
  if (invocation.command == Command::notice_list) {
    print(invocation, around, list_notices(**texts));
    return mta::kExitDone;
  }
  const auto preview = preview_notice(
      {.what = invocation.subject, .kind = invocation.kind, .language = invocation.language},
      config, **texts);
  if (!preview) return complain(around, preview.error());
  return print_preview(invocation, around, *preview);
}

int carry_out_command(const Invocation& invocation, const Surroundings& around,
                      const conf::Loaded& loaded) {
  switch (invocation.command) {
    case Command::serve:
      return around.serve(loaded.config);
    case Command::check:
      return around.check(loaded.config);
    case Command::config:
      return show_config(invocation, around, loaded);
    case Command::explain:
      return explain(invocation, around, loaded.config);
    case Command::notice_list:
    case Command::notice_preview:
      return show_notices(invocation, around, loaded.config);
    case Command::queue_list:
      return work_on_queue(invocation, around, loaded.config);
    default:
      if (changes_the_queue(invocation.command))
        return work_on_queue(invocation, around, loaded.config);
      return ask_and_print(invocation, around, loaded.config, simple_request(invocation));
  }
}

}  // namespace

int run_command_line(std::vector<std::string> words, const Surroundings& around) {
  const auto invocation = parse_arguments(std::move(words));
  if (!invocation) {
    const NoInvocation& reason = invocation.error();
    (reason.exit_code == mta::kExitDone ? around.out : around.err) << reason.text;
    return reason.exit_code;
  }
  if (invocation->command == Command::passwd) return passwd(*invocation, around);
  const auto loaded = load(*invocation, around);
  if (!loaded) {
    for (const conf::Problem& problem : loaded.error())
      around.err << conf::to_string(problem) << '\n';
    return mta::kExitConfig;
  }
  return carry_out_command(*invocation, around, *loaded);
}

}  // namespace fulmar::control
