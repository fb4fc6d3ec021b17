// A notice as a message of its own: what goes into the spool,
#include "mta/delivery/report_back.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/mem_store.h"
#include "tests/mta/delivery/run.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;
using notice::NoticeKind;
using ::testing::HasSubstr;
using ::testing::Not;

class ReportBackTest : public ::testing::Test {
 protected:
  ReportBackTest() {
    message_.id = MessageId::make(clock_.utc_now(), *random_);
    message_.sender = Mailbox::parse("me@a.example").value();
    message_.arrived = clock_.utc_now();
    message_.chunks = 2;
    message_.header = "Subject: to the harbour\r\n";
    const std::string content = "Subject: to the harbour\r\n\r\n";
    queue::Batch batch{queue::PutChunk{message_.id, 0, content + "first part, "},
                       queue::PutChunk{message_.id, 1, "second part\r\n"},
                       queue::PutMessage{message_}};
    EXPECT_TRUE(run(store_.commit(std::move(batch))).has_value());
    delivery_.message = message_.id;
    delivery_.destination = Domain::parse("b.example").value();
    delivery_.arrived = clock_.utc_now();
    delivery_.next_attempt = clock_.utc_now() + 5min;
    delivery_.attempts = 1;
  }

  static queue::Recipient recipient(const std::string& address) {
    return {.address = Mailbox::parse(address).value(),
            .last_failure = make_error(Errc::domain_not_found, "the domain does not exist")};
  }
  static queue::Recipient relayed(const std::string& address) {
    queue::Recipient result = recipient(address);
    result.last_host = "mx1.b.example[192.0.2.7]:25";
    result.last_reply = "250 ok";
    return result;
  }
  SpooledNotice make(NoticeKind kind, const queue::Recipient& recipient) {
    return make(kind, std::vector<queue::Recipient>{recipient});
  }
  SpooledNotice make(NoticeKind kind, const std::vector<queue::Recipient>& recipients) {
    ReportBack report_back(store_, clock_, *random_, settings_, notice::Texts::built_in());
    OwedNotice owed{.message = message_, .delivery = delivery_};
    for (const queue::Recipient& recipient : recipients)
      owed.words.push_back({.kind = kind, .recipient = recipient});
    owed.next_attempts = {delivery_.next_attempt};
    owed.give_up_at = delivery_.arrived + conf::Retry().give_up_after;
    owed.content = run(report_back.read_content(owed));
    return report_back.make({owed});
  }
  /// The notice's text, as it would stand in the spool.
  std::string spooled(const SpooledNotice& notice) {
    EXPECT_TRUE(run(store_.commit(queue::Batch(notice.operations))).has_value());
    return store_.body(notice.message.id);
  }

  fakes::FakeClock clock_;
  fakes::MemStore store_;
  std::unique_ptr<Random> random_ = make_seeded_random(5);
  ReportBackSettings settings_{.hostname = Domain::parse("relay.example").value(),
                               .postmaster = "postmaster@relay.example",
                               .notify = {}};
  queue::Message message_;
  queue::Delivery delivery_;
};

TEST_F(ReportBackTest, SMTP_14_the_notice_is_a_message_from_the_null_sender_to_the_sender) {
  const auto made = make(NoticeKind::failed, recipient("you@b.example"));
  EXPECT_FALSE(made.message.sender.has_value());
  EXPECT_NE(made.message.id, message_.id);
  EXPECT_EQ(made.message.about, message_.id);
  EXPECT_EQ(made.message.arrived, clock_.utc_now());
  EXPECT_EQ(made.delivery.message, made.message.id);
  EXPECT_EQ(made.delivery.destination, MailHost(Domain::parse("a.example").value()));
  ASSERT_EQ(made.delivery.recipients.size(), 1U);
  EXPECT_EQ(made.delivery.recipients.front().address.text, "me@a.example");
  EXPECT_EQ(made.delivery.next_attempt, clock_.utc_now());
  EXPECT_EQ(made.delivery.attempts, 0U);
  const std::string text = spooled(made);
  EXPECT_EQ(text.size(), made.message.size);
  EXPECT_TRUE(text.starts_with(made.message.header));
  EXPECT_THAT(made.message.header, HasSubstr("To: <me@a.example>\r\n"));
  EXPECT_THAT(made.message.header, Not(HasSubstr("\r\n\r\n")));
  EXPECT_EQ(store_.messages().size(), 2U);
  EXPECT_EQ(store_.deliveries().size(), 1U);
}

