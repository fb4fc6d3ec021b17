// What people see, word for word.
#include "mta/control/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "mta/control/text_table.h"

namespace fulmar::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

boost::json::value parse(std::string_view text) {
  return boost::json::parse(text);
}

TEST(Render, columns_line_up_by_characters) {
  EXPECT_EQ(align_columns({{"a", "b", "c"}, {"\xC3\xBC\xC3\xBC", "", "long last cell"}, {"x"}}, 2),
            "  a   b  c\n"
            "  \xC3\xBC\xC3\xBC     long last cell\n"
            "  x\n");
}

TEST(Render, status) {
  EXPECT_EQ(render_status(
                parse(R"({"version":"0.1.0","hostname":"relay.example.com","uptime_seconds":93784,
      "healthy":true,"spool":{"writable":true,"free_bytes":12345678901},
      "memory":{"resident_bytes":104857600,"high_water_mark":4294967296},
      "queue":{"messages":2,"deliveries":3,"running":1,"notices_waiting":4},
      "dnssec":{"trust_anchor":"proven","detail":"","self_test":{"result":"failed",
        "at":"2026-11-21T23:09:00.125Z","detail":"no","upstreams":[]}},"counters":{"messages_accepted":7,"notices_sent":0}})")),
            "fulmar        0.1.0 on relay.example.com\n"
            "healthy       yes\n"
            "up for        1 d 2 h\n"
            "spool         writable, 12.3 GB free\n"
            "queue         2 messages, 3 deliveries, 1 running, 4 notices waiting\n"
            "memory        104.9 MB of 4.3 GB at which no more mail is taken\n"
            "trust anchor  proven\n"
            "DNSSEC test   failed: no\n"
            "\n"
            "messages_accepted  7\n"
            "notices_sent       0\n");
}

TEST(Render, pitfall_98_a_spool_that_is_stalled_is_not_called_writable) {
  const auto spool = [](std::string_view state) {
    return render_status(parse("{\"spool\":{" + std::string(state) + ",\"free_bytes\":1}}"));
  };
  EXPECT_THAT(spool(R"("writable":true,"stalled":true)"), HasSubstr("STALLED, "));
  EXPECT_THAT(spool(R"("writable":true,"stalled":false)"), HasSubstr(" writable, "));
  EXPECT_THAT(spool(R"("writable":false,"stalled":true)"), HasSubstr("NOT WRITABLE, "));
}

TEST(Render, queue_list) {
  EXPECT_EQ(render_queue_list(parse(R"([{"id":"01JD0000000000000010","sender":"","size":1234,
      "arrived":"2026-11-21T23:09:00.125Z","recipients":[
        {"address":"bob@b.example","domain":"b.example","state":"deferred","attempts":2,
         "next_attempt":"2026-11-21T23:39:00.000Z",
         "reason":{"class":"dane-mismatch","status":"4.7.5","detail":"no TLSA record matches"}},
        {"address":"c@d.example","domain":"d.example","state":"queued","attempts":0,
         "next_attempt":"2026-11-21T23:09:00.000Z","reason":null}]}])")),
            "ID                    ARRIVED (UTC)        SIZE    SENDER  RECIPIENT      TRIES  NEXT "
            "(UTC)           REASON\n"
            "01JD0000000000000010  2026-11-21 23:09:00  1.2 KB  <>      bob@b.example  2      "
            "2026-11-21 23:39:00  "
            "dane-mismatch (4.7.5): no TLSA record matches\n"
            "01JD0000000000000010  2026-11-21 23:09:00  1.2 KB  <>      c@d.example    0      "
            "2026-11-21 23:09:00  -\n");
  EXPECT_EQ(render_queue_list(parse("[]")), "no messages\n");
}

TEST(Render, status_names_what_an_operator_must_not_forget) {
  EXPECT_THAT(render_status(parse(R"({"suspended":2,"spool":{"set_aside":1}})")),
              HasSubstr("suspended     destinations: 2; see fulmar suspended\n"
                        "set aside     records: 1; see fulmar queue quarantine\n"));
  EXPECT_THAT(render_status(parse(R"({"suspended":0,"spool":{"set_aside":0}})")),
              Not(HasSubstr("see fulmar")));
}

