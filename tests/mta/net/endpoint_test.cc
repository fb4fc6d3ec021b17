// Addresses, there and back.
#include "mta/net/endpoint.h"

#include <gtest/gtest.h>

namespace fulmar::net {
namespace {

namespace asio = boost::asio;

TEST(EndpointConversion, keeps_address_and_port) {
  for (const char* text : {"192.0.2.1", "2001:db8::1", "::1", "0.0.0.0"}) {
    const Endpoint ours{.address = IpAddress::parse(text).value(), .port = 2525};
    const auto theirs = to_asio(ours);
    EXPECT_EQ(theirs.address().to_string(), text);
    EXPECT_EQ(theirs.port(), 2525);
    EXPECT_EQ(from_asio(theirs), ours) << text;
  }
}

TEST(EndpointConversion, a_mapped_address_is_an_ipv4_address) {
  const asio::ip::tcp::endpoint mapped(asio::ip::make_address("::ffff:192.0.2.1"), 25);
  EXPECT_EQ(from_asio(mapped).address, IpAddress::parse("192.0.2.1").value());
}

}  // namespace
}  // namespace fulmar::net
