// Opening a connection, and the words for why it could not be opened.
#include "mta/net/connect.h"

#include <gmock/gmock.h>

#include "tests/mta/net/loopback.h"

namespace fulmar::net {
namespace {

using ::testing::HasSubstr;

class ConnectTest : public Loopback {};

TEST_F(ConnectTest, both_ends_know_each_other) {
  join_streams();
  EXPECT_EQ(ours_->remote(), listening());
  EXPECT_EQ(theirs_->local(), listening());
  EXPECT_EQ(ours_->local(), theirs_->remote());
  ours_->close();
  EXPECT_EQ(ours_->remote(), listening()) << "also when closed";
}

TEST_F(ConnectTest, comes_from_the_source_address) {
  auto accepted = start(accept(acceptor_));
  auto connected = start(dial(listening(), IpAddress::parse("127.0.0.2").value(), kLong));
  run_all();
  ASSERT_TRUE(connected.get().value().has_value());
  EXPECT_EQ(accepted.get().value().remote().address.str(), "127.0.0.2");
}

TEST_F(ConnectTest, a_refused_connection_names_the_address) {
  const Endpoint target = listening();
  acceptor_.close();
  const auto stream = run(dial(target, std::nullopt, kLong)).value();
  ASSERT_FALSE(stream.has_value());
  EXPECT_EQ(stream.error().code, Errc::connect_failed);
  EXPECT_EQ(stream.error().retry, Retry::next_host);
  EXPECT_THAT(stream.error().detail, HasSubstr(target.str()));
  EXPECT_THAT(stream.error().detail, HasSubstr("refused"));
}

TEST_F(ConnectTest, a_source_address_that_is_not_ours_is_told) {
  const auto stream = run(dial(listening(), IpAddress::parse("192.0.2.1").value(), kLong)).value();
  ASSERT_FALSE(stream.has_value());
  EXPECT_EQ(stream.error().code, Errc::connect_failed);
  EXPECT_THAT(stream.error().detail, HasSubstr("source address 192.0.2.1"));
}

TEST_F(ConnectTest, an_unanswered_connection_ends_at_the_deadline) {
  // The kernel answers no more than the queue holds.
  acceptor_.listen(0);
  std::vector<Result<Stream>> held;
  std::optional<Error> failure;
  for (int i = 0; i < 8 && !failure; ++i) {
    held.push_back(run(dial(listening(), std::nullopt, kShort)).value());
    if (!held.back()) failure = held.back().error();
  }
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->code, Errc::connect_failed);
  EXPECT_THAT(failure->detail, HasSubstr(listening().str()));
  EXPECT_THAT(failure->detail, HasSubstr("timed out"));
}

}  // namespace
}  // namespace fulmar::net
