// Clients as they come and go: limits, deadlines, TLS, the end of the program.
#include "mta/intake/acceptor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "tests/fakes/test_ca.h"
#include "tests/mta/intake/intake_fixture.h"

namespace fulmar::intake {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(IntakeTest, client_outside_the_relay_networks) {
  settings_.listen.at(0).relay_networks = {Network::parse("192.0.2.0/24").value()};
  start();
  SmtpClient client = greeted();
  client.say("MAIL FROM:<a@b.example>\r\n");
  EXPECT_THAT(client.say("RCPT TO:<c@d.example>\r\n"), StartsWith("550 5.7.1 "));
}

TEST_F(IntakeTest, connection_limits) {
  settings_.limits.connections_per_client = 2;
  start();
  SmtpClient first = greeted();
  {
    SmtpClient second = greeted();
    SmtpClient third = connect();
    EXPECT_EQ(third.reply(), "421 4.7.0 relay.example too many connections from your address\r\n");
    EXPECT_TRUE(third.is_closed());
    EXPECT_EQ(metrics_.sessions_refused.value(), 1U);
    second.say("QUIT\r\n");
    EXPECT_TRUE(second.is_closed());
  }
  // The place is free once the session's coroutine has ended, a moment after its socket.
  std::string greeting;
  for (int i = 0; i < 1000 && !greeting.starts_with("220"); ++i)
    greeting = connect().reply();
  EXPECT_THAT(greeting, StartsWith("220"));
}

TEST_F(IntakeTest, total_limit) {
  settings_.limits.connections = 1;
  start();
  SmtpClient first = greeted();
  EXPECT_EQ(connect().reply(), "421 4.3.2 relay.example too many connections\r\n");
}

TEST_F(IntakeTest, SMU_04_last_words_reach_a_client_that_talks_on) {
  start();
  SmtpClient client = connect();
  client.reply();
  client.send("EHLO c\r\nMAIL FROM:<a@b.example>\r\n" + std::string(100'000, 'x'));
  EXPECT_THAT(client.reply(), StartsWith("554 5.5.0 "));
}

TEST_F(IntakeTest, SMTP_02_silent_client_hears_421) {
  settings_.command_timeout = 50ms;
  start();
  SmtpClient client = greeted();
  EXPECT_EQ(client.reply(), "421 4.4.2 relay.example nothing came in time\r\n");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(IntakeTest, stop_lets_messages_in_DATA_finish) {
  start();
  SmtpClient idle = greeted();
  SmtpClient sending = in_data();
  auto stopped = begin_stop(5s);
  EXPECT_EQ(idle.reply(), "421 4.3.2 relay.example shutting down\r\n");
  EXPECT_TRUE(idle.is_closed());
  const std::string said = sending.say("x\r\n.\r\n");
  EXPECT_THAT(said, StartsWith("250 2.0.0 queued as "));
  EXPECT_THAT(said.substr(said.find('\n') + 1) + sending.rest(), StartsWith("421 4.3.2 "));
  stopped.get();
  EXPECT_EQ(queued(), 1U);
  EXPECT_TRUE(SmtpClient::is_refused(intake_->endpoints().at(0)));
}

TEST_F(IntakeTest, stop_cuts_off_after_the_grace) {
  start();
  SmtpClient sending = in_data();
  stop(10ms);
  EXPECT_TRUE(sending.is_closed());
  EXPECT_EQ(queued(), 0U);
  EXPECT_EQ(log_.count("did not end"), 0U);
}

TEST_F(IntakeTest, address_in_use_is_named) {
  start();
  const Endpoint taken = intake_->endpoints().at(0);
  IntakeSettings settings = settings_;
  settings.listen = {listen_on(taken.str())};
  Intake other({.store = store_,
                .memory = memory_,
                .memory_mark = memory_mark_,
                .clock = clock_,
                .random = *random_,
                .metrics = metrics_,
                .next_executor = [this] { return threads_[0].context.get_executor(); },
                .queued = [](const AcceptedMessage&, const boost::asio::any_io_executor&) {}},
               settings);
  const auto opened = other.listen();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Errc::io);
  EXPECT_THAT(opened.error().detail, HasSubstr(taken.str()));
  EXPECT_THAT(opened.error().detail, HasSubstr("in use"));
}

TEST_F(IntakeTest, pitfall_89_accepting_survives_want_of_descriptors) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan itself needs descriptors to look at an object's type";
#endif
  ASSERT_TRUE(open().has_value());
  SmtpClient client = connect();  // waits in the backlog
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  const int lowest_free = dup(STDIN_FILENO);
  close(lowest_free);
  none.rlim_cur = static_cast<rlim_t>(lowest_free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  run();
  EXPECT_FALSE(client.has_octets_within(300ms));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(client.reply(), StartsWith("220 "));
  EXPECT_EQ(log_.count("cannot accept connections"), 1U) << "tried several times, said once";
}

class TlsIntakeTest : public IntakeTest {
 protected:
  TlsIntakeTest() {
    folder_ = testing::TempDir() + "intake_tls_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    const fakes::Identity leaf =
        fakes::make_self_signed({.common_name = "relay.example", .dns_names = {"relay.example"}});
    fakes::write_pem(folder_ + "/cert.pem", leaf.certificate_pem());
    fakes::write_pem(folder_ + "/key.pem", leaf.key_pem());
    conf::Listen& listen = settings_.listen.at(0);
    listen.certificate = folder_ + "/cert.pem";
    listen.private_key = folder_ + "/key.pem";
  }
  ~TlsIntakeTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(TlsIntakeTest, STL_01_starttls) {
  settings_.listen.at(0).tls = conf::ListenTls::starttls;
  start();
  SmtpClient client = greeted();
  EXPECT_EQ(client.say("STARTTLS\r\n"), "220 2.0.0 ready to start TLS\r\n");
  client.start_tls();
  EXPECT_THAT(client.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("503 "));
  EXPECT_THAT(client.say("EHLO client.example\r\n"), Not(HasSubstr("STARTTLS")));
  client.say("MAIL FROM:<a@b.example>\r\n");
  client.say("RCPT TO:<c@d.example>\r\n");
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("x\r\n.\r\n"), StartsWith("250 2.0.0"));
  EXPECT_THAT(store_.body(queued_.at(0).first.id), HasSubstr(" with ESMTPS id "));
}

TEST_F(TlsIntakeTest, REQ_01_REQ_02_REQUIRETLS_stays_with_the_message_whatever_its_header_says) {
  settings_.listen.at(0).tls = conf::ListenTls::starttls;
  start();
  SmtpClient client = greeted();
  EXPECT_THAT(client.say("MAIL FROM:<a@b.example> REQUIRETLS\r\n"), StartsWith("555 5.5.4 "));
  client.say("STARTTLS\r\n");
  client.start_tls();
  EXPECT_THAT(client.say("EHLO client.example\r\n"), HasSubstr("250-REQUIRETLS\r\n"));
  EXPECT_THAT(client.say("MAIL FROM:<a@b.example> REQUIRETLS\r\n"), StartsWith("250 2.1.0"));
  client.say("RCPT TO:<c@d.example>\r\n");
  client.say("RCPT TO:<e@f.example>\r\n");
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("TLS-Required: No\r\n\r\nx\r\n.\r\n"), StartsWith("250 2.0.0"));
  const auto& [message, deliveries] = queued_.at(0);
  EXPECT_TRUE(message.requiretls);
  EXPECT_FALSE(message.tls_optional) << "REQ-03: REQUIRETLS wins";
  EXPECT_THAT(store_.body(message.id), HasSubstr("\r\nTLS-Required: No\r\n\r\nx\r\n"));
  EXPECT_EQ(deliveries.size(), 2U);
  EXPECT_EQ(store_.messages(), std::vector<queue::Message>{message})
      << "one record for both copies";
}

TEST_F(TlsIntakeTest, REQUIRETLS_that_is_switched_off) {
  settings_.listen.at(0).tls = conf::ListenTls::implicit;
  settings_.requiretls.enabled = false;
  start();
  SmtpClient client = connect();
  client.start_tls();
  EXPECT_THAT(client.reply(), StartsWith("220 "));
  EXPECT_THAT(client.say("EHLO client.example\r\n"), Not(HasSubstr("REQUIRETLS")));
  EXPECT_THAT(client.say("MAIL FROM:<a@b.example> REQUIRETLS\r\n"), StartsWith("555 5.5.4 "));
}

TEST_F(TlsIntakeTest, pitfall_79_plaintext_behind_STARTTLS) {
  settings_.listen.at(0).tls = conf::ListenTls::starttls;
  start();
  SmtpClient client = greeted();
  client.send("STARTTLS\r\nMAIL FROM:<x@y.example>\r\n");
  EXPECT_THAT(client.reply(), StartsWith("554 5.5.0 "));
  EXPECT_EQ(client.rest(), "");
}

TEST_F(TlsIntakeTest, implicit_tls_with_stop_while_idle) {
  settings_.listen.at(0).tls = conf::ListenTls::implicit;
  start();
  SmtpClient client = connect();
  client.start_tls();
  EXPECT_THAT(client.reply(), StartsWith("220 "));
  auto stopped = begin_stop(5s);
  EXPECT_THAT(client.reply(), StartsWith("421 4.3.2 "));
  stopped.get();
}

TEST_F(TlsIntakeTest, certificate_that_cannot_be_read) {
  settings_.listen.at(0).tls = conf::ListenTls::starttls;
  settings_.listen.at(0).certificate = folder_ + "/missing.pem";
  const auto opened = open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().detail, HasSubstr("listener 127.0.0.1:0: "));
  EXPECT_THAT(opened.error().detail, HasSubstr("missing.pem"));
}

}  // namespace
}  // namespace fulmar::intake
