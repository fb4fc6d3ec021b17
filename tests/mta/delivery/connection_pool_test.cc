// Connections that wait for another message, over loopback.
#include "mta/delivery/connection_pool.h"

#include <gtest/gtest.h>

#include "mta/delivery/reuse_key.h"
#include "tests/fakes/fake_clock.h"
#include "tests/mta/net/loopback.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;

class ConnectionPoolTest : public net::Loopback {
 protected:
  ConnectionPoolTest() { join_streams(); }

  IdleConnection connection(std::uint32_t messages = 1) {
    return {.stream = std::move(*ours_),
            .session = {},
            .verified = {},
            .messages = messages,
            .opened = clock_.steady_now()};
  }
  std::optional<IdleConnection> take(const std::string& key) {
    return pool_.take(key, context_.get_executor(), 100);
  }
  /// What the other side hears until the stream ends.
  std::string heard() {
    const auto words = run(theirs_->read(net::kLong));
    return words ? std::string(*words) : "";
  }
  /// One round of the sweeper, and what came of it.
  void sweep() {
    auto running = start(pool_.run());
    context_.restart();
    context_.poll();
    left_ = pool_.idle();
    run(pool_.close());
    running.get();
  }

  fakes::FakeClock clock_;
  ConnectionPool pool_{{.total = 1, .idle = 5s, .age = 300s, .farewell = net::kShort}, clock_};
  std::size_t left_ = 0;
};

TEST_F(ConnectionPoolTest, a_connection_comes_back_under_its_key_alone_and_once) {
  pool_.put("a", connection(7));
  EXPECT_FALSE(take("b").has_value());
  const auto taken = take("a");
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->messages, 7U);
  EXPECT_FALSE(take("a").has_value());
  EXPECT_EQ(pool_.idle(), 0U);
}

TEST_F(ConnectionPoolTest, one_that_carried_its_number_of_messages_is_left_to_others) {
  pool_.put("a", connection(7));
  EXPECT_FALSE(pool_.take("a", context_.get_executor(), 7).has_value());
  EXPECT_TRUE(pool_.take("a", context_.get_executor(), 8).has_value());
}

TEST_F(ConnectionPoolTest, one_of_another_thread_is_given_away_where_there_is_no_other) {
  boost::asio::io_context other;
  pool_.put("a", connection());
  const auto taken = pool_.take("a", other.get_executor(), 100);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->stream.executor(), context_.get_executor()) << "it stays on its own";
}

TEST_F(ConnectionPoolTest, one_of_the_same_thread_goes_before_the_latest) {
  boost::asio::io_context other;
  boost::asio::ip::tcp::socket socket(other);
  socket.connect({boost::asio::ip::address_v4::loopback(), acceptor_.local_endpoint().port()});
  IdleConnection latest{.stream = net::Stream(std::move(socket)), .session = {}, .verified = {}};
  latest.opened = clock_.steady_now();
  ConnectionPool pool({.total = 2}, clock_);
  pool.put("a", connection(1));
  pool.put("a", std::move(latest));
  EXPECT_EQ(pool.take("a", context_.get_executor(), 100)->messages, 1U);
}

TEST_F(ConnectionPoolTest, pitfall_69_what_was_closed_meanwhile_is_dropped) {
  pool_.put("a", connection());
  theirs_->close();
  EXPECT_FALSE(take("a").has_value());
  EXPECT_EQ(pool_.idle(), 0U);
}

TEST_F(ConnectionPoolTest, pitfall_69_a_host_that_says_421_meanwhile_is_not_asked_again) {
  pool_.put("a", connection());
  ASSERT_TRUE(run(theirs_->write("421 4.4.2 idle\r\n", net::kLong)).has_value());
  EXPECT_FALSE(take("a").has_value());
}

TEST_F(ConnectionPoolTest, one_that_is_too_old_gets_QUIT_instead) {
  IdleConnection old = connection();
  clock_.advance(300s);
  pool_.put("a", std::move(old));
  EXPECT_EQ(heard(), "QUIT\r\n");
  EXPECT_FALSE(take("a").has_value());
}

TEST_F(ConnectionPoolTest, one_that_waited_in_vain_gets_QUIT) {
  pool_.put("a", connection());
  clock_.advance(5s);
  sweep();
  EXPECT_EQ(left_, 0U);
  EXPECT_EQ(heard(), "QUIT\r\n");
}

TEST_F(ConnectionPoolTest, one_that_may_still_be_wanted_stays) {
  pool_.put("a", connection());
  clock_.advance(4s);
  sweep();
  EXPECT_EQ(left_, 1U);
}

TEST_F(ConnectionPoolTest, where_there_is_no_room_it_gets_QUIT) {
  pool_.put("a", connection());
  const net::Stream first_peer = std::move(*theirs_);
  join_streams();
  pool_.put("b", connection());
  EXPECT_EQ(heard(), "QUIT\r\n");
  EXPECT_TRUE(take("a").has_value());
}

TEST_F(ConnectionPoolTest, pitfall_91_an_idle_connection_gives_way_to_a_new_one) {
  const std::string part = address_part(IpAddress::parse("192.0.2.1").value());
  const std::string other = address_part(IpAddress::parse("192.0.2.10").value());
  pool_.put(part + "one need", connection());
  EXPECT_FALSE(run(pool_.give_way(other)));
  EXPECT_FALSE(run(pool_.give_way(part + "another need")));
  EXPECT_EQ(pool_.idle(), 1U);
  EXPECT_TRUE(run(pool_.give_way(part)));
  EXPECT_EQ(heard(), "QUIT\r\n");
  EXPECT_EQ(pool_.idle(), 0U);
}

TEST_F(ConnectionPoolTest, closing_takes_leave_of_all_and_keeps_none_from_then_on) {
  pool_.put("a", connection());
  run(pool_.close());
  EXPECT_EQ(heard(), "QUIT\r\n");
  EXPECT_EQ(pool_.idle(), 0U);
  join_streams();
  pool_.put("a", connection());
  EXPECT_EQ(heard(), "QUIT\r\n");
  EXPECT_FALSE(take("a").has_value());
}

}  // namespace
}  // namespace fulmar::delivery