TEST(Render, queue_list_shows_what_an_operator_keeps_waiting) {
  const std::string text = render_queue_list(parse(R"([{"id":"01JD0000000000000010","recipients":[
        {"address":"a@b.example","state":"held","next_attempt":"2026-11-21T23:39:00.000Z"},
        {"address":"b@b.example","state":"queued","next_attempt":"2026-11-21T23:39:00.000Z",
         "suspended_until":"2026-11-22T01:00:00.000Z"},
        {"address":"c@b.example","state":"queued","next_attempt":"2026-11-21T23:39:00.000Z",
         "suspended_until":null}]}])"));
  EXPECT_THAT(text, HasSubstr("  held  "));
  EXPECT_THAT(text, HasSubstr("  suspended until 2026-11-22 01:00:00  "));
  EXPECT_THAT(text, HasSubstr("  2026-11-21 23:39:00  "));
}

TEST(Render, changes) {
  EXPECT_EQ(render_changed(parse(R"({"changed":3})")), "3 deliveries changed\n");
  EXPECT_EQ(render_changed(parse(R"({"changed":3,"running":0})")), "3 deliveries changed\n");
  EXPECT_EQ(render_changed(parse(R"({"changed":3,"running":2})")),
            "3 deliveries changed\n2 left alone: they were being attempted\n");
}

TEST(Render, quarantine) {
  EXPECT_EQ(render_quarantine(parse(R"([{"key":"01JD0000000000000010 b.example",
      "reason":{"class":"corrupt","status":"5.3.0","detail":"record is cut off"}}])")),
            "RECORD                          WHY\n"
            "01JD0000000000000010 b.example  corrupt (5.3.0): record is cut off\n");
  EXPECT_EQ(render_quarantine(parse("[]")), "nothing was set aside\n");
}

TEST(Render, suspensions) {
  EXPECT_EQ(render_suspensions(parse(R"([{"domain":".b.example","since":"2026-11-21T23:09:00.000Z",
      "until":"2026-11-22T01:09:00.000Z","reason":"they\u001b[31m move"}])")),
            "DOMAIN      UNTIL (UTC)          SINCE (UTC)          REASON\n"
            ".b.example  2026-11-22 01:09:00  2026-11-21 23:09:00  they?[31m move\n");
  EXPECT_EQ(render_suspensions(parse("[]")), "nothing is suspended\n");
}

TEST(Render, explain_says_that_a_destination_is_suspended) {
  EXPECT_THAT(
      render_explain(parse(R"({"domain":"b.example","deliverable":true,"suspended":
      {"domain":".example","until":"2026-11-22T01:09:00.000Z","reason":"they move"}})")),
      HasSubstr("suspended by an operator until 2026-11-22 01:09:00 (.example): they move"));
  EXPECT_THAT(render_explain(parse(R"({"domain":"b.example","suspended":null})")),
              Not(HasSubstr("suspended")));
}

TEST(Render, queue_show) {
  EXPECT_EQ(
      render_queue_show(parse(R"({"id":"01JD0000000000000010","sender":"alice@a.example","size":900,
      "arrived":"2026-11-21T23:09:00.125Z","client":"app.example[192.0.2.9]","helo":"app","user":"shop","header":"Subject: x\r\n",
      "recipients":[{"address":"bob@b.example","domain":"b.example","state":"deferred","attempts":1,
        "next_attempt":"2026-11-21T23:39:00.000Z","host":"mx1.b.example[192.0.2.7]:25","reply":"450-not\n450 now",
        "reason":{"class":"remote-temporary","status":"4.2.0","detail":"450 not now"}}],
      "history":[{"at":"2026-11-21T23:09:01.000Z","destination":"b.example","decision":{"hosts":[
        {"host":"mx1.b.example","action":"use","level":"dane","reason":"TLSA records are usable","failure":null}]}}]})")),
      "id       01JD0000000000000010\n"
      "sender   alice@a.example\n"
      "arrived  2026-11-21 23:09:00 UTC\n"
      "size     900 B\n"
      "client   app.example[192.0.2.9]\n"
      "helo     app\n"
      "user     shop\n"
      "\n"
      "to bob@b.example\n"
      "  destination  b.example\n"
      "  state        deferred\n"
      "  attempts     1\n"
      "  next         2026-11-21 23:39:00\n"
      "  reason       remote-temporary (4.2.0): 450 not now\n"
      "  host         mx1.b.example[192.0.2.7]:25\n"
      "  reply\n"
      "    450-not\n"
      "    450 now\n"
      "\n"
      "attempt 2026-11-21 23:09:01  b.example\n"
      "  mx1.b.example  use  dane  TLSA records are usable\n"
      "\n"
      "header\n"
      "  Subject: x\n");
}

