#include "base/domain.h"

#include <gtest/gtest.h>

#include <array>

namespace fulmar {
namespace {

std::string canonical(std::string_view text) {
  const auto parsed = Domain::parse(text);
  return parsed ? parsed->str() : "error: " + parsed.error().detail;
}

TEST(Domain, pitfall_6_one_canonical_form) {
  EXPECT_EQ(canonical("MX1.Example.TEST."), "mx1.example.test");
  EXPECT_EQ(canonical("example.test"), "example.test");
  EXPECT_EQ(canonical("bücher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(canonical("BÜCHER.example."), "xn--bcher-kva.example");
  EXPECT_EQ(canonical("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(canonical("_mx.a.test"), "_mx.a.test");
  EXPECT_EQ(canonical("."), "");
}

TEST(Domain, refuses_what_is_no_name) {
  const std::string long_label(64, 'a');
  const std::string long_name = std::string(63, 'a') + '.' + std::string(63, 'b') + '.' +
                                std::string(63, 'c') + '.' + std::string(63, 'd');
  for (const std::string& bad :
       {std::string(""), std::string("a..b"), std::string(".a"), std::string("a b"),
        std::string("a\r\nb"), std::string("a/b"), long_label, long_name, std::string("a\0b", 3),
        std::string("*.a"), std::string("\xff\xfe.test")}) {
    EXPECT_FALSE(Domain::parse(bad)) << bad;
  }
  EXPECT_TRUE(Domain::parse(long_name.substr(0, 253)));
}

TEST(Domain, is_within_compares_whole_labels) {
  const Domain example = *Domain::parse("example.test");
  EXPECT_TRUE(Domain::parse("example.test")->is_within(example));
  EXPECT_TRUE(Domain::parse("a.example.test")->is_within(example));
  EXPECT_FALSE(Domain::parse("badexample.test")->is_within(example));
  EXPECT_FALSE(Domain::parse("test")->is_within(example));
  EXPECT_EQ(example.parent().str(), "test");
  EXPECT_EQ(example.with_prefix("_mta-sts").str(), "_mta-sts.example.test");
}

TEST(Mailbox, SMTP_24_local_part_keeps_case_and_bytes) {
  const auto plain = Mailbox::parse("User.Name+tag@Example.TEST");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->local_part, "User.Name+tag");
  EXPECT_EQ(plain->ascii_domain_form(), "User.Name+tag@example.test");
  const auto quoted = Mailbox::parse("\"a b\\\"@c\"@x.test");
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->local_part, "\"a b\\\"@c\"");
  EXPECT_EQ(to_string(quoted->host), "x.test");
}

TEST(Mailbox, address_literals) {
  EXPECT_EQ(Mailbox::parse("u@[192.0.2.1]")->ascii_domain_form(), "u@[192.0.2.1]");
  EXPECT_EQ(Mailbox::parse("u@[IPv6:2001:DB8::1]")->ascii_domain_form(), "u@[IPv6:2001:db8::1]");
  for (const char* bad :
       {"u@[2001:db8::1]", "u@[IPv6:192.0.2.1]", "u@[192.0.2.1", "u@[192.0.2.300]", "u@[]"}) {
    EXPECT_FALSE(Mailbox::parse(bad)) << bad;
  }
}

TEST(Mailbox, SMTP_28_SMU_05_refuses_malformed_and_oversized) {
  const std::string local65(65, 'a');
  for (const std::string& bad :
       {std::string("user"), std::string("@x.test"), std::string("a@"), std::string(".a@x.test"),
        std::string("a.@x.test"), std::string("a..b@x.test"), std::string("a b@x.test"),
        std::string("a\r\n@x.test"), std::string("a>@x.test"), std::string("\"a@x.test"),
        std::string("\"a\nb\"@x.test"), local65 + "@x.test",
        std::string("a@x.test\r\nRCPT TO:<b@y>"), std::string("\"a\0\"@x.test", 11),
        std::string("\xff@x.test")}) {
    EXPECT_FALSE(Mailbox::parse(bad)) << bad;
  }
  EXPECT_TRUE(Mailbox::parse(std::string(64, 'a') + "@x.test"));
  EXPECT_TRUE(Mailbox::parse("j\xc3\xbcrgen@x.test"));
}

TEST(IpAddress, text_forms) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->str(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0:0:0:0:1")->str(), "2001:db8::1");
  for (const char* bad :
       {"", "192.0.2", "192.0.2.1.1", "192.0.2.01x", "::g", "[::1]", "1.2.3.4 "}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("192.0.2.1\0x", 11)));
}

TEST(Network, contains_by_prefix_and_through_mapping) {
  const Network net = *Network::parse("192.0.2.128/25");
  EXPECT_TRUE(net.contains(*IpAddress::parse("192.0.2.200")));
  EXPECT_FALSE(net.contains(*IpAddress::parse("192.0.2.100")));
  EXPECT_TRUE(net.contains(*IpAddress::parse("::ffff:192.0.2.200")));
  EXPECT_TRUE(Network::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:7fff::1")));
  EXPECT_FALSE(Network::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:8000::1")));
  EXPECT_TRUE(Network::parse("0.0.0.0/0")->contains(*IpAddress::parse("8.8.8.8")));
  EXPECT_FALSE(Network::parse("0.0.0.0/0")->contains(*IpAddress::parse("2001:db8::1")));
  for (const char* bad : {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/x", "/8", "::/129"}) {
    EXPECT_FALSE(Network::parse(bad)) << bad;
  }
}

TEST(Endpoint, host_and_port) {
  EXPECT_EQ(Endpoint::parse("127.0.0.1:25")->str(), "127.0.0.1:25");
  EXPECT_EQ(Endpoint::parse("[::1]:587")->str(), "[::1]:587");
  for (const char* bad :
       {"127.0.0.1", "::1:25", "[127.0.0.1]:25", "127.0.0.1:65536", "127.0.0.1:", "host:25"}) {
    EXPECT_FALSE(Endpoint::parse(bad)) << bad;
  }
}

TEST(AddressGuard, pitfall_52_pitfall_10_non_public_addresses_in_every_disguise) {
  for (const char* refused : {"127.0.0.1",
                              "127.255.0.1",
                              "0.0.0.0",
                              "0.1.2.3",
                              "10.0.0.5",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "169.254.169.254",
                              "100.64.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fec0::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.5",
                              "::127.0.0.1",
                              "64:ff9b::7f00:1",
                              "2002:7f00:1::",
                              "2002:a00:5::1"}) {
    EXPECT_TRUE(is_non_public(*IpAddress::parse(refused))) << refused;
  }
  for (const char* allowed :
       {"192.0.2.1", "198.51.100.1", "203.0.113.1", "8.8.8.8", "172.15.0.1", "172.32.0.1",
        "100.63.0.1", "100.128.0.1", "2001:db8::1", "2606:4700::1", "::ffff:192.0.2.1",
        "64:ff9b::c000:201", "2002:c000:201::"}) {
    EXPECT_FALSE(is_non_public(*IpAddress::parse(allowed))) << allowed;
  }
}

TEST(AddressGuard, exceptions_are_what_the_operator_lists) {
  const IpAddress inside = *IpAddress::parse("10.0.0.5");
  EXPECT_FALSE(may_be_dialed(inside, {}));
  EXPECT_FALSE(may_be_dialed(inside, {*Network::parse("10.0.1.0/24")}));
  EXPECT_TRUE(may_be_dialed(inside, {*Network::parse("10.0.0.0/24")}));
  EXPECT_TRUE(may_be_dialed(*IpAddress::parse("8.8.8.8"), {}));
}

// Found by the fuzzer `command`: 254 octets of U-labels were accepted and grew to 260 of A-labels.
TEST(Mailbox, an_address_is_measured_as_it_travels) {
  std::string domain = "b\xC3\xBC.example";
  while (domain.size() < 240)
    domain.insert(0, "label.");
  EXPECT_TRUE(Mailbox::parse("x@" + domain).has_value());
  const std::string local(254 - 1 - domain.size(), 'x');
  EXPECT_FALSE(Mailbox::parse(local + '@' + domain).has_value());
}

}  // namespace
}  // namespace fulmar
