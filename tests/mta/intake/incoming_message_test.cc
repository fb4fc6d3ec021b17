// What becomes of a message: stored as it came, or nothing of it left.
#include "tests/mta/intake/intake_fixture.h"

namespace fulmar::intake {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(IntakeTest, SMTP_29_message_is_stored_byte_by_byte_with_Received_on_top) {
  start();
  SmtpClient client = in_data();
  const std::string body = "Subject: x\r\nTo: y\r\n\r\nline\r\n.dot\r\n";
  const std::string said = client.say("Subject: x\r\nTo: y\r\n\r\nline\r\n..dot\r\n.\r\n");
  ASSERT_EQ(queued(), 1U);
  const auto& [message, deliveries] = queued_.at(0);
  EXPECT_EQ(said, "250 2.0.0 queued as " + message.id.str() + "\r\n");
  const std::string stored = store_.body(message.id);
  EXPECT_THAT(
      stored,
      StartsWith(
          "Received: from client.example ([127.0.0.1])\r\n\tby relay.example with ESMTP id " +
          message.id.str() + "\r\n\tfor <c@d.example>;\r\n"));
  EXPECT_THAT(stored, EndsWith("+0000\r\n" + body));
  EXPECT_EQ(store_.messages(), std::vector<queue::Message>{message});
  EXPECT_EQ(store_.deliveries(), deliveries);
  EXPECT_EQ(message.size, stored.size());
  EXPECT_EQ(message.header, stored.substr(0, stored.find("\r\n\r\n") + 2));
  EXPECT_EQ(message.client, "localhost[127.0.0.1]");
  EXPECT_EQ(message.helo, "client.example");
  EXPECT_EQ(message.chunks, 1U);
  EXPECT_EQ(metrics_.messages_accepted.value(), 1U);
  EXPECT_EQ(
      log_.count(message.id.str() + ": client=localhost[127.0.0.1], from=<a@b.example>, size=" +
                 std::to_string(stored.size()) + ", nrcpt=1 (queued)"),
      1U);
  EXPECT_THAT(client.say("QUIT\r\n"), StartsWith("221 2.0.0"));
  EXPECT_TRUE(client.is_closed());
}

TEST_F(IntakeTest, EAI_02_SMTPUTF8_that_is_not_needed_is_forgotten) {
  start();
  struct Row {
    std::string sender;
    std::string recipient;
    std::string content;
    bool needed;
  };
  const std::string u = "\xC3\xBC";
  const Row rows[] = {
      {"a@b.example", "c@d.example", "Subject: x\r\n\r\nx\r\n", false},
      {"a@b.example", "c@d.example", "Subject: x\r\n\r\n" + u + "\r\n", false},
      {"a@b" + u + ".example", "c@d.example", "x\r\n", false},
      {"a@b.example", "c@d.example", "Subject: " + u + "\r\n\r\nx\r\n", true},
      {u + "@b.example", "c@d.example", "x\r\n", true},
      {"a@b.example", u + "@d.example", "x\r\n", true},
  };
  for (const Row& row : rows) {
    SmtpClient client = greeted();
    client.say("MAIL FROM:<" + row.sender + "> SMTPUTF8\r\n");
    client.say("RCPT TO:<" + row.recipient + ">\r\n");
    client.say("DATA\r\n");
    ASSERT_THAT(client.say(row.content + ".\r\n"), StartsWith("250 "));
    EXPECT_EQ(queued_.back().first.smtputf8, row.needed) << row.sender << row.content;
  }
}

TEST_F(IntakeTest, one_delivery_for_each_domain) {
  start();
  SmtpClient client = greeted();
  client.say("MAIL FROM:<>\r\n");
  for (const char* to : {"1@a.example", "2@b.example", "3@A.example", "4@[192.0.2.1]"}) {
    EXPECT_THAT(client.say("RCPT TO:<" + std::string(to) + ">\r\n"), StartsWith("250"));
  }
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("x\r\n.\r\n"), StartsWith("250"));
  const auto& [message, deliveries] = queued_.at(0);
  EXPECT_FALSE(message.sender.has_value());
  EXPECT_THAT(store_.body(message.id), Not(HasSubstr("for <")));
  std::vector<std::pair<std::string, std::size_t>> shape;
  for (const queue::Delivery& each : deliveries) {
    shape.emplace_back(to_string(each.destination), each.recipients.size());
    EXPECT_EQ(each.next_attempt, message.arrived);
    EXPECT_EQ(each.attempts, 0U);
  }
  EXPECT_EQ(shape, (std::vector<std::pair<std::string, std::size_t>>{
                       {"a.example", 2}, {"b.example", 1}, {"[192.0.2.1]", 1}}));
  EXPECT_EQ(deliveries.at(0).recipients.at(1).address.text, "3@A.example");
}

