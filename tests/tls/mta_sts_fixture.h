// The MTA-STS service over fakes.
#pragma once

#include "tls/mta_sts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <map>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_resolver.h"

namespace fulmar::tls {

namespace asio = boost::asio;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

inline Domain name(const std::string& text) {
  return Domain::parse(text).value();
}
inline const Domain kDomain = name("example.com");

inline std::string body(std::string_view mode, std::string_view mx = "mx.example.com",
                        seconds max_age = hours(24 * 7)) {
  return "version: STSv1\nmode: " + std::string(mode) + "\nmx: " + std::string(mx) +
         "\nmax_age: " + std::to_string(max_age.count()) + "\n";
}

/// TXT answers can be held back, and lookups made to throw.
class HeldResolver final : public resolver::FakeResolver {
 public:
  explicit HeldResolver(const asio::any_io_executor& executor)
      : gate_(executor, SteadyTime::max()) {}

  asio::awaitable<Result<resolver::Answer<resolver::TxtRecord>>> txt(Domain name) override {
    ++lookups;
    if (held) co_await gate_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (broken) throw std::runtime_error("broken resolver");
    auto answer = co_await FakeResolver::txt(std::move(name));
    co_return answer;
  }
  void release() {
    held = false;
    gate_.cancel();
  }

  std::atomic<int> lookups = 0;
  bool held = false;
  bool broken = false;

 private:
  asio::steady_timer gate_;
};

class FakeFetcher final : public PolicyFetcher {
 public:
  explicit FakeFetcher(const asio::any_io_executor& executor)
      : gate_(executor, SteadyTime::max()) {}

  asio::awaitable<Result<std::string>> fetch(Domain domain) override {
    ++fetches;
    asked.push_back(domain.str());
    if (held) co_await gate_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (broken) throw std::runtime_error("broken fetcher");
    co_return answer;
  }
  void release() {
    held = false;
    gate_.cancel();
  }

  int fetches = 0;
  std::vector<std::string> asked;
  bool held = false;
  bool broken = false;
  Result<std::string> answer = body("enforce");

 private:
  asio::steady_timer gate_;
};

class FakeStore final : public PolicyStore {
 public:
  explicit FakeStore(const asio::any_io_executor& executor) : gate_(executor, SteadyTime::max()) {}

  asio::awaitable<Result<>> save(StsCacheEntry entry) override {
    if (held) co_await gate_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (failing) co_return fail(Errc::store_failed, "disk on fire");
    Domain domain = entry.domain;
    stored.insert_or_assign(std::move(domain), std::move(entry));
    co_return Result<>{};
  }
  asio::awaitable<Result<>> remove(Domain domain) override {
    if (held) co_await gate_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (failing) co_return fail(Errc::store_failed, "disk on fire");
    stored.erase(domain);
    co_return Result<>{};
  }
  void release() {
    held = false;
    gate_.cancel();
  }
  [[nodiscard]] std::vector<StsCacheEntry> all() const {
    std::vector<StsCacheEntry> entries;
    for (const auto& [domain, entry] : stored)
      entries.push_back(entry);
    return entries;
  }

  bool failing = false;
  bool held = false;
  std::map<Domain, StsCacheEntry> stored;

 private:
  asio::steady_timer gate_;
};

class CaptureSink final : public LogSink {
 public:
  void write(LogLevel level, std::string_view message,
             const std::vector<LogField>& fields) override {
    const std::scoped_lock lock(mutex_);
    lines_.emplace_back(level, format_text_line(message, fields));
  }
  [[nodiscard]] std::vector<std::string> at(LogLevel level) const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> found;
    for (const auto& [its_level, line] : lines_) {
      if (its_level == level) found.push_back(line);
    }
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> lines_;
};

class MtaStsTest : public ::testing::Test {
 protected:
  MtaStsTest() : previous_(set_log_sink(log_)) {
    publish("1");
    start({});
  }
  ~MtaStsTest() override { set_log_sink(previous_); }

  void start(std::vector<StsCacheEntry> known) {
    service_ = make_mta_sts(
        {resolver_, fetcher_, store_, clock_, *random_, metrics_, troubles_, memory_octets_},
        config_, io_.get_executor(), std::move(known));
  }
  /// As after a stop and start of the program: only what the store holds is known.
  void restart() { start(store_.all()); }

  void publish(const char* id) {
    resolver_.forget("_mta-sts.example.com");
    resolver_.add_txt("_mta-sts.example.com", std::string("v=STSv1; id=") + id + ";");
  }
  void unpublish() { resolver_.forget("_mta-sts.example.com"); }

  template <class T>
  T run(asio::awaitable<T> work) {
    auto result = asio::co_spawn(io_, std::move(work), asio::use_future);
    io_.restart();
    io_.run();
    return result.get();
  }
  /// Lets what is ready happen, but waits for no timer.
  void settle() {
    io_.restart();
    io_.poll();
  }
  template <class T>
  std::future<T> begin(asio::awaitable<T> work) {
    auto result = asio::co_spawn(io_, std::move(work), asio::use_future);
    settle();
    return result;
  }
  void expect_memory_equals_disk() {
    EXPECT_THAT(service_->list(), ::testing::UnorderedElementsAreArray(store_.all()));
  }
  StsCacheEntry known(const std::string& domain, StsMode mode, UtcTime expires_at) {
    StsCacheEntry entry;
    entry.domain = name(domain);
    entry.policy = StsPolicy{mode, hours(24), {{name("mx." + domain), false}}};
    entry.policy_id = "1";
    entry.fetched_at = expires_at - hours(24);
    entry.refresh_at = expires_at - hours(12);
    entry.expires_at = expires_at;
    store_.stored.insert_or_assign(entry.domain, entry);
    return entry;
  }
  StsLookup lookup() { return run(service_->lookup(kDomain)); }
  StsLookup recheck() { return run(service_->recheck(kDomain)); }

  void expect_mode(const StsLookup& got, StsMode mode, StsLookup::Source source) {
    ASSERT_TRUE(got.policy);
    EXPECT_EQ(got.policy->mode, mode);
    EXPECT_EQ(got.source, source);
  }

  std::shared_ptr<CaptureSink> log_ = std::make_shared<CaptureSink>();
  std::shared_ptr<LogSink> previous_;
  asio::io_context io_;
  HeldResolver resolver_{io_.get_executor()};
  FakeFetcher fetcher_{io_.get_executor()};
  FakeStore store_{io_.get_executor()};
  fakes::FakeClock clock_;
  std::unique_ptr<Random> random_ = make_seeded_random(7);
  Metrics metrics_;
  Troubles troubles_{clock_};
  conf::MtaSts config_;
  std::size_t memory_octets_ = 64UL * 1024 * 1024;
  std::unique_ptr<MtaSts> service_;
};

using Source = StsLookup::Source;

}  // namespace fulmar::tls
