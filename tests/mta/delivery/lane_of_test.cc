// Who shares limits and turns with whom.
#include <gtest/gtest.h>

#include "mta/delivery/destination_rules.h"

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;

MailHost host(std::string_view name) {
  return Domain::parse(name).value();
}

TEST(LaneOf, without_an_entry_each_domain_has_its_own_with_the_default_limit) {
  const auto lane = lane_of(host("a.example"), nullptr);
  EXPECT_EQ(lane.next_hop, "a.example");
  EXPECT_EQ(lane.limit, conf::kConnectionLimit);
  EXPECT_EQ(lane.interval, 0ns);
  EXPECT_NE(lane_of(host("b.example"), nullptr).next_hop, lane.next_hop);
}

TEST(LaneOf, an_entry_sets_limit_and_rate) {
  conf::Destination entry;
  entry.connection_limit = 3;
  entry.max_message_rate = conf::Rate{100, 1s};
  const auto lane = lane_of(host("a.example"), &entry);
  EXPECT_EQ(lane.limit, 3U);
  EXPECT_EQ(lane.interval, 10ms);
  entry.max_message_rate = conf::Rate{1'000'000, 1s};
  EXPECT_EQ(lane_of(host("a.example"), &entry).interval, 1us);
  entry.max_message_rate = conf::Rate{1, 24h};
  EXPECT_EQ(lane_of(host("a.example"), &entry).interval, 24h);
}

TEST(LaneOf, pitfall_91_all_domains_of_a_relay_share_its_lane) {
  conf::Destination entry;
  entry.relay = conf::Relay::parse("[relay.example]:587").value();
  const auto lane = lane_of(host("a.example"), &entry);
  EXPECT_EQ(lane_of(host("b.example"), &entry).next_hop, lane.next_hop);
  EXPECT_NE(lane_of(host("relay.example"), nullptr).next_hop, lane.next_hop);
  entry.relay = conf::Relay::parse("[relay.example]:25").value();
  EXPECT_NE(lane_of(host("a.example"), &entry).next_hop, lane.next_hop) << "another port";
}

}  // namespace
}  // namespace fulmar::delivery
