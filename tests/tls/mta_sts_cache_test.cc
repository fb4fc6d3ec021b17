// The rules of the policy cache, with the time given.
#include "tls/mta_sts_cache.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace fulmar::tls {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const LiveId kNoId;

StsPolicy policy(seconds max_age, StsMode mode = StsMode::enforce) {
  return {mode, max_age, {{Domain::parse("mx.example.com").value(), true}}};
}

class StsCache : public ::testing::Test {
 protected:
  StsCacheEntry fetched(const LiveId& live, seconds max_age = hours(24 * 7)) {
    StsCacheEntry entry;
    entry.domain = Domain::parse("example.com").value();
    return succeeded(entry, live, max_age);
  }
  StsCacheEntry succeeded(const StsCacheEntry& entry, const LiveId& live, seconds max_age) {
    return after_success(entry, live, policy(max_age), "text", now(), config_, *random_);
  }
  StsCacheEntry failed(const StsCacheEntry& entry, const LiveId& live) {
    return after_failure(entry, live, "HTTP status 503", now(), config_, *random_);
  }
  UtcTime now() const { return clock_.utc_now(); }

  fakes::FakeClock clock_;
  conf::MtaSts config_;
  std::unique_ptr<Random> random_ = make_seeded_random(1);
};

TEST_F(StsCache, nothing_known_and_no_record_means_no_fetch) {
  EXPECT_EQ(fetch_need({}, kNoId, now()), FetchNeed::no);
  EXPECT_FALSE(is_in_force({}, now()));
}

TEST_F(StsCache, nothing_known_and_a_live_id_means_fetch) {
  EXPECT_EQ(fetch_need({}, "1", now()), FetchNeed::new_policy);
}

TEST_F(StsCache, STS_24_the_policy_lives_for_max_age_and_not_longer) {
  const StsCacheEntry entry = fetched("1", hours(1));
  clock_.advance(hours(1) - milliseconds(1));
  EXPECT_TRUE(is_in_force(entry, now()));
  clock_.advance(milliseconds(1));
  EXPECT_FALSE(is_in_force(entry, now()));
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::new_policy);
  EXPECT_EQ(fetch_need(entry, kNoId, now()), FetchNeed::no);
}

TEST_F(StsCache, STS_08_any_other_id_means_fetch) {
  const StsCacheEntry entry = fetched("20260202");
  EXPECT_EQ(fetch_need(entry, "20260202", now()), FetchNeed::no);
  EXPECT_EQ(fetch_need(entry, "20260101", now()), FetchNeed::new_policy);
}

TEST_F(StsCache, STS_09_pitfall_20_a_record_that_is_gone_ends_nothing) {
  const StsCacheEntry entry = fetched("1");
  EXPECT_EQ(fetch_need(entry, kNoId, now()), FetchNeed::no);
  EXPECT_TRUE(is_in_force(entry, now()));
}

TEST_F(StsCache, STS_27_pitfall_19_a_refresh_is_due_daily_with_or_without_record) {
  const StsCacheEntry entry = fetched("1");
  clock_.advance(hours(21));
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::no);
  clock_.advance(hours(6));
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::refresh);
  EXPECT_EQ(fetch_need(entry, kNoId, now()), FetchNeed::refresh);
}

TEST_F(StsCache, STS_27_a_short_lived_policy_is_refreshed_before_it_ends) {
  for (int i = 0; i < 100; ++i) {
    const StsCacheEntry entry = fetched("1", minutes(10));
    EXPECT_GT(entry.refresh_at, now());
    EXPECT_LT(entry.refresh_at, now() + minutes(6));
  }
}

TEST_F(StsCache, pitfall_13_refreshes_are_spread) {
  const StsCacheEntry first = fetched("1");
  const StsCacheEntry second = fetched("1");
  EXPECT_NE(first.refresh_at, second.refresh_at);
}

TEST_F(StsCache, STS_23_max_age_0_is_not_kept_in_force) {
  const StsCacheEntry entry = fetched("1", seconds(0));
  EXPECT_TRUE(entry.policy);
  EXPECT_FALSE(is_in_force(entry, now()));
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::new_policy);
}

TEST_F(StsCache, STS_26_a_failed_fetch_keeps_the_old_policy_and_its_life) {
  const StsCacheEntry before = fetched("1");
  const StsCacheEntry after = failed(before, "2");
  EXPECT_EQ(after.policy, before.policy);
  EXPECT_EQ(after.expires_at, before.expires_at);
  EXPECT_EQ(after.policy_id, "1");
  EXPECT_TRUE(is_in_force(after, now()));
  EXPECT_EQ(after.last_error, "HTTP status 503");
}

TEST_F(StsCache, STS_18_pitfall_12_no_second_fetch_for_an_id_within_five_minutes) {
  const StsCacheEntry entry = failed({}, "1");
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::no);
  EXPECT_EQ(fetch_need(entry, "2", now()), FetchNeed::new_policy);
  clock_.advance(minutes(5) - milliseconds(1));
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::no);
  clock_.advance(minutes(1) + milliseconds(1));
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::new_policy);
}

TEST_F(StsCache, STS_18_a_failed_refresh_backs_off_too) {
  StsCacheEntry entry = fetched("1");
  clock_.advance(hours(27));
  entry = failed(entry, kNoId);
  EXPECT_EQ(fetch_need(entry, kNoId, now()), FetchNeed::no);
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::no);
  clock_.advance(minutes(6));
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::refresh);
}