TEST_F(IntakeTest, REQ_03_TLS_Required_No_is_kept_with_the_message_that_says_it) {
  start();
  SmtpClient client = in_data();
  EXPECT_THAT(client.say("TLS-Required: No\r\n\r\nx\r\n.\r\n"), StartsWith("250"));
  client.say("MAIL FROM:<a@b.example>\r\n");
  client.say("RCPT TO:<c@d.example>\r\n");
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("x\r\n.\r\n"), StartsWith("250"));
  ASSERT_EQ(queued(), 2U);
  const queue::Message& message = queued_.at(0).first;
  EXPECT_TRUE(message.tls_optional);
  EXPECT_FALSE(message.requiretls);
  EXPECT_THAT(store_.body(message.id), EndsWith("\r\nTLS-Required: No\r\n\r\nx\r\n"))
      << "the field stays";
  EXPECT_FALSE(queued_.at(1).first.tls_optional);
}

TEST_F(IntakeTest, REQ_03_TLS_Required_No_is_only_content_when_the_settings_say_so) {
  settings_.requiretls.honor_tls_required_no = false;
  start();
  SmtpClient client = in_data();
  EXPECT_THAT(client.say("TLS-Required: No\r\n\r\nx\r\n.\r\n"), StartsWith("250"));
  const queue::Message& message = queued_.at(0).first;
  EXPECT_FALSE(message.tls_optional);
  EXPECT_THAT(store_.body(message.id), EndsWith("\r\nTLS-Required: No\r\n\r\nx\r\n"));
}

/// Three chunks and a bit.
std::string long_body() {
  std::string body;
  while (body.size() < 3 * queue::kChunkSize)
    body += std::string(70, 'x') + "\r\n";
  return body;
}

TEST_F(IntakeTest, a_body_of_moderate_size_goes_into_the_spool_in_one_go) {
  start();
  const std::string body = long_body();
  SmtpClient client = in_data();
  client.send(body);
  EXPECT_THAT(client.say(".\r\n"), StartsWith("250"));
  const queue::Message& message = queued_.at(0).first;
  EXPECT_THAT(store_.body(message.id), EndsWith("\r\n" + body));
  EXPECT_EQ(message.chunks, 4U);
  EXPECT_EQ(store_.commits(), 1U);
  EXPECT_EQ(store_.chunks_appended(), 0U);
  ASSERT_TRUE(bodies_.at(0));
  std::string kept;
  for (const std::string& chunk : *bodies_.at(0))
    kept += chunk;
  EXPECT_EQ(kept, store_.body(message.id));
  EXPECT_EQ(memory_.used(), kept.size()) << "its part of the budget";
  bodies_.clear();
  EXPECT_EQ(memory_.used(), 0U) << "nobody holds it any more";
}

TEST_F(IntakeTest, pitfall_93_where_memory_is_short_long_bodies_are_cut_into_full_chunks) {
  ASSERT_TRUE(others_.grow_to(kMemory));
  start();
  const std::string body = long_body();
  SmtpClient client = in_data();
  EXPECT_THAT(client.say(body + ".\r\n"), StartsWith("250"));
  const queue::Message& message = queued_.at(0).first;
  EXPECT_THAT(store_.body(message.id), EndsWith("\r\n" + body));
  EXPECT_EQ(message.chunks, 4U);
  EXPECT_EQ(store_.row_count(queue::Column::bodies), 4U);
  EXPECT_EQ(store_.row_count(queue::Column::meta), 0U) << "no body is left open";
  EXPECT_EQ(store_.commits(), 1U);
  EXPECT_EQ(store_.chunks_appended(), 3U);
  EXPECT_EQ(bodies_.at(0), nullptr) << "it is to be read";
}

