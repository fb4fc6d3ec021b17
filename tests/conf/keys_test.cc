// The documented keys: each is read or refused by name, and each has its bounds.
#include <fmt/format.h>

#include <set>

#include "conf/schema.h"
#include "tests/conf/loading.h"

namespace fulmar::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

enum class State : std::uint8_t { supported, missing };

struct DocumentedKey {
  std::string_view table;  ///< As a header; empty: above the first one.
  std::string_view key;
  std::string_view value;
  State state = State::supported;
};

constexpr DocumentedKey kDocumented[] = {
    {"", "hostname", R"("relay.example.com")"},
    {"", "postmaster", R"("postmaster@example.com")"},
    {"", "state_dir", R"("/var/lib/fulmar")"},
    {"", "threads", "0"},
    {"[[listen]]", "address", R"("127.0.0.1:25")"},
    {"[[listen]]", "kind", R"("relay")"},
    {"[[listen]]", "tls", R"("none")"},
    {"[[listen]]", "certificate", R"("/etc/fulmar/tls/fullchain.pem")"},
    {"[[listen]]", "private_key", R"("/etc/fulmar/tls/key.pem")"},
    {"[[listen]]", "client_ca", R"("")"},
    {"[[listen]]", "auth", R"("none")"},
    {"[[listen]]", "relay_networks", R"(["127.0.0.0/8", "::1/128"])"},
    {"[[listen]]", "proxy_networks", R"(["192.0.2.7"])"},
    {"[[listen]]", "bare_newline", R"("reject")"},
    {"[limits]", "message_size", R"("50MB")"},
    {"[limits]", "recipients_per_message", "1000"},
    {"[limits]", "connections", "2000"},
    {"[limits]", "connections_per_client", "200"},
    {"[limits]", "messages_per_client", R"("1000/h")"},
    {"[limits]", "received_headers", "100"},
    {"[limits]", "spool_reserve", R"("1GB")"},
    {"[auth]", "users_file", R"("/etc/fulmar/users")"},
    {"[[user]]", "name", R"("shop")"},
    {"[[user]]", "from", R"(["shop@example.com", "@.example.com"])"},
    {"[[user]]", "max_message_rate", R"("100/h")"},
    {"[[user]]", "max_recipients", "50"},
    {"[resolver]", "trust_anchor", R"("/usr/share/dns/root.key")"},
    {"[resolver]", "root_hints", R"("")"},
    {"[resolver]", "forward_to", R"(["127.0.0.1@53"])"},
    {"[resolver]", "timeout", R"("10s")"},
    {"[resolver]", "plain_zones", R"(["test."])"},
    {"[resolver]", "self_test_signed", R"("")"},
    {"[resolver]", "self_test_unsigned", R"("google.com")"},
    {"[resolver]", "self_test_bogus", R"("dnssec-failed.org")"},
    {"[tls]", "ca_file", R"("/etc/ssl/certs/ca-certificates.crt")"},
    {"[tls]", "min_version", R"("1.2")"},
    {"[tls]", "opportunistic_fallback", R"("clear")"},
    {"[tls]", "groups", R"("X25519:P-256")"},
    {"[dane]", "enabled", "true"},
    {"[dane]", "digests", R"(["sha256"])"},
    {"[dane]", "also_mta_sts", "true"},
    {"[mta_sts]", "enabled", "true"},
    {"[mta_sts]", "fetch_timeout", R"("60s")"},
    {"[mta_sts]", "refresh_every", R"("24h")"},
    {"[mta_sts]", "failed_fetch_backoff", R"("5m")"},
    {"[mta_sts]", "recheck_interval", R"("5m")"},
    {"[requiretls]", "enabled", "true"},
    {"[requiretls]", "honor_tls_required_no", "true"},
    {"[outbound]", "source_addresses", "[]"},
    {"[outbound]", "allow_networks", "[]"},
    {"[outbound]", "connect_timeout", R"("30s")"},
    {"[outbound]", "command_timeout", R"("5m")"},
    {"[outbound]", "final_dot_timeout", R"("10m")"},
    {"[[destination]]", "domain", R"("partner.example")"},
    {"[[destination]]", "tls", R"("secure")"},
    {"[[destination]]", "tls_match", R"(["mx.partner.example"])"},
    {"[[destination]]", "relay", R"("[smtp.partner.example]:587")"},
    {"[[destination]]", "auth_file", R"("")"},
    {"[[destination]]", "connection_limit", "20"},
    {"[[destination]]", "max_deliveries_per_connection", "100"},
    {"[[destination]]", "max_message_rate", R"("100/s")"},
    {"[[destination]]", "until", "2027-01-31"},
    {"[[destination]]", "comment", R"("being replaced")"},
    {"[retry]", "intervals", R"(["5m", "10m"])"},
    {"[retry]", "give_up_after", R"("5d")"},
    {"[failure]", "dane-lookup", R"({ action = "bounce" })"},
    {"[failure]", "dane-mismatch", R"({ action = "bounce" })"},
    {"[failure]", "dane-no-tls", R"({ action = "bounce" })"},
    {"[failure]", "sts-mx-mismatch", R"({ action = "defer" })"},
    {"[failure]", "sts-certificate", R"({ action = "defer" })"},
    {"[failure]", "sts-no-tls", R"({ action = "defer" })"},
    {"[failure]", "requiretls", R"({ give_up_after = "1d" })"},
    {"[failure]", "dns", R"({ give_up_after = "1d" })"},
    {"[failure]", "connect", R"({ give_up_after = "1d" })"},
    {"[notify]", "delay_after", R"("4h")"},
    {"[notify]", "security_delay_after", R"("15m")"},
    {"[notify]", "repeat_after", R"(["24h", "72h"])"},
    {"[notify]", "max_per_sender", R"("100/h")"},
    {"[notify]", "digest_every", R"("1h")"},
    {"[notify]", "cleared", "true"},
    {"[notify]", "language", R"("en")"},
    {"[notify]", "templates_dir", R"("")"},
    {"[notify]", "return_content", R"("headers")"},
    {"[tls_report]", "enabled", "true", State::missing},
    {"[tls_report]", "organization", R"("Example Ltd")", State::missing},
    {"[tls_report]", "contact", R"("tls-reports@example.com")", State::missing},
    {"[tls_report]", "interval", R"("24h")", State::missing},
    {"[tls_report]", "send_delay", R"("4h")", State::missing},
    {"[[dkim]]", "domain", R"("example.com")", State::missing},
    {"[[dkim]]", "selector", R"("s2026")", State::missing},
    {"[[dkim]]", "key_file", R"("/etc/fulmar/dkim/s2026.example.com.key")", State::missing},
    {"[[dkim]]", "algorithm", R"("auto")", State::missing},
    {"[control]", "socket", R"("/run/fulmar/control.sock")"},
    {"[control]", "group", R"("fulmar")"},
    {"[http]", "address", R"("")", State::missing},
    {"[http]", "token_file", R"("")", State::missing},
    {"[log]", "level", R"("info")"},
    {"[log]", "format", R"("text")"},
    {"[log]", "file", R"("")"},
};

