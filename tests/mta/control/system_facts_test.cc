#include "mta/control/system_facts.h"

#include <gtest/gtest.h>

namespace fulmar::control {
namespace {

TEST(SystemFacts, fqdn_from_hosts) {
  struct Case {
    std::string hosts;
    std::string want;
  };
  for (const Case& each :
       {Case{"127.0.0.1 localhost\n127.0.1.1 relay.example.com relay\n", "relay.example.com"},
        Case{"127.0.1.1\trelay RELAY.example.com # relay.example.org\n", "RELAY.example.com"},
        Case{"# 127.0.1.1 relay.example.com\n", ""},
        Case{"127.0.1.1 relay relay2.example.com\n", ""}, Case{"127.0.1.1 relay.\n", ""},
        Case{"", ""}}) {
    EXPECT_EQ(fqdn_from_hosts(each.hosts, "relay"), each.want) << each.hosts;
  }
}

}  // namespace
}  // namespace fulmar::control
