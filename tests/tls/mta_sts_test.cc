// The MTA-STS service over fakes: what is fetched when, what is kept, what is said.
#include "tls/mta_sts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
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
namespace {

namespace asio = boost::asio;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Domain name(const std::string& text) {
  return Domain::parse(text).value();
}
const Domain kDomain = name("example.com");

std::string body(std::string_view mode, std::string_view mx = "mx.example.com",
                 seconds max_age = hours(24 * 7)) {
  return "version: STSv1\nmode: " + std::string(mode) + "\nmx: " + std::string(mx) +
         "\nmax_age: " + std::to_string(max_age.count()) + "\n";
}

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
    service_ =
        make_mta_sts({resolver_, fetcher_, store_, clock_, *random_, metrics_, memory_octets_},
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
  resolver::FakeResolver resolver_;
  FakeFetcher fetcher_{io_.get_executor()};
  FakeStore store_{io_.get_executor()};
  fakes::FakeClock clock_;
  std::unique_ptr<Random> random_ = make_seeded_random(7);
  Metrics metrics_;
  conf::MtaSts config_;
  std::size_t memory_octets_ = 64UL * 1024 * 1024;
  std::unique_ptr<MtaSts> service_;
};

using Source = StsLookup::Source;

TEST_F(MtaStsTest, a_first_lookup_fetches_and_keeps) {
  const StsLookup first = lookup();
  expect_mode(first, StsMode::enforce, Source::fetched);
  EXPECT_EQ(first.live_id, "1");
  EXPECT_FALSE(first.trouble);
  EXPECT_EQ(first.entry.policy_text, body("enforce"));
  expect_mode(lookup(), StsMode::enforce, Source::cached);
  EXPECT_EQ(fetcher_.fetches, 1);
  EXPECT_EQ(metrics_.policy_fetches.value(), 1U);
  EXPECT_THAT(store_.stored, SizeIs(1));
  EXPECT_EQ(service_->find(kDomain), store_.stored.at(kDomain));
  EXPECT_THAT(service_->list(), SizeIs(1));
}

TEST_F(MtaStsTest, without_record_nothing_is_fetched) {
  unpublish();
  const StsLookup got = lookup();
  EXPECT_FALSE(got.policy);
  EXPECT_EQ(got.source, Source::none);
  EXPECT_FALSE(got.trouble);
  EXPECT_EQ(fetcher_.fetches, 0);
  EXPECT_THAT(store_.stored, IsEmpty());
}

TEST_F(MtaStsTest, pitfall_7_a_failed_TXT_lookup_with_nothing_known_is_no_policy_but_trouble) {
  resolver_.fail("_mta-sts.example.com", resolver::FakeResolver::Type::txt, Errc::dns_servfail);
  const StsLookup got = lookup();
  EXPECT_FALSE(got.policy);
  ASSERT_TRUE(got.trouble);
  EXPECT_EQ(got.trouble->code, Errc::dns_servfail);
  EXPECT_EQ(fetcher_.fetches, 0);
}

TEST_F(MtaStsTest, pitfall_1_two_records_are_no_live_record) {
  resolver_.add_txt("_mta-sts.example.com", "v=STSv1; id=2;");
  const StsLookup got = lookup();
  EXPECT_FALSE(got.policy);
  ASSERT_TRUE(got.trouble);
  EXPECT_EQ(got.trouble->code, Errc::syntax);
  EXPECT_EQ(fetcher_.fetches, 0);
}

TEST_F(MtaStsTest, switched_off_it_asks_nothing) {
  config_.enabled = false;
  start({});
  EXPECT_FALSE(lookup().policy);
  EXPECT_FALSE(recheck().policy);
  EXPECT_THAT(resolver_.queries(), IsEmpty());
  EXPECT_EQ(fetcher_.fetches, 0);
}

TEST_F(MtaStsTest, a_domain_too_long_for_the_prefix_has_no_policy) {
  const std::string label(60, 'a');
  const Domain longest = name(label + '.' + label + '.' + label + '.' + label + ".abcdefg");
  EXPECT_FALSE(run(service_->lookup(longest)).policy);
  EXPECT_THAT(resolver_.queries(), IsEmpty());
}

TEST_F(MtaStsTest, STS_42_pitfall_13_a_thousand_lookups_are_one_fetch) {
  fetcher_.held = true;
  std::vector<std::future<StsLookup>> waiting;
  for (int i = 0; i < 1000; ++i) {
    waiting.push_back(asio::co_spawn(io_, service_->lookup(kDomain), asio::use_future));
  }
  io_.poll();
  EXPECT_EQ(fetcher_.fetches, 1);
  fetcher_.release();
  io_.restart();
  io_.run();
  for (auto& one : waiting)
    expect_mode(one.get(), StsMode::enforce, Source::fetched);
  EXPECT_EQ(fetcher_.fetches, 1);
}

TEST_F(MtaStsTest, a_caller_that_saw_a_newer_id_starts_one_more_fetch) {
  fetcher_.held = true;
  auto first = asio::co_spawn(io_, service_->lookup(kDomain), asio::use_future);
  io_.poll();
  publish("2");
  auto second = asio::co_spawn(io_, service_->lookup(kDomain), asio::use_future);
  io_.restart();
  io_.poll();
  EXPECT_EQ(fetcher_.fetches, 1);
  fetcher_.release();
  io_.restart();
  io_.run();
  EXPECT_EQ(first.get().entry.policy_id, "1");
  EXPECT_EQ(second.get().entry.policy_id, "2");
  EXPECT_EQ(fetcher_.fetches, 2);
}

TEST_F(MtaStsTest, STS_25_a_failed_first_fetch_is_no_policy) {
  fetcher_.answer = fail(Errc::io, "HTTP status 503");
  const StsLookup got = lookup();
  EXPECT_FALSE(got.policy);
  ASSERT_TRUE(got.trouble);
  EXPECT_EQ(got.trouble->detail, "HTTP status 503");
  EXPECT_EQ(metrics_.policy_fetch_failures.value(), 1U);
  EXPECT_THAT(log_->at(LogLevel::warn), SizeIs(1));
}

TEST_F(MtaStsTest, STS_18_pitfall_12_five_hundred_messages_and_two_restarts_are_one_fetch) {
  fetcher_.answer = fail(Errc::io, "HTTP status 503");
  for (int i = 0; i < 500; ++i) {
    EXPECT_FALSE(lookup().policy);
    clock_.advance(std::chrono::milliseconds(120));
    if (i == 100 || i == 300) restart();
  }
  EXPECT_EQ(fetcher_.fetches, 1);
  EXPECT_THAT(log_->at(LogLevel::warn), SizeIs(1));
  clock_.advance(minutes(6));
  lookup();
  EXPECT_EQ(fetcher_.fetches, 2);
}

TEST_F(MtaStsTest, STS_26_a_new_id_with_a_failing_fetch_keeps_the_old_policy) {
  lookup();
  publish("2");
  fetcher_.answer = fail(Errc::sts_certificate, "certificate has expired");
  const StsLookup got = lookup();
  expect_mode(got, StsMode::enforce, Source::cached);
  ASSERT_TRUE(got.trouble);
  EXPECT_EQ(got.trouble->code, Errc::sts_certificate);
  EXPECT_EQ(got.entry.policy_id, "1");
  EXPECT_EQ(got.entry.failed_id, "2");
}

TEST_F(MtaStsTest, STS_26_a_new_id_with_garbage_keeps_the_old_policy) {
  lookup();
  publish("2");
  fetcher_.answer = "<html>";
  const StsLookup got = lookup();
  expect_mode(got, StsMode::enforce, Source::cached);
  ASSERT_TRUE(got.trouble);
  EXPECT_EQ(got.trouble->code, Errc::syntax);
}

TEST_F(MtaStsTest, STS_09_pitfall_20_a_record_that_is_gone_keeps_the_policy_until_it_expires) {
  lookup();
  unpublish();
  fetcher_.answer = fail(Errc::io, "gone");
  restart();
  expect_mode(lookup(), StsMode::enforce, Source::cached);
  resolver_.fail("_mta-sts.example.com", resolver::FakeResolver::Type::txt, Errc::dns_bogus);
  expect_mode(lookup(), StsMode::enforce, Source::cached);
  clock_.advance(hours(24 * 7) - seconds(1));
  expect_mode(lookup(), StsMode::enforce, Source::cached);
  clock_.advance(seconds(1));
  EXPECT_FALSE(lookup().policy);
}

TEST_F(MtaStsTest, STS_24_an_unchanged_id_does_not_extend_the_life) {
  lookup();
  fetcher_.answer = fail(Errc::io, "down");
  for (int day = 0; day < 7; ++day) {
    expect_mode(lookup(), StsMode::enforce, Source::cached);
    clock_.advance(hours(24));
  }
  EXPECT_FALSE(lookup().policy);
}

TEST_F(MtaStsTest, STS_08_pitfall_18_a_new_id_is_fetched_at_once) {
  lookup();
  publish("0");
  fetcher_.answer = body("enforce", "new.example.com");
  const StsLookup got = lookup();
  expect_mode(got, StsMode::enforce, Source::fetched);
  EXPECT_TRUE(matches(*got.policy, name("new.example.com")));
  EXPECT_EQ(metrics_.protection_lost.value(), 0U);
}

TEST_F(MtaStsTest, STS_36_pitfall_21_mode_none_replaces_enforce_at_once_and_is_a_warning) {
  lookup();
  publish("2");
  fetcher_.answer = "version: STSv1\nmode: none\nmax_age: 86400\n";
  expect_mode(lookup(), StsMode::none, Source::fetched);
  EXPECT_EQ(metrics_.protection_lost.value(), 1U);
  ASSERT_THAT(log_->at(LogLevel::warn), SizeIs(1));
  EXPECT_THAT(log_->at(LogLevel::warn).front(), HasSubstr("protection lost"));
}

TEST_F(MtaStsTest, STS_28_no_alarm_when_the_refresh_of_mode_none_fails) {
  fetcher_.answer = "version: STSv1\nmode: none\nmax_age: 8640000\n";
  lookup();
  clock_.advance(hours(27));
  fetcher_.answer = fail(Errc::io, "gone");
  expect_mode(lookup(), StsMode::none, Source::cached);
  EXPECT_EQ(fetcher_.fetches, 2);
  EXPECT_THAT(log_->at(LogLevel::warn), IsEmpty());
}

TEST_F(MtaStsTest, STS_23_max_age_0_is_used_now_and_not_kept) {
  fetcher_.answer = body("enforce", "mx.example.com", seconds(0));
  expect_mode(lookup(), StsMode::enforce, Source::fetched);
  unpublish();
  EXPECT_FALSE(lookup().policy);
}

TEST_F(MtaStsTest, pitfall_19_recheck_fetches_whatever_the_id_but_once_per_interval) {
  lookup();
  fetcher_.answer = body("enforce", "new.example.com");
  expect_mode(recheck(), StsMode::enforce, Source::fetched);
  EXPECT_EQ(fetcher_.fetches, 2);
  expect_mode(recheck(), StsMode::enforce, Source::cached);
  restart();
  expect_mode(recheck(), StsMode::enforce, Source::cached);
  EXPECT_EQ(fetcher_.fetches, 2);
  clock_.advance(config_.recheck_interval);
  expect_mode(recheck(), StsMode::enforce, Source::fetched);
  EXPECT_EQ(fetcher_.fetches, 3);
}

TEST_F(MtaStsTest, a_failed_recheck_counts_and_keeps_the_policy) {
  lookup();
  fetcher_.answer = fail(Errc::io, "down");
  expect_mode(recheck(), StsMode::enforce, Source::cached);
  expect_mode(recheck(), StsMode::enforce, Source::cached);
  EXPECT_EQ(fetcher_.fetches, 2);
}

TEST_F(MtaStsTest, a_recheck_beyond_the_limit_still_follows_a_new_id) {
  lookup();
  recheck();
  publish("2");
  recheck();
  EXPECT_EQ(fetcher_.fetches, 3);
}

TEST_F(MtaStsTest, a_recheck_of_a_domain_without_policy_fetches_nothing) {
  unpublish();
  EXPECT_FALSE(recheck().policy);
  EXPECT_EQ(fetcher_.fetches, 0);
}

TEST_F(MtaStsTest, an_operators_refresh_ignores_back_off) {
  fetcher_.answer = fail(Errc::io, "down");
  lookup();
  fetcher_.answer = body("testing");
  expect_mode(run(service_->refresh(kDomain)), StsMode::testing, Source::fetched);
}

TEST_F(MtaStsTest, forget_leaves_nothing) {
  EXPECT_EQ(run(service_->forget(kDomain)).error().code, Errc::not_found);
  lookup();
  EXPECT_TRUE(run(service_->forget(kDomain)));
  EXPECT_FALSE(service_->find(kDomain));
  EXPECT_THAT(store_.stored, IsEmpty());
}

TEST_F(MtaStsTest, a_store_that_fails_does_not_lower_protection) {
  store_.failing = true;
  expect_mode(lookup(), StsMode::enforce, Source::fetched);
  expect_mode(lookup(), StsMode::enforce, Source::cached);
  EXPECT_EQ(metrics_.store_errors.value(), 1U);
  EXPECT_THAT(log_->at(LogLevel::error), SizeIs(1));
}

TEST_F(MtaStsTest, a_fetcher_that_throws_is_trouble_and_keeps_nobody_waiting) {
  fetcher_.broken = true;
  const StsLookup got = lookup();
  ASSERT_TRUE(got.trouble);
  EXPECT_EQ(got.trouble->code, Errc::internal);
  EXPECT_THAT(log_->at(LogLevel::error), SizeIs(1));
}

TEST_F(MtaStsTest, STS_27_the_refresher_renews_without_mail_and_without_record) {
  lookup();
  unpublish();
  clock_.advance(hours(27));
  asio::co_spawn(io_, service_->run_refresher(), asio::detached);
  io_.restart();
  io_.poll();
  EXPECT_EQ(fetcher_.fetches, 2);
  EXPECT_EQ(service_->find(kDomain)->fetched_at, clock_.utc_now());
  service_->stop();
  io_.run();
}

TEST_F(MtaStsTest, the_refresher_tells_of_a_policy_that_expired_and_forgets_it_a_day_later) {
  lookup();
  unpublish();
  fetcher_.answer = fail(Errc::io, "down");
  clock_.advance(hours(24 * 7));
  asio::co_spawn(io_, service_->run_refresher(), asio::detached);
  io_.restart();
  io_.poll();
  EXPECT_EQ(metrics_.protection_lost.value(), 1U);
  EXPECT_TRUE(service_->find(kDomain));
  service_->stop();
  io_.run();

  clock_.advance(hours(25));
  restart();
  asio::co_spawn(io_, service_->run_refresher(), asio::detached);
  io_.restart();
  io_.poll();
  EXPECT_FALSE(service_->find(kDomain));
  EXPECT_THAT(store_.stored, IsEmpty());
  service_->stop();
  io_.run();
}

TEST_F(MtaStsTest, after_stop_lookups_answer_from_the_cache_alone) {
  lookup();
  const auto asked = resolver_.queries().size();
  publish("2");
  service_->stop();
  expect_mode(lookup(), StsMode::enforce, Source::cached);
  EXPECT_EQ(resolver_.queries().size(), asked);
  EXPECT_EQ(fetcher_.fetches, 1);
}

TEST_F(MtaStsTest, stop_lets_waiting_lookups_go) {
  fetcher_.held = true;
  auto waiting = asio::co_spawn(io_, service_->lookup(kDomain), asio::use_future);
  io_.poll();
  service_->stop();
  io_.restart();
  io_.poll();
  const StsLookup got = waiting.get();
  ASSERT_TRUE(got.trouble);
  EXPECT_EQ(got.trouble->code, Errc::cancelled);
  fetcher_.release();
  io_.restart();
  io_.run();
}

// ---- one domain's changes come one after the other ----

TEST_F(MtaStsTest, redteam_10a_the_refresher_spares_a_policy_that_was_fetched_meanwhile) {
  const StsCacheEntry old = known("example.com", StsMode::enforce, clock_.utc_now() - hours(48));
  start({old});
  store_.held = true;
  auto mail = begin(service_->lookup(kDomain));  // fetched, on its way to the disk
  asio::co_spawn(io_, service_->run_refresher(), asio::detached);
  settle();
  EXPECT_TRUE(service_->find(kDomain));
  store_.release();
  settle();
  expect_mode(mail.get(), StsMode::enforce, Source::fetched);
  ASSERT_TRUE(service_->find(kDomain));
  EXPECT_TRUE(is_in_force(*service_->find(kDomain), clock_.utc_now()));
  expect_memory_equals_disk();
  service_->stop();
  io_.run();
}

TEST_F(MtaStsTest, redteam_10a_mail_that_meets_a_removal_waits_and_fetches) {
  const StsCacheEntry old = known("example.com", StsMode::enforce, clock_.utc_now() - hours(48));
  start({old});
  store_.held = true;
  asio::co_spawn(io_, service_->run_refresher(), asio::detached);
  settle();
  EXPECT_FALSE(service_->find(kDomain));
  auto mail = begin(service_->lookup(kDomain));
  EXPECT_EQ(fetcher_.fetches, 0);
  store_.release();
  settle();
  expect_mode(mail.get(), StsMode::enforce, Source::fetched);
  EXPECT_TRUE(service_->find(kDomain));
  expect_memory_equals_disk();
  service_->stop();
  io_.run();
}

TEST_F(MtaStsTest, redteam_10b_forget_waits_for_a_save_on_its_way) {
  store_.held = true;
  auto mail = begin(service_->lookup(kDomain));
  auto forgotten = begin(service_->forget(kDomain));
  EXPECT_EQ(forgotten.wait_for(seconds(0)), std::future_status::timeout);
  store_.release();
  io_.restart();
  io_.run();
  expect_mode(mail.get(), StsMode::enforce, Source::fetched);
  EXPECT_TRUE(forgotten.get());
  EXPECT_FALSE(service_->find(kDomain));
  expect_memory_equals_disk();
}

TEST_F(MtaStsTest, redteam_10_what_the_disk_does_not_forget_is_not_forgotten) {
  lookup();
  store_.failing = true;
  const auto forgotten = run(service_->forget(kDomain));
  ASSERT_FALSE(forgotten);
  EXPECT_EQ(forgotten.error().code, Errc::store_failed);
  EXPECT_TRUE(service_->find(kDomain));
  expect_memory_equals_disk();
}

// ---- hostile policy hosts ----

TEST_F(MtaStsTest, redteam_18_refreshes_run_eight_at_a_time_and_the_first_to_end_goes_first) {
  std::vector<StsCacheEntry> entries;
  for (int i = 0; i < 12; ++i) {
    const std::string domain = "d" + std::to_string(i) + ".example";
    entries.push_back(known(domain, StsMode::enforce, clock_.utc_now() + minutes(100 - i)));
  }
  start(entries);
  fetcher_.held = true;
  asio::co_spawn(io_, service_->run_refresher(), asio::detached);
  settle();
  EXPECT_THAT(fetcher_.asked,
              ::testing::ElementsAre("d11.example", "d10.example", "d9.example", "d8.example",
                                     "d7.example", "d6.example", "d5.example", "d4.example"));
  fetcher_.release();
  settle();
  EXPECT_EQ(fetcher_.fetches, 12);
  service_->stop();
  io_.run();
}

// ---- the budget ----

TEST_F(MtaStsTest, redteam_21_an_enforced_policy_takes_the_room_of_what_is_worth_less) {
  const UtcTime soon = clock_.utc_now() + hours(20);
  const StsCacheEntry enforced = known("a.example", StsMode::enforce, soon);
  const StsCacheEntry testing = known("b.example", StsMode::testing, soon);
  memory_octets_ = 3000;
  start({enforced, testing});
  expect_mode(lookup(), StsMode::enforce, Source::fetched);
  settle();
  EXPECT_TRUE(service_->find(enforced.domain));
  EXPECT_FALSE(service_->find(testing.domain));
  EXPECT_TRUE(service_->find(kDomain));
  expect_memory_equals_disk();
}

TEST_F(MtaStsTest, redteam_21_without_room_a_policy_is_used_unremembered_and_warned_of_hourly) {
  const UtcTime soon = clock_.utc_now() + hours(20);
  memory_octets_ = 3000;
  start({known("a.example", StsMode::enforce, soon), known("b.example", StsMode::enforce, soon)});
  expect_mode(lookup(), StsMode::enforce, Source::fetched);
  expect_mode(lookup(), StsMode::enforce, Source::fetched);
  EXPECT_FALSE(service_->find(kDomain));
  EXPECT_THAT(service_->list(), SizeIs(2));
  expect_memory_equals_disk();
  EXPECT_THAT(log_->at(LogLevel::warn), SizeIs(1));
  clock_.advance(hours(1));
  lookup();
  EXPECT_THAT(log_->at(LogLevel::warn), SizeIs(2));
}

TEST_F(MtaStsTest, redteam_21_policies_on_their_way_to_the_disk_count) {
  memory_octets_ = 2000;
  start({});
  resolver_.add_txt("_mta-sts.other.example", "v=STSv1; id=1");
  store_.held = true;
  auto one = begin(service_->lookup(kDomain));
  auto other = begin(service_->lookup(name("other.example")));
  store_.release();
  io_.restart();
  io_.run();
  expect_mode(one.get(), StsMode::enforce, Source::fetched);
  expect_mode(other.get(), StsMode::enforce, Source::fetched);
  EXPECT_THAT(service_->list(), SizeIs(1));
  expect_memory_equals_disk();
}

TEST_F(MtaStsTest, redteam_1_a_second_fetch_that_fails_keeps_what_the_first_one_got) {
  fetcher_.answer = body("enforce", "mx.example.com", seconds(0));
  store_.held = true;
  auto first = begin(service_->lookup(kDomain));  // joined below, with a newer id
  publish("2");
  auto second = begin(service_->lookup(kDomain));
  fetcher_.answer = fail(Errc::io, "down");
  store_.release();
  io_.restart();
  io_.run();
  const StsLookup got = second.get();
  expect_mode(got, StsMode::enforce, Source::fetched);
  EXPECT_EQ(got.trouble->detail, "down");
  EXPECT_EQ(fetcher_.fetches, 2);
}

asio::awaitable<int> count_resumptions_elsewhere(MtaSts& service, int lookups) {
  const auto home = std::this_thread::get_id();
  int elsewhere = 0;
  for (int i = 0; i < lookups; ++i) {
    const StsLookup got = co_await service.lookup(name("d" + std::to_string(i % 5) + ".example"));
    if (std::this_thread::get_id() != home || !got.policy) ++elsewhere;
  }
  co_return elsewhere;
}

TEST_F(MtaStsTest, callers_on_other_threads_come_back_to_their_own) {
  for (int i = 0; i < 5; ++i) {
    resolver_.add_txt("_mta-sts.d" + std::to_string(i) + ".example", "v=STSv1; id=1");
  }
  auto work = asio::make_work_guard(io_);
  std::thread own([this] { io_.run(); });
  std::vector<std::thread> callers;
  std::atomic<int> elsewhere = 0;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([this, &elsewhere] {
      asio::io_context io;
      auto result =
          asio::co_spawn(io, count_resumptions_elsewhere(*service_, 50), asio::use_future);
      io.run();
      elsewhere += result.get();
    });
  }
  for (std::thread& caller : callers)
    caller.join();
  EXPECT_THAT(service_->list(), SizeIs(5));
  work.reset();
  own.join();
  EXPECT_EQ(elsewhere, 0);
  EXPECT_EQ(fetcher_.fetches, 5);
}

}  // namespace
}  // namespace fulmar::tls