TEST_F(IntakeTest, pitfall_87_commit_failure_is_451_and_nothing_is_queued) {
  start();
  SmtpClient client = in_data();
  store_.fail_next_commit(Errc::store_failed);
  EXPECT_EQ(client.say(std::string(100'000, 'x') + "\r\n.\r\n"),
            "550 5.6.0 line over 65536 octets in message\r\n");
  client.say("MAIL FROM:<a@b.example>\r\n");
  client.say("RCPT TO:<c@d.example>\r\n");
  client.say("DATA\r\n");
  EXPECT_EQ(client.say("x\r\n.\r\n"), "451 4.3.0 cannot take mail now; try again later\r\n");
  EXPECT_EQ(queued(), 0U);
  EXPECT_EQ(metrics_.messages_accepted.value(), 0U);
  EXPECT_EQ(metrics_.messages_rejected.value(), 2U);
  EXPECT_TRUE(store_.messages().empty());
  EXPECT_EQ(log_.count("message not stored"), 1U);
  EXPECT_THAT(client.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("250")) << "the next one tries";
}

TEST_F(IntakeTest, chunk_that_cannot_be_stored) {
  ASSERT_TRUE(others_.grow_to(kMemory));
  start();
  SmtpClient client = in_data();
  store_.fail_writes(Errc::store_full);
  std::string body;
  while (body.size() < 3 * queue::kChunkSize)
    body += std::string(70, 'x') + "\r\n";
  EXPECT_EQ(client.say(body + ".\r\n"), "452 4.3.1 insufficient storage; try again later\r\n");
  EXPECT_EQ(log_.count("message not stored"), 1U);
  EXPECT_EQ(queued(), 0U);
}

TEST_F(IntakeTest, refused_message_leaves_no_body_behind) {
  ASSERT_TRUE(others_.grow_to(kMemory));
  start();
  SmtpClient client = in_data();
  std::string body;
  while (body.size() <= settings_.limits.message_size)
    body += std::string(70, 'x') + "\r\n";
  EXPECT_THAT(client.say(body + ".\r\n"), StartsWith("552 5.3.4 "));
  EXPECT_EQ(store_.row_count(queue::Column::bodies), 0U);
  EXPECT_EQ(store_.row_count(queue::Column::meta), 0U);
  EXPECT_EQ(log_.count("message refused"), 1U);
}

TEST_F(IntakeTest, client_that_vanishes_in_DATA_leaves_no_body_behind) {
  ASSERT_TRUE(others_.grow_to(kMemory));
  start();
  {
    SmtpClient client = in_data();
    std::string body;
    while (body.size() < 3 * queue::kChunkSize)
      body += std::string(70, 'x') + "\r\n";
    client.send(body);
  }
  stop(5s);
  EXPECT_EQ(queued(), 0U);
  EXPECT_EQ(store_.row_count(queue::Column::bodies), 0U);
  EXPECT_EQ(store_.row_count(queue::Column::meta), 0U);
  EXPECT_EQ(log_.count("client session ended client=localhost[127.0.0.1]"), 1U);
  EXPECT_EQ(metrics_.sessions_open.value(), 0);
}

TEST_F(IntakeTest, pitfall_88_full_spool_is_452_at_MAIL) {
  start();
  SmtpClient client = greeted();
  store_.set_free_space(settings_.limits.spool_reserve - 1);
  EXPECT_THAT(client.say("MAIL FROM:<a@b.example>\r\n"),
              StartsWith("452 4.3.1 insufficient storage"));
  store_.set_free_space(settings_.limits.spool_reserve);
  EXPECT_THAT(client.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("250"));
}

TEST_F(IntakeTest, pitfall_93_above_the_high_water_mark_MAIL_is_421) {
  start();
  SmtpClient client = greeted();
  resident_ = 1001;
  EXPECT_EQ(client.say("MAIL FROM:<a@b.example>\r\n"),
            "421 4.3.2 relay.example busy; try again later\r\n");
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(log_.count("too much memory is in use"), 1U);
}

TEST_F(IntakeTest, silent_client_in_DATA) {
  settings_.command_timeout = 50ms;
  start();
  SmtpClient client = in_data();
  EXPECT_THAT(client.reply(), StartsWith("421 4.4.2 "));
  EXPECT_TRUE(client.is_closed());
  stop(5s);
  EXPECT_EQ(queued(), 0U);
}

}  // namespace
}  // namespace fulmar::intake
