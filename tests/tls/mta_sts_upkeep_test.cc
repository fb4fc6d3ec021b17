// What happens without mail: refreshes, removal, memory, the end.
#include "tests/tls/mta_sts_fixture.h"

namespace fulmar::tls {
namespace {

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
  ASSERT_THAT(troubles_.list().named, SizeIs(1));
  EXPECT_THAT(troubles_.list().named[0].detail, HasSubstr("could not be renewed"));
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

}  // namespace
}  // namespace fulmar::tls