/// "limits.message_size" of "[limits]" and "message_size".
std::string path_of(const DocumentedKey& documented) {
  std::string table(documented.table);
  std::erase_if(table, [](char c) { return c == '[' || c == ']'; });
  return table.empty() ? std::string(documented.key) : table + '.' + std::string(documented.key);
}

/// The key in its table, with what the table cannot be without behind it.
std::string file_with(const DocumentedKey& documented, std::string_view value) {
  std::string text = fmt::format("{}\n{} = {}\n", documented.table, documented.key, value);
  if (documented.table == "[[destination]]" && documented.key != "domain")
    text += "domain = \"*\"\n";
  if (documented.table == "[[user]]" && documented.key != "name") text += "name = \"shop\"\n";
  if (documented.key == "tls_match") text += "tls = \"secure\"\n";
  return text;
}

TEST(ConfigKeys, pitfall_122_every_documented_key_is_read_or_refused_by_name) {
  for (const DocumentedKey& each : kDocumented) {
    const std::string text = file_with(each, each.value);
    const auto errors = errors_of(text);
    if (each.state == State::supported) {
      EXPECT_THAT(errors, IsEmpty()) << text;
    } else {
      ASSERT_EQ(errors.size(), 1U) << text;
      EXPECT_THAT(errors.front(), testing::StartsWith("f.toml:2:1: " + path_of(each) + ": "));
      EXPECT_THAT(errors.front(), testing::EndsWith(" not in this version yet"));
    }
  }
}

TEST(ConfigKeys, missing_features_are_refused_whatever_the_value) {
  for (const DocumentedKey& each : kDocumented) {
    if (each.state == State::supported) continue;
    for (const std::string_view value : {"\"\"", "0", "false", "[]", "{}"}) {
      const std::string text = file_with(each, value);
      EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr(" not in this version yet"))) << text;
    }
  }
}

