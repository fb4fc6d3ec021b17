#include "mta/control/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mta/app.h"

namespace fulmar::control {
namespace {

using Words = std::vector<std::string>;

TEST(Arguments, commands) {
  struct Case {
    Words words;
    Command want;
    std::string subject;
  };
  for (const Case& each :
       {Case{{"serve"}, Command::serve, ""},
        Case{{"check"}, Command::check, ""},
        Case{{"config", "--defaults"}, Command::config, ""},
        Case{{"explain", "b.example"}, Command::explain, "b.example"},
        Case{{"explain", "--connect", "a@b.example"}, Command::explain, "a@b.example"},
        Case{{"queue", "list"}, Command::queue_list, ""},
        Case{{"queue", "show", "X"}, Command::queue_show, "X"},
        Case{{"queue", "retry", "--all"}, Command::queue_retry, ""},
        Case{{"queue", "delete", "--all"}, Command::queue_delete, ""},
        Case{{"queue", "hold", "--all"}, Command::queue_hold, ""},
        Case{{"queue", "release", "--state", "held"}, Command::queue_release, ""},
        Case{{"queue", "bounce", "--all", "--reason", "x"}, Command::queue_bounce, ""},
        Case{{"queue", "quarantine"}, Command::queue_quarantine, ""},
        Case{{"suspend", ".b.example", "--for", "1h", "--reason", "x"},
             Command::suspend,
             ".b.example"},
        Case{{"resume", "b.example"}, Command::resume, "b.example"},
        Case{{"suspended"}, Command::suspended, ""},
        Case{{"policy", "list"}, Command::policy_list, ""},
        Case{{"policy", "show", "b.example"}, Command::policy_show, "b.example"},
        Case{{"policy", "refresh", "b.example"}, Command::policy_refresh, "b.example"},
        Case{{"policy", "forget", "b.example"}, Command::policy_forget, "b.example"},
        Case{{"status"}, Command::status, ""},
        Case{{"passwd", "shop"}, Command::passwd, "shop"},
        Case{{"notice", "list"}, Command::notice_list, ""},
        Case{{"notice", "preview", "null-mx"}, Command::notice_preview, "null-mx"}}) {
    const auto invocation = parse_arguments(each.words);
    ASSERT_TRUE(invocation) << each.words.back() << invocation.error().text;
    EXPECT_EQ(invocation->command, each.want);
    EXPECT_EQ(invocation->subject, each.subject);
    EXPECT_FALSE(invocation->json);
    EXPECT_EQ(invocation->config_file, std::nullopt);
  }
}

TEST(Arguments, passwd_has_a_method) {
  EXPECT_EQ(parse_arguments({"passwd", "shop"})->method, "yescrypt");
  EXPECT_EQ(parse_arguments({"passwd", "--method", "bcrypt", "shop"})->method, "bcrypt");
}

TEST(Arguments, a_preview_has_a_kind_a_language_and_a_form) {
  const auto usual = parse_arguments({"notice", "preview", "null-mx"});
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->kind, "");
  EXPECT_EQ(usual->language, "");
  EXPECT_FALSE(usual->html || usual->raw);
  const auto chosen =
      parse_arguments({"notice", "preview", "--kind", "cleared", "--lang", "de", "--html"});
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->kind, "cleared");
  EXPECT_EQ(chosen->language, "de");
  EXPECT_TRUE(chosen->html);
  EXPECT_TRUE(parse_arguments({"notice", "preview", "--raw"})->raw);
}

TEST(Arguments, common_options_stand_anywhere) {
  for (const Words& words : {Words{"--json", "--config", "f", "queue", "list"},
                             Words{"queue", "--json", "--config", "f", "list"},
                             Words{"queue", "list", "--json", "--config", "f"},
                             Words{"queue", "list", "--config=f", "--json"}}) {
    const auto invocation = parse_arguments(words);
    ASSERT_TRUE(invocation) << invocation.error().text;
    EXPECT_TRUE(invocation->json);
    EXPECT_EQ(invocation->config_file, "f");
    EXPECT_EQ(invocation->command, Command::queue_list);
  }
}

