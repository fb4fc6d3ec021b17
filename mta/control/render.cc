#include "mta/control/render.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "mta/control/json_view.h"
#include "mta/control/text_table.h"

namespace fulmar::control {
namespace {

namespace json = boost::json;

/// "1.2 MB"; powers of ten, like the configuration.
std::string spoken_size(const JsonView& octets) {
  const auto count = octets.number();
  if (!count) return octets.text();
  if (*count >= 1'000'000'000) return fmt::format("{:.1f} GB", static_cast<double>(*count) / 1e9);
  if (*count >= 1'000'000) return fmt::format("{:.1f} MB", static_cast<double>(*count) / 1e6);
  if (*count >= 1'000) return fmt::format("{:.1f} KB", static_cast<double>(*count) / 1e3);
  return fmt::format("{} B", *count);
}

std::string spoken_span(const JsonView& seconds) {
  const auto count = seconds.number();
  if (!count) return seconds.text();
  if (*count >= 86'400) return fmt::format("{} d {} h", *count / 86'400, *count % 86'400 / 3600);
  if (*count >= 3600) return fmt::format("{} h {} min", *count / 3600, *count % 3600 / 60);
  if (*count >= 60) return fmt::format("{} min", *count / 60);
  return fmt::format("{} s", *count);
}

std::string sender_of(const JsonView& message) {
  const std::string sender = message["sender"].text();
  return sender == "-" ? "<>" : sender;
}

/// "dane-mismatch (4.7.5): no TLSA record matches"
std::string reason_of(const JsonView& reason) {
  if (!reason.present()) return "-";
  return fmt::format("{} ({}): {}", reason["class"].text(), reason["status"].text(),
                     reason["detail"].text());
}

/// When something is tried next: the time, if an operator does not stand in the way.
std::string next_of(const JsonView& recipient) {
  if (recipient["state"].text() == "held") return "held";
  if (recipient["suspended_until"].present())
    return "suspended until " + recipient["suspended_until"].time();
  return recipient["next_attempt"].time();
}

void show_recipient(std::string& text, const JsonView& recipient) {
  text += "\nto " + recipient["address"].text() + "\n";
  std::vector<TextRow> rows = {{"destination", recipient["domain"].text()},
                               {"state", recipient["state"].text()},
                               {"attempts", recipient["attempts"].text()},
                               {"next", next_of(recipient)}};
  if (recipient["reason"].present()) rows.push_back({"reason", reason_of(recipient["reason"])});
  if (recipient["host"].text() != "-") rows.push_back({"host", recipient["host"].text()});
  text += align_columns(rows, 2);
  const auto reply = recipient["reply"].lines();
  if (!reply.empty()) text += "  reply\n";
  for (const std::string& line : reply)
    text += "    " + line + "\n";
}

/// A decision record: its hosts in a line each, then the verdict.
void show_attempt(std::string& text, const JsonView& attempt) {
  text += fmt::format("\nattempt {}  {}\n", attempt["at"].time(), attempt["destination"].text());
  const JsonView decision = attempt["decision"];
  if (decision["rule"].present()) text += "  " + decision["rule"].rule_text() + "\n";
  std::vector<TextRow> rows;
  for (const JsonView& host : decision["hosts"].items()) {
    const std::string outcome =
        host["failure"].present() ? reason_of(host["failure"]) : host["reason"].text();
    rows.push_back({host["host"].text(), host["action"].text(), host["level"].text(), outcome});
  }
  text += align_columns(rows, 2);
  if (decision["failure"].present()) text += "  " + reason_of(decision["failure"]) + "\n";
}

/// "passed", or "failed: " with the reason.
std::string with_detail(const JsonView& state, const JsonView& detail) {
  return detail.text() == "-" ? state.text() : state.text() + ": " + detail.text();
}

TextRow policy_row(const JsonView& policy) {
  return {policy["domain"].text(), policy["mode"].text(), policy["in_force"].text(),
          policy["expires_at"].time(), policy["mx"].joined(", ")};
}

std::string_view spool_state(const JsonView& spool) {
  if (!spool["writable"].is_true()) return "NOT WRITABLE";
  return spool["stalled"].is_true() ? "STALLED" : "writable";
}

}  // namespace

std::string render_status(const json::value& status) {
  const JsonView view(&status);
  const JsonView dnssec = view["dnssec"];
  const JsonView self_test = dnssec["self_test"];
  std::vector<TextRow> rows = {
      {"fulmar", view["version"].text() + " on " + view["hostname"].text()},
      {"healthy", view["healthy"].text()},
      {"up for", spoken_span(view["uptime_seconds"])},
      {"spool", fmt::format("{}, {} free", spool_state(view["spool"]),
                            spoken_size(view["spool"]["free_bytes"]))},
      {"queue",
       fmt::format("{} messages, {} deliveries, {} running, {} notices waiting",
                   view["queue"]["messages"].text(), view["queue"]["deliveries"].text(),
                   view["queue"]["running"].text(), view["queue"]["notices_waiting"].text())},
      {"memory", fmt::format("{} of {} at which no more mail is taken",
                             spoken_size(view["memory"]["resident_bytes"]),
                             spoken_size(view["memory"]["high_water_mark"]))},
      {"trust anchor", with_detail(dnssec["trust_anchor"], dnssec["detail"])},
      {"DNSSEC test", with_detail(self_test["result"], self_test["detail"])},
  };
  if (const auto count = view["suspended"].number().value_or(0); count > 0)
    rows.push_back({"suspended", fmt::format("destinations: {}; see fulmar suspended", count)});
  if (const auto count = view["spool"]["set_aside"].number().value_or(0); count > 0)
    rows.push_back({"set aside", fmt::format("records: {}; see fulmar queue quarantine", count)});
  std::vector<TextRow> counters;
  for (const auto& [name, value] : view["counters"].members())
    counters.push_back({name, value.text()});
  return align_columns(rows) + (counters.empty() ? "" : "\n") + align_columns(counters);
}

std::string render_queue_list(const json::value& list) {
  const auto messages = JsonView(&list).items();
  if (messages.empty()) return "no messages\n";
  // One line a recipient, each with its id in front, so that grep and `queue retry -` work on it.
  std::vector<TextRow> rows = {
      {"ID", "ARRIVED (UTC)", "SIZE", "SENDER", "RECIPIENT", "TRIES", "NEXT (UTC)", "REASON"}};
  for (const JsonView& message : messages) {
    for (const JsonView& recipient : message["recipients"].items()) {
      rows.push_back({message["id"].text(), message["arrived"].time(), spoken_size(message["size"]),
                      sender_of(message), recipient["address"].text(), recipient["attempts"].text(),
                      next_of(recipient), reason_of(recipient["reason"])});
    }
  }
  return align_columns(rows);
}

std::string render_queue_show(const json::value& message) {
  const JsonView view(&message);
  std::string text = align_columns({{"id", view["id"].text()},
                                    {"sender", sender_of(view)},
                                    {"arrived", view["arrived"].time() + " UTC"},
                                    {"size", spoken_size(view["size"])},
                                    {"client", view["client"].text()},
                                    {"helo", view["helo"].text()},
                                    {"user", view["user"].text()}});
  for (const JsonView& recipient : view["recipients"].items())
    show_recipient(text, recipient);
  for (const JsonView& attempt : view["history"].items())
    show_attempt(text, attempt);
  const auto header = view["header"].lines();
  if (!header.empty()) text += "\nheader\n";
  for (const std::string& line : header)
    text += "  " + line + "\n";
  return text;
}

std::string render_changed(const json::value& answer) {
  const JsonView view(&answer);
  std::string text = view["changed"].text() + " deliveries changed\n";
  if (view["running"].number().value_or(0) > 0)
    text += view["running"].text() + " left alone: they were being attempted\n";
  return text;
}

std::string render_quarantine(const json::value& list) {
  const auto records = JsonView(&list).items();
  if (records.empty()) return "nothing was set aside\n";
  std::vector<TextRow> rows = {{"RECORD", "WHY"}};
  for (const JsonView& record : records)
    rows.push_back({record["key"].text(), reason_of(record["reason"])});
  return align_columns(rows);
}

std::string render_suspensions(const json::value& list) {
  const auto suspensions = JsonView(&list).items();
  if (suspensions.empty()) return "nothing is suspended\n";
  std::vector<TextRow> rows = {{"DOMAIN", "UNTIL (UTC)", "SINCE (UTC)", "REASON"}};
  for (const JsonView& each : suspensions) {
    rows.push_back(
        {each["domain"].text(), each["until"].time(), each["since"].time(), each["reason"].text()});
  }
  return align_columns(rows);
}

std::string render_policy_list(const json::value& list) {
  const auto policies = JsonView(&list).items();
  if (policies.empty()) return "no policies\n";
  std::vector<TextRow> rows = {{"DOMAIN", "MODE", "IN FORCE", "EXPIRES (UTC)", "MX"}};
  for (const JsonView& policy : policies)
    rows.push_back(policy_row(policy));
  return align_columns(rows);
}

std::string render_policy(const json::value& policy) {
  const JsonView view(&policy);
  std::vector<TextRow> rows = {
      {"domain", view["domain"].text()},           {"mode", view["mode"].text()},
      {"in force", view["in_force"].text()},       {"id", view["id"].text()},
      {"fetched", view["fetched_at"].time()},      {"expires", view["expires_at"].time()},
      {"next refresh", view["refresh_at"].time()}, {"mx", view["mx"].joined(", ")}};
  if (view["failures"].number().value_or(0) > 0) {
    rows.push_back({"failures", fmt::format("{} since the last success, the latest: {}",
                                            view["failures"].text(), view["last_error"].text())});
    rows.push_back({"next try", view["retry_at"].time()});
  }
  std::string text = align_columns(rows);
  const auto lines = view["text"].lines();
  if (!lines.empty()) text += "text\n";
  for (const std::string& line : lines)
    text += "  " + line + "\n";
  return text;
}

std::string render_notices(const json::value& list) {
  const JsonView view(&list);
  std::vector<TextRow> classes = {{"CLASS", "CAN WAIT"}};
  for (const JsonView& each : view["classes"].items())
    classes.push_back({each["name"].text(), each["can_wait"].text()});
  std::vector<TextRow> kinds = {{"KIND"}};
  for (const JsonView& each : view["kinds"].items())
    kinds.push_back({each.text()});
  std::vector<TextRow> others = {{"OTHER MAIL"}};
  for (const JsonView& each : view["other_mail"].items())
    others.push_back({each.text()});
  std::vector<TextRow> languages = {{"LANGUAGE", "TEXTS OF ANOTHER"}};
  for (const JsonView& each : view["languages"].items())
    languages.push_back({each["tag"].text(), each["borrowed"].text()});
  return align_columns(classes) + '\n' + align_columns(kinds) + '\n' + align_columns(others) +
         '\n' + align_columns(languages);
}

std::string render_settings(const std::vector<conf::Setting>& settings) {
  std::vector<TextRow> rows;
  for (const conf::Setting& each : settings) {
    rows.push_back({each.key, "= " + sanitize_line(each.value, 8192),
                    "# " + sanitize_line(each.origin, 4096)});
  }
  return align_columns(rows);
}

}  // namespace fulmar::control
