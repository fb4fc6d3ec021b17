#include <fmt/format.h>

#include "mta/control/json_view.h"
#include "mta/control/render.h"
#include "mta/control/text_table.h"

namespace fulmar::control {
namespace {

std::string failure_text(const JsonView& failure) {
  return fmt::format("{} ({}): {}", failure["class"].text(), failure["status"].text(),
                     failure["detail"].text());
}

/// "enforce, cached 3600 s ago, id 2026…"
std::string policy_text(const JsonView& policy) {
  if (!policy["mode"].present()) return "none";
  std::string text =
      policy["mode"].text() + ", " + policy["source"].text() + ", id " + policy["id"].text();
  if (policy["age_seconds"].present()) text += ", age " + policy["age_seconds"].text() + " s";
  if (policy["fetched_at"].present()) text += ", fetched " + policy["fetched_at"].time();
  if (policy["expires_at"].present()) text += ", expires " + policy["expires_at"].time();
  return text;
}

void show_policy(std::string& text, const JsonView& policy) {
  std::vector<TextRow> rows = {{"MTA-STS", policy_text(policy)}};
  if (policy["mode"].present()) rows.push_back({"MTA-STS mx", policy["mx"].joined(", ")});
  if (policy["trouble"].present())
    rows.push_back({"MTA-STS trouble", failure_text(policy["trouble"])});
  text += align_columns(rows, 2);
  for (const std::string& line : policy["text"].lines())
    text += "    " + line + "\n";
}

void show_connect(std::vector<TextRow>& rows, const JsonView& connect) {
  if (!connect.present()) return;
  const std::string verdict = connect["ok"].is_true() ? "ok" : "FAILED";
  rows.push_back({"connect", fmt::format("{}: {}, tls {}", connect["address"].text(), verdict,
                                         connect["tls"].text())});
  if (connect["failure"].present()) rows.push_back({"", failure_text(connect["failure"])});
  for (const char* member : {"downgraded_after", "waived", "testing_failure"}) {
    if (!connect[member].present()) continue;
    rows.push_back({"", fmt::format("{}: {}", member, failure_text(connect[member]))});
  }
  const JsonView certificate = connect["certificate"];
  if (!certificate.present()) return;
  rows.push_back({"certificate", fmt::format("{}, issued by {}", certificate["subject"].text(),
                                             certificate["issuer"].text())});
  rows.push_back({"", "names " + certificate["names"].joined(", ")});
  rows.push_back({"", fmt::format("valid {} to {}", certificate["not_before"].time(),
                                  certificate["not_after"].time())});
}

void show_host(std::string& text, const JsonView& host) {
  text +=
      fmt::format("\nhost {} (preference {})\n", host["host"].text(), host["preference"].text());
  const JsonView tlsa = host["tlsa"];
  std::vector<TextRow> rows = {
      {"addresses", host["addresses"].joined(", ")},
      {"TLSA", fmt::format("{} at {}", tlsa["status"].text(), tlsa["base"].text())}};
  for (const JsonView& record : tlsa["records"].items())
    rows.push_back({"", record.text()});
  rows.push_back(
      {"decision", fmt::format("{}, level {}", host["action"].text(), host["level"].text())});
  rows.push_back({"because", fmt::format("{} [{}, {}]", host["reason"].text(), host["rule"].text(),
                                         host["reference"].text())});
  if (host["failure"].present()) rows.push_back({"failure", failure_text(host["failure"])});
  if (host["waived"].present()) rows.push_back({"waived", failure_text(host["waived"])});
  show_connect(rows, host["connect"]);
  text += align_columns(rows, 2);
}

}  // namespace

std::string render_explain(const boost::json::value& explanation) {
  const JsonView view(&explanation);
  std::string text =
      fmt::format("{}: {}\n", view["domain"].text(),
                  view["deliverable"].is_true() ? "deliverable" : "NOT deliverable now");
  if (view["failure"].present()) text += "  " + failure_text(view["failure"]) + "\n";
  if (view["rule"].present()) text += "  " + view["rule"].rule_text() + "\n";
  if (view["next_hop"].present() && view["next_hop"].text() != view["domain"].text()) {
    text += "  next hop: " + view["next_hop"].text() + "\n";
  }
  text += fmt::format("  MX: {}{}\n", view["mx"]["security"].text(),
                      view["mx"]["implicit"].is_true() ? ", implicit (the domain itself)" : "");
  show_policy(text, view["mta_sts"]);
  for (const JsonView& host : view["hosts"].items())
    show_host(text, host);
  if (const JsonView suspended = view["suspended"]; suspended.present()) {
    text += fmt::format("\nsuspended by an operator until {} ({}): {}\n", suspended["until"].time(),
                        suspended["domain"].text(), suspended["reason"].text());
  }
  if (view["queue"].present()) {
    text += fmt::format("\nqueue: {} waiting, next attempt {}\n", view["queue"]["waiting"].text(),
                        view["queue"]["next_attempt"].time());
  }
  return text;
}

}  // namespace fulmar::control
