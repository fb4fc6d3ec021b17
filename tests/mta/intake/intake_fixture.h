// The whole intake over loopback: two network threads, a store in memory, clients in clear or under
// TLS.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "mta/intake/acceptor.h"
#include "tests/fakes/mem_store.h"
#include "tests/mta/intake/log_lines.h"
#include "tests/mta/intake/smtp_client.h"

namespace fulmar::intake {

inline conf::Listen listen_on(std::string_view address) {
  conf::Listen listen;
  listen.address = Endpoint::parse(address).value();
  listen.relay_networks = {Network::parse("127.0.0.0/8").value()};
  return listen;
}

class IntakeTest : public ::testing::Test {
 protected:
  IntakeTest() {
    settings_.hostname = Domain::parse("relay.example").value();
    settings_.state_dir = state_.string();
    std::filesystem::create_directories(state_);
    settings_.listen = {listen_on("127.0.0.1:0")};
    settings_.limits.message_size = 1'000'000;
  }
  ~IntakeTest() override {
    stop(std::chrono::milliseconds(0));
    for (Thread& each : threads_)
      each.work.reset();
    std::filesystem::remove_all(state_);
  }

  Result<> open() {
    intake_ = std::make_unique<Intake>(
        IntakeParts{.store = store_,
                    .memory = memory_,
                    .memory_mark = memory_mark_,
                    .clock = clock_,
                    .random = *random_,
                    .metrics = metrics_,
                    .next_executor = [this] { return threads_[0].context.get_executor(); },
                    .queued =
                        [this](AcceptedMessage accepted, const boost::asio::any_io_executor&) {
                          const std::lock_guard lock(mutex_);
                          bodies_.push_back(std::move(accepted.body));
                          queued_.emplace_back(std::move(accepted.message),
                                               std::move(accepted.deliveries));
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
  std::future<bool> begin_stop(std::chrono::milliseconds grace) {
    return boost::asio::co_spawn(threads_[0].context, intake_->stop(grace),
                                 boost::asio::use_future);
  }
  [[nodiscard]] SmtpClient connect() const { return SmtpClient(intake_->endpoints().at(0)); }
  /// A client that has said EHLO.
  [[nodiscard]] SmtpClient greeted() const {
    SmtpClient client = connect();
    EXPECT_THAT(client.reply(), testing::StartsWith("220 relay.example "));
    EXPECT_THAT(client.say("EHLO client.example\r\n"),
                testing::StartsWith("250-relay.example\r\n"));
    return client;
  }
  [[nodiscard]] SmtpClient in_data() const {
    SmtpClient client = greeted();
    EXPECT_THAT(client.say("MAIL FROM:<a@b.example>\r\n"), testing::StartsWith("250 2.1.0"));
    EXPECT_THAT(client.say("RCPT TO:<c@d.example>\r\n"), testing::StartsWith("250 2.1.5"));
    EXPECT_THAT(client.say("DATA\r\n"), testing::StartsWith("354 "));
    return client;
  }
  [[nodiscard]] std::size_t queued() const {
    const std::lock_guard lock(mutex_);
    return queued_.size();
  }

  static constexpr std::size_t kMemory = 1UL << 20;
  fakes::MemStore store_;
  Budget memory_{kMemory};
  Budget::Share others_{memory_};                                 // what other messages hold of it
  std::vector<std::shared_ptr<const queue::BodyChunks>> bodies_;  // as handed over with queued_
  SystemClock clock_;
  std::atomic<std::uint64_t> resident_{0};
  MemoryMark memory_mark_{
      1000, clock_, {.resident = [this] { return resident_.load(); }, .give_back = [] {}}};
  std::unique_ptr<Random> random_ = make_seeded_random(1);
  Metrics metrics_;
  LogLines log_;
  const std::filesystem::path state_ =
      std::filesystem::path(::testing::TempDir()) / ("fulmar-intake-" + std::to_string(::getpid()));
  IntakeSettings settings_;
  mutable std::mutex mutex_;
  std::vector<std::pair<queue::Message, std::vector<queue::Delivery>>> queued_;
  struct Thread {
    boost::asio::io_context context;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        context.get_executor()};
    std::jthread thread;
  };
  std::array<Thread, 2> threads_;
  std::atomic<unsigned> turn_{0};
  std::unique_ptr<Intake> intake_;
};

}  // namespace fulmar::intake
