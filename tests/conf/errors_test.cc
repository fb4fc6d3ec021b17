// What is wrong with a file, where, and what was meant.
#include "tests/conf/loading.h"

namespace fulmar::conf {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// `text` has exactly one error, and this is it.
struct Case {
  std::string_view text;
  std::string_view want;
};

void expect_errors(std::initializer_list<Case> cases) {
  for (const Case& each : cases) {
    EXPECT_THAT(errors_of(each.text), ElementsAre(std::string(each.want))) << each.text;
  }
}

TEST(ConfigErrors, pitfall_122_typo_names_line_and_nearest_key) {
  expect_errors({
      {"hostnme = \"a\"", "f.toml:1:1: unknown key \"hostnme\"; did you mean \"hostname\"?"},
      {"\n\npost_master = \"a@b\"",
       "f.toml:3:1: unknown key \"post_master\"; did you mean \"postmaster\"?"},
      {"thread = 1", "f.toml:1:1: unknown key \"thread\"; did you mean \"threads\"?"},
      {"# a comment\nstate-dir = \"/\"",
       "f.toml:2:1: unknown key \"state-dir\"; did you mean \"state_dir\"?"},
      {"[[lisen]]\naddress = \"127.0.0.1:25\"",
       "f.toml:1:3: unknown key \"lisen\"; did you mean \"listen\"?"},
      {"[[listen]]\n  adress = \"127.0.0.1:25\"",
       "f.toml:2:3: unknown key \"listen.adress\"; did you mean \"listen.address\"?"},
      {"[limit]\nconnections = 5", "f.toml:1:2: unknown key \"limit\"; did you mean \"limits\"?"},
      {"[limits]\n\nmesage_size = \"1MB\"",
       "f.toml:3:1: unknown key \"limits.mesage_size\"; did you mean \"limits.message_size\"?"},
      {"limits.conections = 5",
       "f.toml:1:8: unknown key \"limits.conections\"; did you mean \"limits.connections\"?"},
      {"limits = { recieved_headers = 50 }",
       "f.toml:1:12: unknown key \"limits.recieved_headers\"; did you mean "
       "\"limits.received_headers\"?"},
      {"[resolver]\nfoward_to = []",
       "f.toml:2:1: unknown key \"resolver.foward_to\"; did you mean \"resolver.forward_to\"?"},
      {"[mta-sts]", "f.toml:1:2: unknown key \"mta-sts\"; did you mean \"mta_sts\"?"},
      {"[dane]\nenable = true",
       "f.toml:2:1: unknown key \"dane.enable\"; did you mean \"dane.enabled\"?"},
      {"[retry]\ninterval = [\"5m\"]",
       "f.toml:2:1: unknown key \"retry.interval\"; did you mean \"retry.intervals\"?"},
      {"[auth]\nuser_file = \"/u\"",
       "f.toml:2:1: unknown key \"auth.user_file\"; did you mean \"auth.users_file\"?"},
      {"[[users]]\nname = \"shop\"", "f.toml:1:3: unknown key \"users\"; did you mean \"user\"?"},
      {"[http]\naddres = \"\"",
       "f.toml:2:1: unknown key \"http.addres\"; did you mean \"http.address\"?"},
  });
}

TEST(ConfigErrors, key_in_the_wrong_table_is_sent_home) {
  expect_errors({
      {"message_size = \"1MB\"",
       "f.toml:1:1: unknown key \"message_size\"; did you mean \"limits.message_size\"?"},
      {"[tls]\nthreads = 2", "f.toml:2:1: unknown key \"tls.threads\"; did you mean \"threads\"?"},
      {"[log]\nsocket = \"/s\"",
       "f.toml:2:1: unknown key \"log.socket\"; did you mean \"control.socket\"?"},
      {"[tls.mta_sts]", "f.toml:1:6: unknown key \"tls.mta_sts\"; did you mean \"mta_sts\"?"},
  });
}

TEST(ConfigErrors, key_like_no_other_gets_the_list) {
  expect_errors({
      {"[control]\nxyzzy = 1",
       "f.toml:2:1: unknown key \"control.xyzzy\"; known here are socket, group"},
  });
}

TEST(ConfigErrors, unknown_name_cannot_write_to_the_terminal) {
  EXPECT_THAT(errors_of("[dane]\n\"\\u001b[2J\\nzzzzzzzz\" = 1"),
              ElementsAre(HasSubstr("unknown key \"dane.?[2J?zzzzzzzz\"")));
}

TEST(ConfigErrors, wrong_type_is_named) {
  expect_errors({
      {"threads = \"4\"",
       "f.toml:1:11: threads: must be a whole number without quotes, 0 to 256, not \"4\" "
       "(threads; 0: one per core)"},
      {"threads = 1.5",
       "f.toml:1:11: threads: must be a whole number without quotes, 0 to 256, not a number with "
       "a fraction (threads; 0: one per core)"},
      {"hostname = 12",
       "f.toml:1:12: hostname: must be a host name, not 12 (our name in EHLO, Received and "
       "reports)"},
      {"[dane]\nenabled = \"yes\"",
       "f.toml:2:11: dane.enabled: must be true or false, without quotes, not \"yes\" (whether "
       "DANE is used)"},
      {"[limits]\nmessage_size = 50000000",
       "f.toml:2:16: limits.message_size: must be a size such as \"64KB\", \"50MB\" or \"1GB\", "
       "not 50000000 (the largest message)"},
      {"[retry]\ngive_up_after = 2027-01-31",
       "f.toml:2:17: retry.give_up_after: must be a duration such as \"30s\", \"5m\", \"4h\" or "
       "\"5d\", not a date or time (how long a message may wait)"},
      {"[outbound]\nallow_networks = \"192.0.2.0/24\"",
       "f.toml:2:18: outbound.allow_networks: must be a list in brackets, not \"192.0.2.0/24\" "
       "(exceptions to the address guard)"},
      {"[log]\nfile = true",
       "f.toml:2:8: log.file: must be a string, not true (where lines go; empty: standard error)"},
      {"[log.level]\nx = 1",
       "f.toml:1:1: log.level: must be \"debug\", \"info\", \"warn\" or \"error\", not a table "
       "(the least important lines written)"},
  });
}

TEST(ConfigErrors, wrong_kind_of_table_is_named) {
  expect_errors({
      {"[listen]\naddress = \"127.0.0.1:25\"",
       "f.toml:1:2: listen: must be a list of tables, each written [[listen]], not a table"},
      {"[[limits]]", "f.toml:1:3: limits: must be one table, written [limits], not a list"},
      {"tls = \"none\"", "f.toml:1:1: tls: must be one table, written [tls], not \"none\""},
      {"listen = [\"127.0.0.1:25\"]",
       "f.toml:1:11: listen: each must be a table, written [[listen]], not \"127.0.0.1:25\""},
  });
}

TEST(ConfigErrors, wrong_word_names_the_right_ones) {
  expect_errors({
      {"[[listen]]\ntls = \"startls\"",
       "f.toml:2:7: listen[0].tls: must be \"none\", \"starttls\" or \"implicit\", not "
       "\"startls\"; did you mean \"starttls\"? (encryption towards clients)"},
      {"[tls]\nmin_version = \"1.1\"",
       "f.toml:2:15: tls.min_version: must be \"1.2\" or \"1.3\", not \"1.1\"; did you mean "
       "\"1.2\"? (the oldest TLS for verified connections)"},
      {"[[listen]]\nkind = \"smarthost\"",
       "f.toml:2:8: listen[0].kind: must be \"relay\" or \"submission\", not \"smarthost\" (what "
       "clients bring)"},
      {"[[listen]]\nauth = \"require\"",
       "f.toml:2:8: listen[0].auth: must be \"none\", \"optional\" or \"required\", not "
       "\"require\"; did you mean \"required\"? (whether clients log in)"},
  });
}

TEST(ConfigErrors, malformed_values_are_refused_with_the_reason) {
  struct Malformed {
    std::string_view line;
    std::string_view reason;
  };
  const Malformed cases[] = {
      {"hostname = \"\"", "must be a host name"},
      {"hostname = \".\"", "it is the DNS root"},
      {"hostname = \"a..example\"", "empty label"},
      {"hostname = \"my_box.example\"", "a host name has no underscore"},
      {"hostname = \"192.0.2.1\"", "it is an address"},
      {"hostname = \"a b\"", "character not allowed"},
      {"hostname = \"a\\u0000b\"", "it holds a control character"},
      {"postmaster = \"postmaster\"", "address without @"},
      {"postmaster = \"<p@example.com>\"", "malformed local part"},
      {"postmaster = \"\"", "must be a mail address"},
      {"state_dir = \"\"", "it is empty"},
      {"state_dir = \"/a\\nb\"", "it holds a control character"},
      {"[[listen]]\naddress = \"127.0.0.1\"", "no port"},
      {"[[listen]]\naddress = \"::1:25\"", "brackets belong around IPv6 addresses"},
      {"[[listen]]\naddress = \"127.0.0.1:65536\"", "not a port"},
      {"[[listen]]\naddress = \"localhost:25\"", "not an IP address"},
      {"[[listen]]\nrelay_networks = [\"10.0.0.0/33\"]", "not a prefix length"},
      {"[outbound]\nallow_networks = [\"example.com\"]", "not an IP address"},
      {"[outbound]\nsource_addresses = [\"192.0.2.0/24\"]", "must be an IP address"},
      {"[resolver]\nforward_to = [\"192.0.2.1@0\"]", "a port is 1 to 65535"},
      {"[resolver]\nforward_to = [\"192.0.2.1@\"]", "a port is 1 to 65535"},
      {"[resolver]\nforward_to = [\"192.0.2.1:53\"]", "not an IP address"},
      {"[resolver]\nplain_zones = [\".\"]", "it is the DNS root"},
      {"[resolver]\ntrust_anchor = \"\"", "it is empty"},
      {"[tls]\nca_file = \"\"", "it is empty"},
      {"[retry]\nintervals = []", "it is empty"},
      {"[retry]\nintervals = [\"5\"]", "must be a duration"},
      {"[mta_sts]\nfetch_timeout = \"500ms\"", "must be a duration"},
      {"[limits]\nspool_reserve = \"1 GB\"", "must be a size"},
      {"[control]\nsocket = \"\"", "it has 0"},
      {"[limits]\nmessages_per_client = \"1000\"", "must be a rate"},
      {"[[listen]]\nproxy_networks = [\"lb.example\"]", "not an IP address"},
  };
  for (const Malformed& each : cases) {
    EXPECT_THAT(errors_of(each.line), ElementsAre(HasSubstr(std::string(each.reason))))
        << each.line;
  }
}

TEST(ConfigErrors, socket_path_fits_its_structure) {
  const auto with = [](std::size_t octets) {
    return "[control]\nsocket = \"/" + std::string(octets - 1, 's') + "\"";
  };
  EXPECT_THAT(errors_of(with(107)), SizeIs(0));
  EXPECT_THAT(errors_of(with(108)), ElementsAre(HasSubstr("it has 108")));
}

TEST(ConfigErrors, each_bad_item_of_a_list_has_its_own_place) {
  EXPECT_THAT(errors_of("[outbound]\nallow_networks = [\"10.0.0.0/8\",\n  \"x\",\n  7]"),
              ElementsAre(HasSubstr("f.toml:3:3: outbound.allow_networks: must be a network"),
                          HasSubstr("f.toml:4:3: outbound.allow_networks: must be a network")));
}

TEST(ConfigErrors, tls_needs_certificate_and_key) {
  expect_errors({
      {"[[listen]]\ntls = \"starttls\"\ncertificate = \"/c\"",
       "f.toml:2:7: listen[0].private_key: needed, because listen[0].tls is not \"none\""},
      {"[[listen]]\ntls = \"implicit\"\nprivate_key = \"/k\"",
       "f.toml:2:7: listen[0].certificate: needed, because listen[0].tls is not \"none\""},
      {"[[listen]]\ntls = \"implicit\"\nprivate_key = \"/k\"\ncertificate = \"\"",
       "f.toml:4:15: listen[0].certificate: needed, because listen[0].tls is not \"none\""},
  });
  EXPECT_THAT(errors_of("[[listen]]\ntls = \"starttls\""), SizeIs(2));
  EXPECT_THAT(errors_of("[[listen]]\ntls = \"starttls\"\ncertificate = 1\nprivate_key = \"/k\""),
              ElementsAre(HasSubstr("f.toml:3:15: listen[0].certificate: must be a string")))
      << "a refused value is complained of once";
}

TEST(ConfigErrors, AUT_01_no_password_is_taken_in_clear) {
  expect_errors({
      {"[[listen]]\nauth = \"required\"",
       "f.toml:2:8: listen[0].auth: counts with listen[0].tls = \"starttls\" or \"implicit\" only"},
      {"[[listen]]\nauth = \"optional\"\ntls = \"none\"",
       "f.toml:2:8: listen[0].auth: counts with listen[0].tls = \"starttls\" or \"implicit\" only"},
      {"[[listen]]\nclient_ca = \"/ca\"",
       "f.toml:2:13: listen[0].client_ca: counts with listen[0].tls = \"starttls\" or \"implicit\" "
       "only"},
  });
  EXPECT_THAT(errors_of("[[listen]]\nauth = \"required\"\ntls = \"ssl\""), SizeIs(1))
      << "a refused value is complained of once";
}

TEST(ConfigErrors, a_listener_with_auth_needs_a_users_file) {
  const std::string listener =
      "[[listen]]\nauth = \"optional\"\ntls = \"starttls\"\ncertificate = \"/c\"\n"
      "private_key = \"/k\"\nclient_ca = \"/ca\"\n";
  EXPECT_THAT(errors_of(listener), SizeIs(0));
  EXPECT_THAT(errors_of(listener + "[auth]\nusers_file = \"\""),
              ElementsAre("f.toml:2:8: auth.users_file: needed, because listen[0].auth is not "
                          "\"none\""));
  EXPECT_THAT(errors_of("[auth]\nusers_file = \"\""), SizeIs(0)) << "nobody asks for it";
}

TEST(ConfigErrors, two_listeners_cannot_share_an_address) {
  expect_errors({
      {"[[listen]]\naddress = \"[::1]:25\"\n[[listen]]\naddress = \"[0:0::1]:25\"",
       "f.toml:4:11: listen[1].address: \"[::1]:25\" is the address of listen[0].address already"},
      {"[[listen]]\n[[listen]]",
       "f.toml:2:1: listen[1].address: \"127.0.0.1:25\" is the address of listen[0].address "
       "already"},
  });
  EXPECT_THAT(errors_of("[[listen]]\n[[listen]]\naddress = \"x\""), SizeIs(1))
      << "a refused value is complained of once";
  EXPECT_THAT(
      errors_of("[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen]]\naddress = \"127.0.0.1:0\""),
      SizeIs(0))
      << "any free port, twice";
}

TEST(ConfigErrors, one_source_address_per_family) {
  EXPECT_THAT(errors_of("[outbound]\nsource_addresses = [\"192.0.2.1\", \"2001:db8::1\", "
                        "\"192.0.2.2\"]"),
              ElementsAre(HasSubstr("f.toml:2:49: outbound.source_addresses: \"192.0.2.2\" is the "
                                    "second of its family")));
}

TEST(ConfigErrors, pitfall_122_everything_wrong_is_told_in_one_run_and_in_order) {
  EXPECT_THAT(
      errors_of(R"(hostnme = "a.example"
threads = 1000
[http]
address = ""
[limits]
connections = "many"
message_size = "3KB"
[log]
level = "loud"
[[listen]]
tls = "starttls"
[[listen]]
kind = "submit"
)"),
      ElementsAre(
          HasSubstr("f.toml:1:1: unknown key"), HasSubstr("f.toml:2:11: threads:"),
          HasSubstr("f.toml:4:1: http.address:"), HasSubstr("f.toml:6:15: limits.connections:"),
          HasSubstr("f.toml:7:16: limits.message_size: must be 64KB to 2GB"),
          HasSubstr("f.toml:9:9: log.level:"), HasSubstr("f.toml:11:7: listen[0].certificate:"),
          HasSubstr("f.toml:11:7: listen[0].private_key:"),
          HasSubstr("f.toml:12:1: listen[1].address:"), HasSubstr("f.toml:13:8: listen[1].kind:")));
}

TEST(ConfigErrors, redteam_46_a_key_of_many_parts_is_refused_before_it_is_read) {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i)
    key += ".a";
  for (const std::string& text : {key + " = 1\n", "\n[" + key + "]\n"}) {
    const std::string line = text.starts_with('\n') ? "2" : "1";
    EXPECT_THAT(errors_of(text), ElementsAre("f.toml:" + line + ":1: line of over 8192 octets"));
  }
}

}  // namespace
}  // namespace fulmar::conf