TEST(ConfigKeys, the_schema_holds_the_documented_keys_and_no_others) {
  std::set<std::string> documented;
  for (const DocumentedKey& each : kDocumented)
    documented.insert(path_of(each));
  std::set<std::string> known;
  for (const Table& table : schema()) {
    for (const Key& key : table.keys)
      known.insert(key_path(table, key.name));
  }
  EXPECT_EQ(known, documented);
}

TEST(ConfigKeys, settings_are_the_supported_keys_in_the_order_of_the_documentation) {
  std::vector<std::string> want;
  for (const DocumentedKey& each : kDocumented) {
    if (each.state == State::supported) want.push_back(path_of(each));
  }
  std::vector<std::string> got;
  const Loaded loaded =
      loaded_from("[[listen]]\n[[user]]\nname = \"shop\"\n[[destination]]\ndomain = \"*\"");
  for (const Setting& each : loaded.settings) {
    std::string key = each.key;
    if (const auto index = key.find("[0]"); index != std::string::npos) key.erase(index, 3);
    got.push_back(std::move(key));
  }
  EXPECT_EQ(got, want);
}

TEST(ConfigKeys, a_missing_table_is_refused_even_when_it_is_empty_or_none) {
  for (const Table& table : schema()) {
    if (table.missing.empty()) continue;
    const std::string refused = fmt::format("{}: {}", table.name, not_yet(table.missing));
    for (const std::string_view form : {"[{}]", "[[{}]]", "{} = []", "{} = 1", "{} = \"x\""}) {
      const std::string text = fmt::format(fmt::runtime(form), table.name);
      EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr(refused))) << text;
    }
  }
}

TEST(ConfigKeys, bounds_belong_to_the_range_and_what_is_beyond_does_not) {
  struct Bounded {
    std::string_view key;
    std::string_view below;  ///< Empty: nothing lies below.
    std::string_view low;
    std::string_view high;
    std::string_view above;
  };
  const Bounded cases[] = {
      {"threads", "-1", "0", "256", "257"},
      {"limits.message_size", R"("63999B")", R"("64KB")", R"("2GB")", R"("2000000001B")"},
      {"limits.recipients_per_message", "99", "100", "50000", "50001"},
      {"limits.connections", "0", "1", "100000", "100001"},
      {"limits.connections_per_client", "0", "1", "100000", "100001"},
      {"limits.received_headers", "9", "10", "1000", "1001"},
      {"limits.spool_reserve", "", R"("0B")", R"("1TB")", R"("1000000000001B")"},
      {"resolver.timeout", R"("0s")", R"("1s")", R"("60s")", R"("61s")"},
      {"mta_sts.fetch_timeout", R"("0s")", R"("1s")", R"("60s")", R"("61s")"},
      {"mta_sts.refresh_every", R"("0s")", R"("1s")", R"("7d")", R"("604801s")"},
      {"mta_sts.failed_fetch_backoff", R"("0s")", R"("1s")", R"("1d")", R"("86401s")"},
      {"mta_sts.recheck_interval", R"("0s")", R"("1s")", R"("1d")", R"("86401s")"},
      {"outbound.connect_timeout", R"("0s")", R"("1s")", R"("5m")", R"("301s")"},
      {"outbound.command_timeout", R"("0s")", R"("1s")", R"("30m")", R"("1801s")"},
      {"outbound.final_dot_timeout", R"("0s")", R"("1s")", R"("60m")", R"("3601s")"},
      {"retry.intervals", R"(["0s"])", R"(["1s"])", R"(["24h"])", R"(["86401s"])"},
      {"retry.give_up_after", R"("0s")", R"("1s")", R"("30d")", R"("31d")"},
      {"notify.delay_after", R"("0s")", R"("1s")", R"("5d")", R"("6d")"},
      {"notify.security_delay_after", R"("0s")", R"("1s")", R"("5d")", R"("6d")"},
      {"notify.digest_every", R"("0s")", R"("1s")", R"("7d")", R"("8d")"},
  };
  for (const Bounded& each : cases) {
    for (const std::string_view value : {each.low, each.high}) {
      EXPECT_THAT(errors_of(fmt::format("{} = {}", each.key, value)), IsEmpty()) << each.key;
    }
    for (const std::string_view value : {each.below, each.above}) {
      if (value.empty()) continue;
      EXPECT_THAT(errors_of(fmt::format("{} = {}", each.key, value)),
                  ElementsAre(HasSubstr(fmt::format("{}: must be ", each.key))))
          << value;
    }
  }
  EXPECT_THAT(errors_of("threads = 4294967296"),
              ElementsAre(HasSubstr("threads: must be 0 to 256")))
      << "not cut to 32 bits";
}

}  // namespace
}  // namespace fulmar::conf
