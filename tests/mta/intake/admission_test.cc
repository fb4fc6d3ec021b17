#include "mta/intake/admission.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "mta/intake/client_counts.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/mem_store.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::intake {
namespace {

using namespace std::chrono_literals;

class AdmissionTest : public ::testing::Test {
 protected:
  void fail_a_commit(Errc code) {
    store_.fail_next_commit(code);
    boost::asio::io_context context;
    co_spawn(context, store_.commit({}), [](const std::exception_ptr&, const Result<>&) {});
    context.run();
  }

  fakes::MemStore store_;
  fakes::FakeClock clock_;
  LogLines log_;
  std::uint64_t resident_ = 0;
  MemoryMark memory_{5000, clock_, {.resident = [this] { return resident_; }, .give_back = [] {}}};
  Admission admission_{store_, memory_, clock_, 1000, "/var/lib/fulmar"};
};

TEST_F(AdmissionTest, pitfall_88_too_little_free_space) {
  EXPECT_TRUE(admission_.may_accept(0).has_value());
  store_.set_free_space(999);
  EXPECT_TRUE(admission_.may_accept(0).has_value()) << "a look is good for some time";
  clock_.advance(100ms);
  EXPECT_EQ(admission_.may_accept(0).error().status, (EnhancedStatus{4, 3, 1}));
  store_.set_free_space(1000);
  EXPECT_TRUE(admission_.may_accept(0).has_value()) << "at once, when there is space again";
  EXPECT_TRUE(admission_.may_accept(999).has_value());
  EXPECT_EQ(admission_.may_accept(1000).error().code, Errc::store_full);
}

TEST_F(AdmissionTest, pitfall_88_log_names_path_and_free_bytes_once_a_minute) {
  store_.set_free_space(12);
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(admission_.may_accept(0).has_value());
  ASSERT_EQ(log_.count("too little free space"), 1U);
  EXPECT_EQ(log_.count("path=/var/lib/fulmar free_bytes=12"), 1U);
  clock_.advance(59s);
  EXPECT_FALSE(admission_.may_accept(0).has_value());
  EXPECT_EQ(log_.count("too little free space"), 1U);
  clock_.advance(1s);
  EXPECT_FALSE(admission_.may_accept(0).has_value());
  EXPECT_EQ(log_.count("too little free space"), 2U);
}

TEST_F(AdmissionTest, pitfall_88_a_store_that_wants_room_says_so_though_some_is_free) {
  fail_a_commit(Errc::store_full);
  EXPECT_TRUE(admission_.may_accept(0).has_value()) << "the one that tries";
  EXPECT_EQ(admission_.may_accept(0).error().status, (EnhancedStatus{4, 3, 1}));
}

TEST_F(AdmissionTest, store_that_does_not_write_is_tried_now_and_then) {
  fail_a_commit(Errc::store_failed);
  ASSERT_FALSE(store_.writable());
  EXPECT_TRUE(admission_.may_accept(0).has_value()) << "the one that tries";
  EXPECT_EQ(admission_.may_accept(0).error().status, (EnhancedStatus{4, 3, 0}));
  clock_.advance(4s);
  EXPECT_FALSE(admission_.may_accept(0).has_value());
  clock_.advance(1s);
  EXPECT_TRUE(admission_.may_accept(0).has_value());
}

TEST_F(AdmissionTest, pitfall_93_above_the_high_water_mark_nothing_is_taken_and_below_it_again) {
  resident_ = 5000;
  EXPECT_TRUE(admission_.may_accept(0).has_value());
  resident_ = 5001;
  clock_.advance(100ms);
  for (int i = 0; i < 10; ++i) {
    const auto refused = admission_.may_accept(0);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().status, (EnhancedStatus{4, 3, 2}));
  }
  EXPECT_EQ(log_.count("mail refused: too much memory is in use "
                       "resident_bytes=5001 high_water_mark=5000"),
            1U);
  clock_.advance(60s);
  EXPECT_FALSE(admission_.may_accept(0).has_value());
  EXPECT_EQ(log_.count("too much memory"), 2U) << "once a minute";
  resident_ = 4000;
  clock_.advance(100ms);
  EXPECT_TRUE(admission_.may_accept(0).has_value()) << "by itself";
}

TEST(ClientCounts, limits) {
  using Verdict = ClientCounts::Verdict;
  const IpAddress a = IpAddress::parse("192.0.2.1").value();
  const IpAddress b = IpAddress::parse("192.0.2.2").value();
  ClientCounts counts(3, 2);
  EXPECT_EQ(counts.enter(a), Verdict::counted);
  EXPECT_EQ(counts.enter(a), Verdict::counted);
  EXPECT_EQ(counts.enter(a), Verdict::too_many_from_client);
  EXPECT_EQ(counts.enter(b), Verdict::counted);
  EXPECT_EQ(counts.enter(b), Verdict::too_many);
  counts.leave(a);
  EXPECT_EQ(counts.enter(b), Verdict::counted);
  counts.leave(b);
  counts.leave(b);
  counts.leave(a);
  EXPECT_EQ(counts.enter(a), Verdict::counted);
}

}  // namespace
}  // namespace fulmar::intake
