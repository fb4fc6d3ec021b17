#include "resolver/zone_text.h"

#include <gtest/gtest.h>

namespace fulmar::resolver {
namespace {

TEST(ZoneText, trust_anchors) {
  EXPECT_TRUE(holds_trust_anchor(". 86400 IN DNSKEY 257 3 8 AwEAAa==\n"));
  EXPECT_TRUE(holds_trust_anchor("; a comment\n\n.\tIN\tds 20326 8 2 E06D\r\n"));
  EXPECT_FALSE(holds_trust_anchor(""));
  EXPECT_FALSE(holds_trust_anchor("\n\n"));
  EXPECT_FALSE(holds_trust_anchor("; . IN DS 20326 8 2 E06D\n"));
  EXPECT_FALSE(holds_trust_anchor(". IN DS"));
  EXPECT_FALSE(holds_trust_anchor("root:x:0:0:root:/root:/bin/bash\n"));
}

TEST(ZoneText, root_hints) {
  EXPECT_TRUE(holds_address(". 3600000 NS A.ROOT.\nA.ROOT. 3600000 A 198.51.100.4\n"));
  EXPECT_TRUE(holds_address("a.root. AAAA 2001:db8::1"));
  EXPECT_FALSE(holds_address(". 3600000 NS A.ROOT.\n"));
}

TEST(ZoneText, loopback_addresses) {
  EXPECT_TRUE(holds_loopback_address("a. A 192.0.2.1\nb. A 127.0.5.1\n"));
  EXPECT_TRUE(holds_loopback_address("a. AAAA ::1\n"));
  EXPECT_TRUE(holds_loopback_address("127.0.0.1"));
  EXPECT_FALSE(holds_loopback_address("a. A 192.0.2.1 ; 127.0.0.1\n"));
  EXPECT_FALSE(holds_loopback_address("a. AAAA 2001:db8::1\n"));
}

}  // namespace
}  // namespace fulmar::resolver