TEST(Render, policies) {
  const std::string policy =
      R"({"domain":"b.example","mode":"enforce","in_force":true,"id":"2026","failures":1,
      "last_error":"timeout","retry_at":"2026-11-22T00:00:00.000Z","fetched_at":"2026-11-21T00:00:00.000Z",
      "expires_at":"2026-11-28T00:00:00.000Z","refresh_at":"2026-11-22T00:00:00.000Z","mx":["mx1.b.example","*.b.example"],
      "text":"version: STSv1\r\nmode: enforce\r\n"})";
  EXPECT_EQ(render_policy_list(parse("[" + policy + "]")),
            "DOMAIN     MODE     IN FORCE  EXPIRES (UTC)        MX\n"
            "b.example  enforce  yes       2026-11-28 00:00:00  mx1.b.example, *.b.example\n");
  EXPECT_EQ(render_policy(parse(policy)),
            "domain        b.example\n"
            "mode          enforce\n"
            "in force      yes\n"
            "id            2026\n"
            "fetched       2026-11-21 00:00:00\n"
            "expires       2026-11-28 00:00:00\n"
            "next refresh  2026-11-22 00:00:00\n"
            "mx            mx1.b.example, *.b.example\n"
            "failures      1 since the last success, the latest: timeout\n"
            "next try      2026-11-22 00:00:00\n"
            "text\n"
            "  version: STSv1\n"
            "  mode: enforce\n");
}

TEST(Render, explain) {
  EXPECT_EQ(render_explain(parse(R"({"domain":"b.example","deliverable":false,"failure":null,
      "mx":{"security":"secure","implicit":false},
      "mta_sts":{"mode":"enforce","source":"cached","id":"2026","age_seconds":60,"mx":["mx1.b.example"],"text":"version: STSv1\n"},
      "hosts":[{"host":"mx1.b.example","preference":10,"addresses":["192.0.2.7"],
        "tlsa":{"status":"usable","base":"mx1.b.example","records":["3 1 1 abcd"]},
        "action":"use","level":"dane","rule":"usable-tlsa","reason":"TLSA records are usable","reference":"RFC 7672 2.2",
        "failure":null,"connect":{"address":"192.0.2.7:25","ok":false,"tls":"none",
          "failure":{"class":"dane-mismatch","status":"4.7.5","detail":"no match"},
          "certificate":{"subject":"CN=mx1","issuer":"CN=ca","names":["mx1.b.example"],
            "not_before":"2026-01-01T00:00:00.000Z","not_after":"2027-01-01T00:00:00.000Z"}}}],
      "queue":{"waiting":2,"next_attempt":"2026-11-21T23:39:00.000Z"}})")),
            "b.example: NOT deliverable now\n"
            "  MX: secure\n"
            "  MTA-STS     enforce, cached, id 2026, age 60 s\n"
            "  MTA-STS mx  mx1.b.example\n"
            "    version: STSv1\n"
            "\n"
            "host mx1.b.example (preference 10)\n"
            "  addresses    192.0.2.7\n"
            "  TLSA         usable at mx1.b.example\n"
            "               3 1 1 abcd\n"
            "  decision     use, level dane\n"
            "  because      TLSA records are usable [usable-tlsa, RFC 7672 2.2]\n"
            "  connect      192.0.2.7:25: FAILED, tls none\n"
            "               dane-mismatch (4.7.5): no match\n"
            "  certificate  CN=mx1, issued by CN=ca\n"
            "               names mx1.b.example\n"
            "               valid 2026-01-01 00:00:00 to 2027-01-01 00:00:00\n"
            "\n"
            "queue: 2 waiting, next attempt 2026-11-21 23:39:00\n");
}

TEST(Render, pitfall_75_nothing_reaches_the_terminal_that_it_would_obey) {
  const auto list =
      parse(R"([{"id":"x","sender":"a\u001b[2J@b","size":1,"arrived":"y","recipients":[
      {"address":"c\r\nd","attempts":0,"reason":{"class":"z","status":"4.0.0","detail":"\u0007\u009b1m"}}]}])");
  const std::string text = render_queue_list(list);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  EXPECT_THAT(text, Not(HasSubstr("\x07")));
  EXPECT_THAT(text, HasSubstr("??1m"));
}

TEST(Render, any_json_renders) {
  for (const std::string_view text :
       {"null", "1", "\"x\"", "[]", "{}", "[1,null,{}]", R"({"hosts":[1],"mx":3})"}) {
    const auto value = parse(text);
    for (auto* render : {render_status, render_queue_list, render_queue_show, render_changed,
                         render_policy_list, render_policy, render_explain}) {
      EXPECT_NE(render(value), "");
    }
  }
}

}  // namespace
}  // namespace fulmar::control
