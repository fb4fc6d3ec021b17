// What lookups for mail fetch, keep and answer.
#include "tests/tls/mta_sts_fixture.h"

namespace fulmar::tls {
namespace {

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

TEST_F(MtaStsTest, pitfall_7_one_warning_per_domain_and_hour) {
  resolver_.fail("_mta-sts.example.com", resolver::FakeResolver::Type::txt, Errc::dns_servfail);
  for (int i = 0; i < 3; ++i)
    lookup();
  EXPECT_THAT(log_->at(LogLevel::warn), SizeIs(1));
  clock_.advance(hours(1));
  lookup();
  EXPECT_THAT(log_->at(LogLevel::warn), SizeIs(2));
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

TEST_F(MtaStsTest, STS_42_a_thousand_lookups_are_one_TXT_lookup_and_one_fetch) {
  resolver_.held = true;
  fetcher_.held = true;
  std::vector<std::future<StsLookup>> waiting;
  for (int i = 0; i < 1000; ++i) {
    waiting.push_back(begin(service_->lookup(kDomain)));
  }
  EXPECT_EQ(resolver_.lookups, 1);
  EXPECT_EQ(fetcher_.fetches, 0);
  resolver_.release();
  settle();
  fetcher_.release();
  settle();
  for (auto& one : waiting)
    expect_mode(one.get(), StsMode::enforce, Source::fetched);
  EXPECT_EQ(resolver_.lookups, 1);
  EXPECT_EQ(fetcher_.fetches, 1);
}

TEST_F(MtaStsTest, STS_42_an_answered_TXT_lookup_serves_nobody_who_asks_later) {
  lookup();
  publish("2");
  EXPECT_EQ(lookup().live_id, "2");
  EXPECT_EQ(resolver_.lookups, 2);
}

TEST_F(MtaStsTest, STS_42_lookups_of_other_domains_do_not_wait) {
  resolver_.held = true;
  auto held = begin(service_->lookup(kDomain));
  resolver_.held = false;
  EXPECT_FALSE(begin(service_->lookup(name("other.example"))).get().policy);
  EXPECT_EQ(resolver_.lookups, 2);
  resolver_.release();
  settle();
  expect_mode(held.get(), StsMode::enforce, Source::fetched);
}

TEST_F(MtaStsTest, STS_42_all_who_wait_for_a_TXT_lookup_get_its_error) {
  resolver_.fail("_mta-sts.example.com", resolver::FakeResolver::Type::txt, Errc::dns_timeout);
  resolver_.held = true;
  auto first = begin(service_->lookup(kDomain));
  auto second = begin(service_->recheck(kDomain));
  resolver_.release();
  settle();
  EXPECT_EQ(first.get().trouble->code, Errc::dns_timeout);
  EXPECT_EQ(second.get().trouble->code, Errc::dns_timeout);
  EXPECT_EQ(resolver_.lookups, 1);
}

TEST_F(MtaStsTest, a_resolver_that_throws_is_trouble_and_keeps_nobody_waiting) {
  resolver_.held = true;
  resolver_.broken = true;
  auto first = begin(service_->lookup(kDomain));
  auto second = begin(service_->lookup(kDomain));
  resolver_.release();
  settle();
  EXPECT_EQ(first.get().trouble->code, Errc::internal);
  EXPECT_EQ(second.get().trouble->code, Errc::internal);
  EXPECT_THAT(log_->at(LogLevel::error), SizeIs(1));
  resolver_.broken = false;
  expect_mode(lookup(), StsMode::enforce, Source::fetched);
}

TEST_F(MtaStsTest, a_caller_that_gives_up_does_not_take_the_TXT_lookup_of_others_along) {
  resolver_.held = true;
  asio::cancellation_signal give_up;
  bool ended = false;
  asio::co_spawn(
      io_, service_->lookup(kDomain),
      asio::bind_cancellation_slot(
          give_up.slot(), [&ended](const std::exception_ptr&, const StsLookup&) { ended = true; }));
  settle();
  auto second = begin(service_->lookup(kDomain));
  give_up.emit(asio::cancellation_type::terminal);
  settle();
  EXPECT_TRUE(ended);
  resolver_.release();
  settle();
  expect_mode(second.get(), StsMode::enforce, Source::fetched);
  EXPECT_EQ(resolver_.lookups, 1);
}

TEST_F(MtaStsTest, stop_answers_those_who_wait_for_a_TXT_lookup_from_what_is_known) {
  lookup();
  resolver_.held = true;
  auto waiting = begin(service_->lookup(kDomain));
  service_->stop();
  settle();
  const StsLookup got = waiting.get();
  expect_mode(got, StsMode::enforce, Source::cached);
  EXPECT_EQ(got.trouble->code, Errc::cancelled);
  resolver_.release();
  settle();
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

TEST_F(MtaStsTest, redteam_14_a_fetch_that_is_not_tried_again_yet_is_trouble_and_not_an_absence) {
  fetcher_.answer = fail(Errc::io, "HTTP status 404");
  EXPECT_TRUE(lookup().fetch_tried);
  for (const bool restarted : {false, true}) {
    if (restarted) restart();
    const StsLookup later = lookup();
    EXPECT_FALSE(later.policy);
    EXPECT_FALSE(later.fetch_tried);
    ASSERT_TRUE(later.trouble);
    EXPECT_THAT(later.trouble->detail, testing::HasSubstr("HTTP status 404"));
  }
  EXPECT_EQ(fetcher_.fetches, 1);
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
  const TroubleList told = troubles_.list();
  ASSERT_THAT(told.named, SizeIs(1));
  EXPECT_EQ(told.named[0].kind, TroubleKind::protection_lost);
  EXPECT_EQ(told.named[0].subject, "example.com");
  EXPECT_THAT(told.named[0].detail, HasSubstr("now: none"));
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