TEST_F(StsCache, the_back_off_grows_to_an_hour_and_never_falls_below_the_setting) {
  StsCacheEntry entry;
  milliseconds least = config_.failed_fetch_backoff;
  for (int i = 0; i < 10; ++i) {
    entry = failed(entry, "1");
    const milliseconds wait = entry.retry_at - now();
    EXPECT_GE(wait, least) << i;
    EXPECT_LE(wait, least + least / 5) << i;
    least = std::min<milliseconds>(least * 2, hours(1));
  }
  EXPECT_EQ(entry.failures, 10U);
}

TEST_F(StsCache, a_back_off_set_above_an_hour_is_kept) {
  config_.failed_fetch_backoff = hours(3);
  const StsCacheEntry entry = failed(failed({}, "1"), "1");
  EXPECT_GE(entry.retry_at - now(), hours(3));
  EXPECT_LE(entry.retry_at - now(), minutes(216));
}

TEST_F(StsCache, redteam_24_a_clock_that_was_set_back_does_not_prolong_the_back_off) {
  StsCacheEntry entry = failed({}, "1");
  entry.retry_at = now() + hours(24 * 400);
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::new_policy);
}

TEST_F(StsCache, another_id_starts_the_back_off_anew) {
  const StsCacheEntry entry = failed(failed(failed({}, "1"), "1"), "2");
  EXPECT_EQ(entry.failures, 1U);
  EXPECT_LE(entry.retry_at - now(), minutes(6));
}

TEST_F(StsCache, a_success_forgets_the_failures) {
  const StsCacheEntry entry = succeeded(failed(failed({}, "1"), "1"), "1", hours(1));
  EXPECT_EQ(entry.failures, 0U);
  EXPECT_TRUE(entry.failed_id.empty());
  EXPECT_TRUE(entry.last_error.empty());
  EXPECT_EQ(fetch_need(entry, "1", now()), FetchNeed::no);
}

TEST_F(StsCache, a_refresh_without_record_keeps_the_id) {
  const StsCacheEntry entry = succeeded(fetched("1"), kNoId, hours(1));
  EXPECT_EQ(entry.policy_id, "1");
}

TEST_F(StsCache, a_peers_words_in_the_error_are_made_safe) {
  const StsCacheEntry entry =
      after_failure({}, "1", "bad\nline" + std::string(5000, 'x'), now(), config_, *random_);
  EXPECT_EQ(entry.last_error.find('\n'), std::string::npos);
  EXPECT_LE(entry.last_error.size(), 600U);
}

TEST_F(StsCache, pitfall_19_forced_fetches_are_limited_by_their_own_kind) {
  StsCacheEntry entry = fetched("1");
  EXPECT_TRUE(may_force_fetch(entry, now(), minutes(5)));
  entry.forced_at = now();
  EXPECT_FALSE(may_force_fetch(entry, now(), minutes(5)));
  clock_.advance(minutes(5));
  EXPECT_TRUE(may_force_fetch(entry, now(), minutes(5)));
}

TEST_F(StsCache, a_clock_that_was_set_back_does_not_block_forced_fetches) {
  StsCacheEntry entry = fetched("1");
  entry.forced_at = now() + hours(1000);
  EXPECT_TRUE(may_force_fetch(entry, now(), minutes(5)));
}

// ---- encoding ----

TEST_F(StsCache, redteam_21_a_long_policy_text_is_cut_and_marked) {
  EXPECT_EQ(shorten_policy_text(std::string(kMaxKeptText, 'x')), std::string(kMaxKeptText, 'x'));
  for (const std::string unit : {"x", "ä", "€"}) {
    std::string text = "version";
    while (text.size() < 20'000)
      text += unit;
    const std::string kept =
        after_success({}, "1", policy(hours(1)), text, now(), config_, *random_).policy_text;
    EXPECT_LE(kept.size(), kMaxKeptText);
    EXPECT_GT(kept.size(), kMaxKeptText - 4);
    EXPECT_TRUE(kept.ends_with(unit + "\n[cut here]\n"));
  }
}

TEST_F(StsCache, an_entry_survives_encoding) {
  StsCacheEntry entry = failed(fetched("1"), "2");
  entry.forced_at = now();
  EXPECT_EQ(decode_sts_cache_entry(encode(entry)).value(), entry);
  StsCacheEntry bare;
  bare.domain = entry.domain;
  EXPECT_EQ(decode_sts_cache_entry(encode(bare)).value(), bare);
}

TEST_F(StsCache, every_cut_and_every_addition_is_corrupt) {
  const std::string good = encode(failed(fetched("1"), "2"));
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto got = decode_sts_cache_entry(std::string_view(good).substr(0, size));
    ASSERT_FALSE(got) << size;
    EXPECT_EQ(got.error().code, Errc::corrupt);
  }
  EXPECT_FALSE(decode_sts_cache_entry(good + '\0'));
}

TEST_F(StsCache, a_newer_version_is_told_apart) {
  std::string bytes = encode(fetched("1"));
  bytes[0] = 2;
  EXPECT_EQ(decode_sts_cache_entry(bytes).error().code, Errc::newer_version);
  bytes[0] = 0;
  EXPECT_EQ(decode_sts_cache_entry(bytes).error().code, Errc::corrupt);
}

TEST_F(StsCache, an_enforced_policy_without_mx_does_not_decode) {
  StsCacheEntry entry = fetched("1");
  entry.policy->mx.clear();
  EXPECT_EQ(decode_sts_cache_entry(encode(entry)).error().code, Errc::corrupt);
  entry.policy->mode = StsMode::none;
  EXPECT_TRUE(decode_sts_cache_entry(encode(entry)));
}

}  // namespace
}  // namespace fulmar::tls