TEST(Arguments, filter) {
  const auto invocation =
      parse_arguments({"queue", "retry", "ID1", "-", "--id", "ID2", "--sender", "<>", "--recipient",
                       "a@b", "--domain", "b.example", "--older-than", "2h", "--state", "deferred",
                       "--reason", "dane-mismatch"});
  ASSERT_TRUE(invocation) << invocation.error().text;
  EXPECT_THAT(invocation->conditions,
              testing::UnorderedElementsAre(
                  Condition{"id", "ID1"}, Condition{"id", "-"}, Condition{"id", "ID2"},
                  Condition{"sender", "<>"}, Condition{"recipient", "a@b"},
                  Condition{"domain", "b.example"}, Condition{"older-than", "2h"},
                  Condition{"state", "deferred"}, Condition{"reason", "dane-mismatch"}));
}

TEST(Arguments, the_reason_of_a_delete_is_for_the_log) {
  const auto invocation = parse_arguments(
      {"queue", "delete", "--domain", "b.example", "--reason", "they asked for it"});
  ASSERT_TRUE(invocation) << invocation.error().text;
  EXPECT_EQ(invocation->reason, "they asked for it");
  EXPECT_THAT(invocation->conditions, testing::ElementsAre(Condition{"domain", "b.example"}));
}

TEST(Arguments, the_reason_of_a_bounce_is_for_the_sender) {
  const auto invocation =
      parse_arguments({"queue", "bounce", "ID1", "--reason", "we do not serve them"});
  ASSERT_TRUE(invocation) << invocation.error().text;
  EXPECT_EQ(invocation->reason, "we do not serve them");
  EXPECT_THAT(invocation->conditions, testing::ElementsAre(Condition{"id", "ID1"}));
}

TEST(Arguments, the_reason_of_a_hold_is_a_condition) {
  const auto invocation = parse_arguments({"queue", "hold", "--reason", "connect-failed"});
  ASSERT_TRUE(invocation) << invocation.error().text;
  EXPECT_THAT(invocation->conditions, testing::ElementsAre(Condition{"reason", "connect-failed"}));
}

TEST(Arguments, a_suspension_has_time_and_reason) {
  const auto invocation =
      parse_arguments({"suspend", "b.example", "--for", "1h", "--reason", "they move"});
  ASSERT_TRUE(invocation) << invocation.error().text;
  EXPECT_EQ(invocation->time, "1h");
  EXPECT_EQ(invocation->reason, "they move");
}

TEST(Arguments, what_makes_no_sense_is_a_usage_error) {
  for (const Words& words :
       {Words{}, Words{"dance"}, Words{"queue"}, Words{"queue", "hold"}, Words{"queue", "release"},
        Words{"queue", "bounce"}, Words{"queue", "bounce", "--all"},
        Words{"queue", "bounce", "--reason", "x"}, Words{"queue", "quarantine", "--all"},
        Words{"suspend"}, Words{"suspend", "b.example"},
        Words{"suspend", "b.example", "--for", "1h"},
        Words{"suspend", "b.example", "--reason", "x"}, Words{"resume"},
        Words{"suspended", "b.example"}, Words{"tlsrpt"}, Words{"top"}, Words{"reload"},
        Words{"stop"}, Words{"sendmail"}, Words{"passwd"}, Words{"notice"},
        Words{"notice", "preview", "null-mx", "--html", "--raw"}, Words{"queue", "show"},
        Words{"explain"}, Words{"explain", "a", "b"}, Words{"policy"}, Words{"policy", "show"},
        Words{"serve", "now"}, Words{"serve", "--fast"}, Words{"--config"},
        // A change without a condition must say that it means every message.
        Words{"queue", "retry"}, Words{"queue", "delete"},
        Words{"queue", "delete", "--reason", "spam"},
        Words{"queue", "delete", "--all", "--domain", "b.example"}}) {
    const auto invocation = parse_arguments(words);
    ASSERT_FALSE(invocation) << (words.empty() ? "" : words.back());
    EXPECT_EQ(invocation.error().exit_code, mta::kExitUsage);
    EXPECT_NE(invocation.error().text, "");
  }
}

TEST(Arguments, help_is_everywhere) {
  for (const Words& words :
       {Words{"--help"}, Words{"queue", "--help"}, Words{"queue", "delete", "--help"},
        Words{"explain", "-h"}, Words{"--version"}}) {
    const auto invocation = parse_arguments(words);
    ASSERT_FALSE(invocation);
    EXPECT_EQ(invocation.error().exit_code, mta::kExitDone);
    EXPECT_NE(invocation.error().text, "");
  }
}

}  // namespace
}  // namespace fulmar::control
