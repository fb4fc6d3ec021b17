// Every notice as it goes out, one file a kind, class and language.
#include <gtest/gtest.h>

#include "mta/notice/samples.h"
#include "tests/mta/notice/golden.h"
#include "tests/mta/notice/sample_facts.h"

namespace fulmar::notice {
namespace {

void expect_both(const std::string& name, const NoticeFacts& facts) {
  for (const std::string language : {"en", "de"})
    expect_golden("notice-" + name + '.' + language + ".eml", compose(facts, language));
}

TEST(NoticeGolden, pitfall_104_failed_for_every_class) {
  for (const SampleClass& what : sample_classes())
    expect_both("failed-" + std::string(what.name), sample_facts(NoticeKind::failed, what));
}

TEST(NoticeGolden, pitfall_104_delayed_for_every_class_that_can_wait) {
  for (const SampleClass& what : sample_classes()) {
    if (!what.can_wait) continue;
    expect_both("delayed-" + std::string(what.name), sample_facts(NoticeKind::delayed, what));
  }
}

TEST(NoticeGolden, hosts_were_shown_something_without_protection) {
  for (const NoticeKind kind : {NoticeKind::failed, NoticeKind::delayed}) {
    NoticeFacts facts = sample_facts(kind, Errc::dane_mismatch);
    facts.recipients[0].exposure = queue::Exposure::envelope;
    expect_both(std::string(to_string(kind)) + "-envelope-shown", facts);
    facts.recipients[0].exposure = queue::Exposure::content;
    expect_both(std::string(to_string(kind)) + "-content-shown", facts);
  }
}

TEST(NoticeGolden, redteam_52_the_message_came_further_than_the_last_failure_tells) {
  for (const NoticeKind kind : {NoticeKind::failed, NoticeKind::delayed}) {
    NoticeFacts facts = sample_facts(kind, Errc::relay_auth);
    facts.recipients[0].given = {.latest = queue::Given::content};
    expect_both(std::string(to_string(kind)) + "-begun", facts);
    facts = sample_facts(kind, Errc::remote_temporary);
    facts.recipients[0].given = {.before = queue::Given::in_doubt};
    expect_both(std::string(to_string(kind)) + "-in-doubt", facts);
  }
}

TEST(NoticeGolden, several_recipients_with_addresses_and_content_in_other_scripts) {
  NoticeFacts facts = sample_facts(NoticeKind::failed, Errc::remote_permanent);
  facts.recipients.push_back(recipient(NoticeKind::failed, Errc::dane_mismatch));
  facts.recipients.back().address = mailbox("j\xC3\xBCrgen@b.example");
  facts.original.header += "X-Name: J\xC3\xBCrgen\r\n";
  expect_both("failed-utf8", facts);
}

TEST(NoticeGolden, with_content) {
  NoticeFacts facts = sample_facts(NoticeKind::failed, Errc::remote_permanent);
  facts.original_content = facts.original.header + "\r\nDear Bob,\r\n\r\nhere they are.\r\n";
  expect_both("failed-with-content", facts);
}

TEST(NoticeGolden, DSN_05_relayed) {
  NoticeFacts facts = sample_facts(NoticeKind::relayed);
  expect_both("relayed", facts);
  facts.recipients[0].exposure = queue::Exposure::envelope;
  expect_both("relayed-envelope-shown", facts);
  facts.recipients[0].exposure = queue::Exposure::content;
  expect_both("relayed-content-shown", facts);
}

TEST(NoticeGolden, cleared) {
  expect_both("cleared", sample_facts(NoticeKind::cleared));
}

TEST(NoticeGolden, DSN_16_one_notice_tells_of_several_ends) {
  NoticeFacts facts = sample_facts(NoticeKind::relayed);
  facts.recipients.push_back(recipient(NoticeKind::failed, Errc::remote_permanent));
  facts.recipients.back().address = mailbox("carol@c.example");
  facts.recipients.push_back(recipient(NoticeKind::delayed, Errc::sts_certificate));
  facts.recipients.back().address = mailbox("dave@d.example");
  facts.technical.push_back({.destination = "c.example", .lines = {"what was found there"}});
  expect_both("failed-and-others", facts);
}

TEST(NoticeGolden, DSN_12_and_13_what_the_sender_said_of_message_and_recipients) {
  NoticeFacts facts = sample_facts(NoticeKind::relayed);
  facts.original.envelope_id = "QQ+2B314159";
  facts.recipients[0].original_recipient = "rfc822;Bob+2Bfigures@old.example";
  facts.recipients.push_back(facts.recipients[0]);
  facts.recipients[1].address = mailbox("j\xC3\xBCrgen@b.example");
  facts.recipients[1].original_recipient = "utf-8;j\\x{FC}rgen@old.example";
  facts.recipients.push_back(recipient(NoticeKind::relayed, Errc::internal));
  facts.recipients[2].address = mailbox("carol@b.example");
  facts.recipients[2].host = "mx2.b.example[192.0.2.8]:25";
  expect_both("relayed-with-envelope-id", facts);
}

}  // namespace
}  // namespace fulmar::notice