TEST_F(ReportBackTest, header_fields_are_returned_and_content_only_on_demand) {
  const auto headers = make(NoticeKind::failed, recipient("you@b.example"));
  const std::string without = spooled(headers);
  EXPECT_THAT(without, HasSubstr("Subject: to the harbour"));
  EXPECT_THAT(without, Not(HasSubstr("first part")));

  settings_.notify.return_content = conf::ReturnContent::full;
  const auto full = make(NoticeKind::failed, recipient("you@b.example"));
  EXPECT_THAT(spooled(full), HasSubstr("first part, second part"));
}

TEST_F(ReportBackTest, DSN_11_RET_goes_before_the_setting_and_REQUIRETLS_before_both) {
  using conf::ReturnContent;
  struct Case {
    const char* name;
    DsnReturn ret;
    ReturnContent setting;
    bool requiretls;
    bool want;
  };
  for (const Case& c : {
           Case{"HDRS against the setting", DsnReturn::headers, ReturnContent::full, false, false},
           Case{"FULL against the setting", DsnReturn::full, ReturnContent::headers, false, true},
           Case{"unstated, headers", DsnReturn::unstated, ReturnContent::headers, false, false},
           Case{"unstated, full", DsnReturn::unstated, ReturnContent::full, false, true},
           Case{"REQUIRETLS", DsnReturn::full, ReturnContent::full, true, false},
       }) {
    SCOPED_TRACE(c.name);
    message_.ret = c.ret;
    message_.requiretls = c.requiretls;
    settings_.notify.return_content = c.setting;
    const auto made = make(NoticeKind::failed, recipient("you@b.example"));
    EXPECT_EQ(spooled(made).find("first part") != std::string::npos, c.want);
    for (const NoticeKind kind : {NoticeKind::delayed, NoticeKind::relayed}) {
      const auto other = make(kind, relayed("you@b.example"));
      EXPECT_THAT(spooled(other), Not(HasSubstr("first part")));
    }
  }
}

TEST_F(ReportBackTest, DSN_09_nobody_is_to_be_told_of_a_notice) {
  message_.ret = DsnReturn::full;
  message_.envelope_id = "QQ314159";
  for (const NoticeKind kind : {NoticeKind::failed, NoticeKind::delayed, NoticeKind::relayed}) {
    const auto made = make(kind, relayed("you@b.example"));
    EXPECT_EQ(made.kind, notice::to_string(kind));
    EXPECT_EQ(made.delivery.recipients[0].notify, DsnNotify{.stated = true}) << "NEVER";
    EXPECT_EQ(made.delivery.recipients[0].original_recipient, "");
    EXPECT_EQ(made.message.ret, DsnReturn::unstated);
    EXPECT_EQ(made.message.envelope_id, "");
  }
}

