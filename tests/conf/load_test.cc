#include "conf/load.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/conf/loading.h"

namespace fulmar::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Load, empty_file_is_a_relay_for_localhost) {
  const Config config = config_from("");
  EXPECT_EQ(config.hostname.str(), "relay.example.com");
  EXPECT_EQ(config.postmaster, "postmaster@relay.example.com");
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_EQ(config.listen[0].address.str(), "127.0.0.1:25");
  EXPECT_EQ(config.listen[1].address.str(), "[::1]:25");
  for (const Listen& listener : config.listen) {
    ASSERT_EQ(listener.relay_networks.size(), 2U);
    EXPECT_EQ(listener.relay_networks[0].str(), "127.0.0.0/8");
    EXPECT_EQ(listener.relay_networks[1].str(), "::1/128");
    EXPECT_EQ(listener.tls, ListenTls::none);
    EXPECT_EQ(listener.kind, ListenKind::relay);
    EXPECT_EQ(listener.auth, ListenAuth::none);
  }
  EXPECT_EQ(config.auth.users_file, "/etc/fulmar/users");
  EXPECT_TRUE(config.users.empty());
}

TEST(Load, every_kind_of_value_arrives) {
  const Config config = config_from(R"(
hostname = "Mail.EXAMPLE.net."
postmaster = "Post.Master@example.net"
threads = 8
[[listen]]
address = "192.0.2.1:587"
kind = "submission"
tls = "starttls"
certificate = "/c.pem"
private_key = "/k.pem"
client_ca = "/ca.pem"
auth = "required"
proxy_networks = ["192.0.2.7"]
relay_networks = ["198.51.100.0/24"]
bare_newline = "normalize"
[limits]
message_size = "64MiB"
spool_reserve = "0B"
connections = 7
messages_per_client = "1000/h"
[auth]
users_file = "/u"
[resolver]
forward_to = ["192.0.2.53@5353", "2001:db8::53"]
plain_zones = ["test.", "10.in-addr.arpa"]
[tls]
min_version = "1.3"
opportunistic_fallback = "defer"
[dane]
enabled = false
[outbound]
source_addresses = ["192.0.2.1", "2001:db8::1"]
connect_timeout = "1s"
[retry]
intervals = ["1s", "2m"]
[notify]
return_content = "full"
[control]
group = ""
[log]
level = "debug"
format = "json"
)");
  EXPECT_EQ(config.hostname.str(), "mail.example.net");
  EXPECT_EQ(config.postmaster, "Post.Master@example.net");
  EXPECT_EQ(config.threads, 8U);
  ASSERT_EQ(config.listen.size(), 1U);
  EXPECT_EQ(config.listen[0].address.str(), "192.0.2.1:587");
  EXPECT_EQ(config.listen[0].kind, ListenKind::submission);
  EXPECT_EQ(config.listen[0].tls, ListenTls::starttls);
  EXPECT_EQ(config.listen[0].client_ca, "/ca.pem");
  EXPECT_EQ(config.listen[0].auth, ListenAuth::required);
  ASSERT_EQ(config.listen[0].proxy_networks.size(), 1U);
  EXPECT_EQ(config.listen[0].proxy_networks[0].str(), "192.0.2.7/32");
  EXPECT_EQ(config.listen[0].certificate, "/c.pem");
  EXPECT_EQ(config.listen[0].private_key, "/k.pem");
  ASSERT_EQ(config.listen[0].relay_networks.size(), 1U);
  EXPECT_EQ(config.listen[0].bare_newline, BareNewline::normalize);
  EXPECT_EQ(config.limits.message_size, 67'108'864U);
  EXPECT_EQ(config.limits.spool_reserve, 0U);
  EXPECT_EQ(config.limits.connections, 7U);
  EXPECT_EQ(config.limits.messages_per_client, (Rate{1000, std::chrono::hours(1)}));
  EXPECT_EQ(config.auth.users_file, "/u");
  EXPECT_THAT(config.resolver.forward_to, ElementsAre("192.0.2.53@5353", "2001:db8::53@53"));
  ASSERT_EQ(config.resolver.plain_zones.size(), 2U);
  EXPECT_EQ(config.resolver.plain_zones[0].str(), "test");
  EXPECT_EQ(config.tls.min_version, "1.3");
  EXPECT_EQ(config.tls.opportunistic_fallback, OpportunisticFallback::defer);
  EXPECT_FALSE(config.dane.enabled);
  EXPECT_TRUE(config.mta_sts.enabled);
  EXPECT_EQ(config.outbound.source_addresses.size(), 2U);
  EXPECT_EQ(config.outbound.connect_timeout, milliseconds(1000));
  EXPECT_THAT(config.retry.intervals, ElementsAre(milliseconds(1000), milliseconds(120'000)));
  EXPECT_EQ(config.notify.return_content, ReturnContent::full);
  EXPECT_EQ(config.control.group, "");
  EXPECT_EQ(config.log.level, LogLevel::debug);
  EXPECT_EQ(config.log.format, LogSettings::Format::json);
}

TEST(Load, postmaster_follows_the_hostname_of_the_file) {
  EXPECT_EQ(config_from("hostname = \"a.example\"").postmaster, "postmaster@a.example");
}

TEST(Load, a_system_without_a_name_gets_the_last_resort) {
  const auto loaded = load_text("", "f.toml", {});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.hostname.str(), "localhost.localdomain");
  EXPECT_EQ(setting(*loaded, "hostname"), "\"localhost.localdomain\" default");
}

TEST(Load, a_system_name_that_is_none_is_said_and_can_be_overridden) {
  const SystemFacts bad{.fqdn = "my_box.example"};
  const auto refused = load_text("", "f.toml", bad);
  ASSERT_FALSE(refused);
  ASSERT_EQ(refused.error().size(), 1U);
  EXPECT_EQ(refused.error()[0].line, 0U);
  EXPECT_THAT(to_string(refused.error()[0]),
              HasSubstr("f.toml: hostname: must be set in the file"));
  EXPECT_TRUE(load_text("hostname = \"a.example\"", "f.toml", bad));
}

TEST(Load, listen_can_be_empty) {
  const Loaded loaded = loaded_from("\nlisten = []\n");
  EXPECT_TRUE(loaded.config.listen.empty());
  EXPECT_EQ(setting(loaded, "listen"), "[] f.toml:2");
}

TEST(Load, each_listener_has_its_own_defaults) {
  const Config config = config_from(
      "[[listen]]\naddress = \"192.0.2.1:25\"\nrelay_networks = []\n[[listen]]\naddress = "
      "\"192.0.2.1:26\"\n");
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_TRUE(config.listen[0].relay_networks.empty());
  EXPECT_EQ(config.listen[1].relay_networks.size(), 2U);
}

TEST(Load, settings_say_where_they_come_from) {
  const Loaded loaded = loaded_from(
      "state_dir = \"/s\"\n\n[[listen]]\n  tls = \"none\"\n[limits]\nmessage_size = \"1000KB\"\n");
  EXPECT_EQ(setting(loaded, "hostname"), "\"relay.example.com\" system");
  EXPECT_EQ(setting(loaded, "postmaster"), "\"postmaster@relay.example.com\" default");
  EXPECT_EQ(setting(loaded, "state_dir"), "\"/s\" f.toml:1");
  EXPECT_EQ(setting(loaded, "threads"), "0 default");
  EXPECT_EQ(setting(loaded, "listen[0].tls"), "\"none\" f.toml:4");
  EXPECT_EQ(setting(loaded, "listen[0].address"), "\"127.0.0.1:25\" default");
  EXPECT_EQ(setting(loaded, "listen[0].kind"), "\"relay\" default");
  EXPECT_EQ(setting(loaded, "limits.message_size"), "\"1MB\" f.toml:6");
  EXPECT_EQ(setting(loaded, "retry.intervals"),
            R"(["5m", "10m", "20m", "40m", "1h", "2h", "4h"] default)");
  EXPECT_EQ(setting(loaded, "dane.enabled"), "true default");
  EXPECT_EQ(loaded.settings.front().key, "hostname");
  EXPECT_EQ(loaded.settings.back().key, "log.file");
}

TEST(Load, syntax_error_has_its_place) {
  EXPECT_THAT(errors_of("threads = 1\nhostname = \n"),
              ElementsAre(HasSubstr("f.toml:2:12: not valid TOML: ")));
  EXPECT_THAT(errors_of("threads = 1\nthreads = 2\n"), ElementsAre(HasSubstr("f.toml:2:")));
  EXPECT_THAT(errors_of("hostname = \"\xFF\"\n"), ElementsAre(HasSubstr("f.toml:1:12: not valid")));
  EXPECT_THAT(errors_of("threads = " + std::string(100'000, '[')),
              ElementsAre(HasSubstr("f.toml:1:")));
}

TEST(Load, problems_print_like_a_compiler_does) {
  EXPECT_EQ(to_string(Problem{"/etc/f.toml", 12, 3, "wrong"}), "/etc/f.toml:12:3: wrong");
  EXPECT_EQ(to_string(Problem{"/etc/f.toml", 0, 0, "wrong"}), "/etc/f.toml: wrong");
}

class LoadFile : public testing::Test {
 protected:
  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("fulmar-conf-" + std::to_string(getpid()));

  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& text) {
    const std::string path = folder_ / "fulmar.toml";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  static std::string first_error(const std::string& path) {
    const auto loaded = load_file(path, kSystem);
    return loaded ? "" : to_string(loaded.error().front());
  }
};

TEST_F(LoadFile, reads_what_is_there) {
  const std::string path = write("threads = 3\n");
  const auto loaded = load_file(path, kSystem);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.threads, 3U);
  EXPECT_EQ(setting(*loaded, "threads"), "3 " + path + ":1");
}

TEST_F(LoadFile, pitfall_122_a_missing_file_is_not_ok) {
  const std::string path = folder_ / "absent.toml";
  EXPECT_EQ(first_error(path), path + ": cannot be read: No such file or directory");
}

TEST_F(LoadFile, a_directory_is_not_a_file) {
  EXPECT_EQ(first_error(folder_), folder_.string() + ": cannot be read: Is a directory");
}

TEST_F(LoadFile, a_huge_file_is_not_read_to_the_end) {
  const std::string path = write(std::string(1'100'000, '\n'));
  EXPECT_EQ(first_error(path), path + ": is over 1 MB, too big for a configuration");
}

}  // namespace
}  // namespace fulmar::conf
