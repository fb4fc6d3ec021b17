// The whole intake over loopback: a client in clear or under TLS, a store in memory.
#include "mta/intake/acceptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>
#include <thread>

#include "tests/fakes/mem_store.h"
#include "tests/fakes/test_ca.h"
#include "tests/mta/intake/log_lines.h"
#include "tests/mta/intake/smtp_client.h"

namespace fulmar::intake {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

conf::Listen listen_on(std::string_view address) {
  conf::Listen listen;
  listen.address = Endpoint::parse(address).value();
  listen.relay_networks = {Network::parse("127.0.0.0/8").value()};
  return listen;
}

class IntakeTest : public ::testing::Test {
 protected:
  IntakeTest() {
    settings_.hostname = Domain::parse("relay.example").value();
    settings_.state_dir = "/var/lib/fulmar";
    settings_.listen = {listen_on("127.0.0.1:0")};
    settings_.limits.message_size = 1'000'000;
  }
  ~IntakeTest() override {
    stop(0ms);
    for (Thread& each : threads_)
      each.work.reset();
  }

  Result<> open() {
    intake_ = std::make_unique<Intake>(
        IntakeParts{.store = store_,
                    .clock = clock_,
                    .random = *random_,
                    .metrics = metrics_,
                    .next_executor = [this] { return threads_[0].context.get_executor(); },
                    .queued =
                        [this](queue::Message message, std::vector<queue::Delivery> deliveries) {
                          const std::lock_guard lock(mutex_);
                          queued_.emplace_back(std::move(message), std::move(deliveries));
                        }},
        settings_);
    return intake_->listen();
  }
  void start() {
    ASSERT_TRUE(open().has_value());
    run();
  }
  void run() {
    intake_->start();
    for (Thread& each : threads_)
      each.thread = std::jthread([&each] { each.context.run(); });
  }
  /// From then on the intake is idle.
  void stop(std::chrono::milliseconds grace) {
    if (intake_ && threads_[0].thread.joinable()) begin_stop(grace).get();
  }
  std::future<void> begin_stop(std::chrono::milliseconds grace) {
    return asio::co_spawn(threads_[0].context, intake_->stop(grace), asio::use_future);
  }
  [[nodiscard]] SmtpClient connect() const { return SmtpClient(intake_->endpoints().at(0)); }
  /// A client that has said EHLO.
  [[nodiscard]] SmtpClient greeted() const {
    SmtpClient client = connect();
    EXPECT_THAT(client.reply(), StartsWith("220 relay.example "));
    EXPECT_THAT(client.say("EHLO client.example\r\n"), StartsWith("250-relay.example\r\n"));
    return client;
  }
  [[nodiscard]] SmtpClient in_data() const {
    SmtpClient client = greeted();
    EXPECT_THAT(client.say("MAIL FROM:<a@b.example>\r\n"), StartsWith("250 2.1.0"));
    EXPECT_THAT(client.say("RCPT TO:<c@d.example>\r\n"), StartsWith("250 2.1.5"));
    EXPECT_THAT(client.say("DATA\r\n"), StartsWith("354 "));
    return client;
  }
  [[nodiscard]] std::size_t queued() const {
    const std::lock_guard lock(mutex_);
    return queued_.size();
  }

  fakes::MemStore store_;
  SystemClock clock_;
  std::unique_ptr<Random> random_ = make_seeded_random(1);
  Metrics metrics_;
  LogLines log_;
  IntakeSettings settings_;
  mutable std::mutex mutex_;
  std::vector<std::pair<queue::Message, std::vector<queue::Delivery>>> queued_;
  struct Thread {
    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::jthread thread;
  };
  std::array<Thread, 2> threads_;
  std::atomic<unsigned> turn_{0};
  std::unique_ptr<Intake> intake_;
};

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
  EXPECT_THAT(stored, testing::EndsWith("+0000\r\n" + body));
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
  EXPECT_THAT(store_.body(message.id), testing::Not(HasSubstr("for <")));
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

TEST_F(IntakeTest, long_bodies_are_cut_into_full_chunks) {
  start();
  std::string body;
  while (body.size() < 3 * queue::kChunkSize)
    body += std::string(70, 'x') + "\r\n";
  SmtpClient client = in_data();
  EXPECT_THAT(client.say(body + ".\r\n"), StartsWith("250"));
  const queue::Message& message = queued_.at(0).first;
  EXPECT_THAT(store_.body(message.id), testing::EndsWith("\r\n" + body));
  EXPECT_EQ(message.chunks, 4U);
  EXPECT_EQ(store_.row_count(queue::Column::bodies), 4U);
  EXPECT_EQ(store_.row_count(queue::Column::meta), 0U) << "no body is left open";
  EXPECT_EQ(store_.commits(), 1U);
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

TEST_F(IntakeTest, silent_client_in_DATA) {
  settings_.command_timeout = 50ms;
  start();
  SmtpClient client = in_data();
  EXPECT_THAT(client.reply(), StartsWith("421 4.4.2 "));
  EXPECT_TRUE(client.is_closed());
  stop(5s);
  EXPECT_EQ(queued(), 0U);
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
                .clock = clock_,
                .random = *random_,
                .metrics = metrics_,
                .next_executor = [this] { return threads_[0].context.get_executor(); },
                .queued = [](queue::Message, std::vector<queue::Delivery>) {}},
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
  EXPECT_THAT(client.say("EHLO client.example\r\n"), testing::Not(HasSubstr("STARTTLS")));
  client.say("MAIL FROM:<a@b.example>\r\n");
  client.say("RCPT TO:<c@d.example>\r\n");
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("x\r\n.\r\n"), StartsWith("250 2.0.0"));
  EXPECT_THAT(store_.body(queued_.at(0).first.id), HasSubstr(" with ESMTPS id "));
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