TEST_F(ReportBackTest, DSN_12_and_13_what_the_sender_said_comes_back_in_the_notice) {
  message_.envelope_id = "QQ+2B314159";
  auto told = relayed("you@b.example");
  told.original_recipient = "rfc822;You+2Bme@old.example";
  const auto made = make(NoticeKind::relayed, told);
  const std::string text = spooled(made);
  EXPECT_THAT(text, HasSubstr("Action: relayed"));
  EXPECT_THAT(text, HasSubstr("Original-Envelope-Id: QQ+314159\r\n"));
  EXPECT_THAT(text, HasSubstr("Original-Recipient: rfc822; You+me@old.example\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("Will-Retry-Until")));
}

TEST_F(ReportBackTest, EAI_04_a_notice_needs_SMTPUTF8_where_its_recipient_does) {
  const auto plain = make(NoticeKind::failed, recipient("j\xC3\xBCrgen@b.example"));
  EXPECT_FALSE(plain.message.smtputf8);
  EXPECT_FALSE(plain.message.eight_bit);
  message_.sender = Mailbox::parse("j\xC3\xBCrgen@a.example").value();
  const auto made = make(NoticeKind::failed, recipient("you@b.example"));
  EXPECT_TRUE(made.message.smtputf8);
  EXPECT_TRUE(made.message.eight_bit);
}

TEST_F(ReportBackTest, REQ_10_a_notice_about_REQUIRETLS_demands_it_and_returns_no_content) {
  settings_.notify.return_content = conf::ReturnContent::full;
  message_.requiretls = true;
  for (const NoticeKind kind : {NoticeKind::failed, NoticeKind::delayed}) {
    const auto made = make(kind, recipient("you@b.example"));
    EXPECT_TRUE(made.message.requiretls);
    EXPECT_FALSE(made.message.tls_optional);
    const std::string text = spooled(made);
    EXPECT_THAT(text, HasSubstr("Content-Type: text/rfc822-headers"));
    EXPECT_THAT(text, HasSubstr("Subject: to the harbour"));
    EXPECT_THAT(text, Not(HasSubstr("first part")));
    EXPECT_THAT(text, Not(HasSubstr("TLS-Required")));
  }
}

TEST_F(ReportBackTest, REQ_12_a_notice_about_TLS_Required_No_says_so_too) {
  message_.tls_optional = true;
  const auto made = make(NoticeKind::failed, recipient("you@b.example"));
  EXPECT_TRUE(made.message.tls_optional);
  EXPECT_FALSE(made.message.requiretls);
  EXPECT_THAT(made.message.header, HasSubstr("\r\nTLS-Required: No\r\n"));

  message_.tls_optional = false;
  message_.header += "TLS-Required: No\r\n";
  const auto ignored = make(NoticeKind::failed, recipient("you@b.example"));
  EXPECT_FALSE(ignored.message.tls_optional);
  EXPECT_THAT(ignored.message.header, Not(HasSubstr("TLS-Required")));
}

TEST_F(ReportBackTest, content_that_cannot_be_read_costs_the_content_not_the_notice) {
  settings_.notify.return_content = conf::ReturnContent::full;
  ++message_.chunks;
  const intake::LogLines log;
  const auto made = make(NoticeKind::failed, recipient("you@b.example"));
  const std::string text = spooled(made);
  EXPECT_THAT(text, HasSubstr("Subject: to the harbour"));
  EXPECT_THAT(text, Not(HasSubstr("first part")));
  EXPECT_EQ(log.count("content for a notice cannot be read"), 1U);
}

TEST_F(ReportBackTest, no_more_content_is_returned_than_agreed) {
  settings_.notify.return_content = conf::ReturnContent::full;
  message_.chunks = 3;
  const std::string line(70, 'x');
  std::string chunk;
  while (chunk.size() + line.size() + 2 <= queue::kChunkSize)
    chunk += line + "\r\n";
  queue::Batch batch;
  for (const std::uint32_t index : {0U, 1U, 2U})
    batch.emplace_back(queue::PutChunk{message_.id, index, chunk});
  batch.emplace_back(queue::PutMessage{message_});
  ASSERT_TRUE(run(store_.commit(std::move(batch))).has_value());
  const auto made = make(NoticeKind::failed, recipient("you@b.example"));
  EXPECT_GT(made.message.size, notice::kMaxReturned / 2);
  EXPECT_LT(made.message.size, 2 * notice::kMaxReturned);
}

TEST_F(ReportBackTest, a_delay_says_what_comes_next_and_returns_no_content) {
  settings_.notify.return_content = conf::ReturnContent::full;
  const auto made = make(NoticeKind::delayed, recipient("you@b.example"));
  const std::string text = spooled(made);
  EXPECT_THAT(text, HasSubstr("Action: delayed"));
  EXPECT_THAT(text, HasSubstr("Will-Retry-Until: Thu, 26 Nov 2026 12:00:00 +0000"));
  EXPECT_THAT(text, Not(HasSubstr("first part")));
}

TEST_F(ReportBackTest, the_last_attempt_gives_time_and_technical_part) {
  delivery_.history = {{.at = clock_.utc_now() - 1h, .decision = R"({"domain":"old.example"})"},
                       {.at = clock_.utc_now() - 30min, .decision = R"({"domain":"b.example"})"}};
  const auto made = make(NoticeKind::failed, recipient("you@b.example"));
  const std::string text = spooled(made);
  EXPECT_THAT(text, HasSubstr("Last-Attempt-Date: Sat, 21 Nov 2026 11:30:00 +0000"));
  EXPECT_THAT(text, HasSubstr("Destination: b.example"));
  EXPECT_THAT(text, Not(HasSubstr("old.example")));
}

TEST_F(ReportBackTest, a_large_notice_is_cut_into_full_chunks) {
  std::vector<queue::Recipient> many;
  for (int i = 0; i < 1000; ++i)
    many.push_back(recipient("recipient-number-" + std::to_string(i) + "@b.example"));
  const auto made = make(NoticeKind::failed, many);
  ASSERT_GT(made.message.chunks, 1U);
  std::uint32_t chunks = 0;
  for (const queue::Operation& operation : made.operations) {
    const auto* chunk = std::get_if<queue::PutChunk>(&operation);
    if (chunk == nullptr) continue;
    EXPECT_EQ(chunk->index, chunks++);
    if (chunks < made.message.chunks) {
      EXPECT_EQ(chunk->bytes.size(), queue::kChunkSize);
    } else {
      EXPECT_FALSE(chunk->bytes.empty());
    }
  }
  EXPECT_EQ(chunks, made.message.chunks);
  const std::string text = spooled(made);
  EXPECT_EQ(text.size(), made.message.size);
  EXPECT_THAT(text, HasSubstr("recipient-number-0@b.example"));
  EXPECT_THAT(text, HasSubstr("recipient-number-999@b.example"));
}

TEST_F(ReportBackTest, pitfall_105_speaks_the_language_that_the_message_asks_for) {
  message_.header += "Accept-Language: fr, de-AT;q=0.9, en;q=0.2\r\n";
  const std::string notice = spooled(make(NoticeKind::failed, recipient("you@b.example")));
  EXPECT_THAT(notice, HasSubstr("Content-Language: de\r\n"));
  EXPECT_THAT(notice, HasSubstr("Ihre Nachricht an you@b.example wurde nicht zugestellt."));
}

TEST_F(ReportBackTest, pitfall_105_else_the_configured_language) {
  settings_.notify.language = "de";
  const std::string notice = spooled(make(NoticeKind::failed, recipient("you@b.example")));
  EXPECT_THAT(notice, HasSubstr("Content-Language: de\r\n"));
}

TEST_F(ReportBackTest, notices_have_the_words_that_were_given_last) {
  ReportBack report_back(store_, clock_, *random_, settings_, notice::Texts::built_in());
  const OwedNotice owed{
      .message = message_,
      .delivery = delivery_,
      .words = {{.kind = NoticeKind::failed, .recipient = recipient("you@b.example")}}};
  const auto texts = notice::Texts::with(
      {{.path = "en.toml", .tag = "en", .content = "[verdict]\nfailed = \"No: {recipients}.\"\n"}});
  ASSERT_TRUE(texts);
  report_back.use(*texts);
  EXPECT_THAT(spooled(report_back.make({owed})), HasSubstr("\r\nNo: you@b.example.\r\n"));
}

}  // namespace
}  // namespace fulmar::delivery
