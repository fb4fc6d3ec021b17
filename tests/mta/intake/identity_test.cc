// Who a client is: by password, by what a proxy says; and what the program reads again.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/base64.h"
#include "tests/fakes/test_ca.h"
#include "tests/mta/intake/intake_fixture.h"
#include "tests/mta/intake/scram_client.h"
#include "tests/mta/intake/users_file.h"

namespace fulmar::intake {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// crypt(3) of "s3cret" and of "other", sha512 with 1000 rounds.
constexpr std::string_view kSecret =
    "shop:$6$rounds=1000$saltsalt$zcCvYcDM8j0aB28drG.Vwe4L4mnOkoRyg3Q."
    "Bu7J9v6yK9aKDDPiDDlrOhF03cpnd3KFfSzTDNEBa0iVYm2H90\n";
constexpr std::string_view kOther =
    "shop:$6$rounds=1000$saltsalt$lefO3JZN6VjRq2buzt8mM.jfa5vNKOZbApxIpnO4f72Z/"
    "OJ4CfMKDvzZjAITsKwzOl7Op/POqF8.WuZBkm70i.\n";

std::string plain(const std::string& password) {
  return "AUTH PLAIN " + base64(std::string("\0shop\0", 6) + password) + "\r\n";
}

class IdentityTest : public IntakeTest {
 protected:
  IdentityTest() {
    folder_ = testing::TempDir() + "intake_identity_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    write_certificate();
    write_users(kSecret);
    conf::Listen& listen = settings_.listen.at(0);
    listen.tls = conf::ListenTls::implicit;
    listen.certificate = folder_ + "/cert.pem";
    listen.private_key = folder_ + "/key.pem";
    listen.auth = conf::ListenAuth::optional;
    listen.relay_networks = {};
    settings_.auth.users_file = folder_ + "/users";
  }
  ~IdentityTest() override { std::filesystem::remove_all(folder_); }

  void write_certificate() {
    const fakes::Identity leaf =
        fakes::make_self_signed({.common_name = "relay.example", .dns_names = {"relay.example"}});
    fakes::write_pem(folder_ + "/cert.pem", leaf.certificate_pem());
    fakes::write_pem(folder_ + "/key.pem", leaf.key_pem());
  }
  void write_users(std::string_view text) {
    fakes::write_pem(folder_ + "/users", std::string(text));
    ASSERT_EQ(chmod((folder_ + "/users").c_str(), 0600), 0);
  }
  /// Under TLS, and greeted.
  [[nodiscard]] SmtpClient secure() const {
    SmtpClient client = connect();
    client.start_tls();
    EXPECT_THAT(client.reply(), StartsWith("220 "));
    client.say("EHLO client.example\r\n");
    return client;
  }
  static std::string try_to_relay(SmtpClient& client, const std::string& sender) {
    const std::string said = client.say("MAIL FROM:<" + sender + ">\r\n");
    if (!said.starts_with("250 ")) return said;
    return client.say("RCPT TO:<c@d.example>\r\n");
  }

  std::string folder_;
};

TEST_F(IdentityTest, AUT_01_a_password_opens_the_relay) {
  start();
  SmtpClient client = secure();
  EXPECT_THAT(try_to_relay(client, "a@b.example"), StartsWith("550 5.7.1 "));
  client.say("RSET\r\n");
  EXPECT_THAT(client.say(plain("wrong")), StartsWith("535 5.7.8 "));
  EXPECT_EQ(log_.count("login refused"), 1U);
  EXPECT_THAT(client.say(plain("s3cret")), StartsWith("235 2.7.0 "));
  EXPECT_THAT(try_to_relay(client, "a@b.example"), StartsWith("250 "));
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("x\r\n.\r\n"), StartsWith("250 "));
  EXPECT_EQ(queued_.at(0).first.user, "shop");
  EXPECT_THAT(store_.body(queued_.at(0).first.id), HasSubstr(" with ESMTPSA id "));
}

TEST_F(IdentityTest, AUT_01_a_client_certificate_opens_the_relay) {
  const fakes::Identity ours = fakes::make_root();
  fakes::write_pem(folder_ + "/clients.pem", ours.certificate_pem());
  const fakes::Identity device = issue(ours, {.common_name = "printer-3"});
  fakes::write_pem(folder_ + "/device.pem", device.certificate_pem() + device.key_pem());
  const fakes::Identity stranger = fakes::make_self_signed({.common_name = "printer-3"});
  fakes::write_pem(folder_ + "/stranger.pem", stranger.certificate_pem() + stranger.key_pem());
  conf::Listen with_starttls = settings_.listen.at(0);
  with_starttls.tls = conf::ListenTls::starttls;
  settings_.listen.push_back(with_starttls);
  for (conf::Listen& listen : settings_.listen) {
    listen.auth = conf::ListenAuth::none;
    listen.client_ca = folder_ + "/clients.pem";
  }
  start();
  for (const std::string& shown : {std::string("/device.pem"), std::string("/stranger.pem")}) {
    const std::string want = shown == "/device.pem" ? "250 " : "550 5.7.1 ";
    SmtpClient implicit = connect();
    implicit.start_tls(folder_ + shown);
    EXPECT_THAT(implicit.reply(), StartsWith("220 "));
    implicit.say("EHLO c\r\n");
    EXPECT_THAT(try_to_relay(implicit, "a@b.example"), StartsWith(want));
    SmtpClient starttls(intake_->endpoints().at(1));
    starttls.reply();
    starttls.say("STARTTLS\r\n");
    starttls.start_tls(folder_ + shown);
    starttls.say("EHLO c\r\n");
    EXPECT_THAT(try_to_relay(starttls, "a@b.example"), StartsWith(want));
  }
  SmtpClient nothing = secure();
  EXPECT_THAT(try_to_relay(nothing, "a@b.example"), StartsWith("550 5.7.1 "));
}

TEST_F(IdentityTest, a_user_sends_as_himself_only) {
  settings_.listen.at(0).kind = conf::ListenKind::submission;
  settings_.users = {{.name = "shop",
                      .from = {conf::SenderPattern::parse("@shop.example").value()},
                      .max_message_rate = std::nullopt,
                      .max_recipients = 0}};
  start();
  SmtpClient client = secure();
  client.say(plain("s3cret"));
  EXPECT_THAT(try_to_relay(client, "boss@b.example"),
              StartsWith("550 5.7.1 shop may not send as boss@b.example"));
  EXPECT_THAT(try_to_relay(client, "me@shop.example"), StartsWith("250 "));
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("From: boss@b.example\r\n\r\nx\r\n.\r\n"),
              StartsWith("550 5.7.1 shop may not send as boss@b.example"));
  EXPECT_EQ(queued(), 0U);
  EXPECT_TRUE(store_.messages().empty());
  EXPECT_THAT(try_to_relay(client, "me@shop.example"), StartsWith("250 "));
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("From: me@shop.example\r\n\r\nx\r\n.\r\n"), StartsWith("250 "));
}

TEST_F(IdentityTest, a_rate_is_a_users_own_or_that_of_any_client) {
  const conf::Rate two{.count = 2, .per = std::chrono::hours(1)};
  settings_.limits.messages_per_client = two;
  settings_.listen.at(0).relay_networks = {Network::parse("127.0.0.0/8").value()};
  start();
  for (const bool login : {false, true}) {
    SmtpClient client = secure();
    if (login) client.say(plain("s3cret"));
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(try_to_relay(client, "a@b.example"), StartsWith("250 "));
      client.say("RSET\r\n");
    }
    EXPECT_THAT(try_to_relay(client, "a@b.example"), StartsWith("450 4.7.1 too many messages; "));
  }
}

TEST_F(IdentityTest, AUT_01_SCRAM_opens_the_relay) {
  write_users(scram_line("shop", "s3cret"));
  start();
  SmtpClient client = connect();
  client.start_tls();
  client.reply();
  EXPECT_THAT(client.say("EHLO c\r\n"), HasSubstr("250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n"));
  const auto begin = [&client](const ScramClient& scram) {
    const std::string reply = client.say("AUTH SCRAM-SHA-256 " + base64(scram.first()) + "\r\n");
    EXPECT_THAT(reply, StartsWith("334 "));
    return decode_base64(reply.substr(4, reply.size() - 6)).value_or("");
  };
  ScramClient wrong{.password = "wrong"};
  const std::string asked = begin(wrong);
  EXPECT_EQ(client.say(base64(wrong.last(asked)) + "\r\n"),
            "535 5.7.8 wrong user name or password\r\n");
  EXPECT_EQ(log_.count("login refused"), 1U);
  ScramClient right{.password = "s3cret"};
  const std::string proof = right.last(begin(right));
  EXPECT_EQ(client.say(base64(proof) + "\r\n"), "334 " + base64(right.server_final) + "\r\n");
  EXPECT_EQ(client.say("*\r\n"), "501 5.7.0 cancelled\r\n");
  EXPECT_THAT(try_to_relay(client, "a@b.example"), StartsWith("550 5.7.1 "));
  client.say("RSET\r\n");
  client.say(base64(right.last(begin(right))) + "\r\n");
  EXPECT_EQ(client.say("\r\n"), "235 2.7.0 authenticated\r\n");
  EXPECT_THAT(try_to_relay(client, "a@b.example"), StartsWith("250 "));
  client.say("DATA\r\n");
  EXPECT_THAT(client.say("x\r\n.\r\n"), StartsWith("250 "));
  EXPECT_EQ(queued_.at(0).first.user, "shop");
  SmtpClient plainly = secure();
  EXPECT_THAT(plainly.say(plain("s3cret")), StartsWith("235 2.7.0 "));
}

TEST_F(IdentityTest, SCRAM_comes_and_goes_with_the_keys_in_the_users_file) {
  const auto offer = [this] {
    SmtpClient client = connect();
    client.start_tls();
    client.reply();
    const std::string said = client.say("EHLO c\r\n");
    return said.find("SCRAM-SHA-256") != std::string::npos;
  };
  start();
  EXPECT_FALSE(offer());
  write_users(scram_line("shop", "s3cret"));
  intake_->reload();
  EXPECT_TRUE(offer());
  write_users(scram_line("shop", "s3cret") + "new:" + std::string(kSecret.substr(5)));
  intake_->reload();
  EXPECT_FALSE(offer()) << "one cannot use it";
}

TEST_F(IdentityTest, a_rule_for_a_user_who_has_no_line_is_told) {
  settings_.users = {{.name = "shop"}, {.name = "Shop"}};
  start();
  EXPECT_EQ(log_.count("a [[user]] has no line in the users file"), 1U);
  intake_->reload();
  EXPECT_EQ(log_.count("a [[user]] has no line in the users file"), 2U);
}

TEST_F(IdentityTest, certificates_and_users_are_read_again) {
  start();
  SmtpClient old = secure();
  write_users(kOther);
  write_certificate();
  intake_->reload();
  EXPECT_THAT(old.say(plain("s3cret")), StartsWith("535 "));
  SmtpClient fresh = secure();
  EXPECT_THAT(fresh.say(plain("other")), StartsWith("235 "));
  EXPECT_NE(old.peer_certificate(), fresh.peer_certificate());
}

TEST_F(IdentityTest, when_its_certificates_expire_is_known_a_file_once) {
  const conf::Listen other = settings_.listen.at(0);
  settings_.listen.push_back(other);
  settings_.listen.push_back({.address = other.address, .tls = conf::ListenTls::none});
  start();
  const auto certificates = intake_->certificates();
  ASSERT_EQ(certificates.size(), 1U);
  EXPECT_EQ(certificates[0].file, other.certificate);
  EXPECT_GT(certificates[0].not_after, SystemClock().utc_now());
}

TEST_F(IdentityTest, what_cannot_be_read_again_stays) {
  start();
  SmtpClient before = secure();
  write_users("no colon here\n");
  fakes::write_pem(folder_ + "/key.pem", "broken");
  intake_->reload();
  EXPECT_EQ(log_.count("cannot be read again; the old one stays"), 2U);
  SmtpClient after = secure();
  EXPECT_THAT(after.say(plain("s3cret")), StartsWith("235 "));
  EXPECT_EQ(before.peer_certificate(), after.peer_certificate());
}

TEST_F(IdentityTest, a_users_file_that_is_needed_and_not_there) {
  settings_.auth.users_file = folder_ + "/missing";
  const auto opened = open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().detail, HasSubstr("/missing"));
  settings_.listen.at(0).auth = conf::ListenAuth::none;
  EXPECT_TRUE(open().has_value());
}

// PROXY protocol, in clear.

class ProxiedTest : public IntakeTest {
 protected:
  ProxiedTest() {
    settings_.listen.at(0).proxy_networks = {Network::parse("127.0.0.0/8").value()};
    settings_.listen.at(0).relay_networks = {Network::parse("192.0.2.0/24").value()};
  }
  static std::string header(char command, std::string_view addresses) {
    std::string text("\r\n\r\n\0\r\nQUIT\n", 12);
    text += command;
    text += '\x11';
    text += '\0';
    text += static_cast<char>(addresses.size());
    return text.append(addresses);
  }
  // 192.0.2.9:1234 to 192.0.2.1:25
  static constexpr std::string_view kClient =
      std::string_view("\xC0\x00\x02\x09\xC0\x00\x02\x01\x04\xD2\x00\x19", 12);
};

TEST_F(ProxiedTest, the_client_is_who_the_proxy_says) {
  start();
  SmtpClient client = connect();
  const std::string text = header('\x21', kClient);
  for (const char c : text)
    client.send(std::string(1, c));
  EXPECT_THAT(client.reply(), StartsWith("220 "));
  client.say("EHLO c\r\n");
  client.say("MAIL FROM:<a@b.example>\r\n");
  EXPECT_THAT(client.say("RCPT TO:<c@d.example>\r\n"), StartsWith("250 "));
  client.say("DATA\r\n");
  client.say("x\r\n.\r\n");
  EXPECT_EQ(queued_.at(0).first.client, "unknown[192.0.2.9]");
  EXPECT_THAT(store_.body(queued_.at(0).first.id), HasSubstr("from c ([192.0.2.9])"));
}

TEST_F(ProxiedTest, a_proxy_that_speaks_for_itself) {
  start();
  SmtpClient client = connect();
  client.send(header('\x20', ""));
  EXPECT_THAT(client.reply(), StartsWith("220 "));
  client.say("EHLO c\r\n");
  client.say("MAIL FROM:<a@b.example>\r\n");
  EXPECT_THAT(client.say("RCPT TO:<c@d.example>\r\n"), StartsWith("550 5.7.1 "));
}

TEST_F(ProxiedTest, no_header_no_words) {
  start();
  for (const std::string& octets :
       {std::string("EHLO client.example\r\n"),
        std::string("PROXY TCP4 192.0.2.9 192.0.2.1 1 2\r\n"), header('\x2F', kClient)}) {
    SmtpClient client = connect();
    client.send(octets);
    EXPECT_EQ(client.rest(), "") << octets;
  }
  EXPECT_EQ(log_.count("its proxy sent no good header"), 1U) << "said once in a while";
  EXPECT_EQ(metrics_.sessions_refused.value(), 3U);
}

TEST_F(ProxiedTest, the_limits_count_clients_not_proxies) {
  settings_.limits.connections_per_client = 1;
  start();
  SmtpClient first = connect();
  first.send(header('\x21', kClient));
  EXPECT_THAT(first.reply(), StartsWith("220 "));
  SmtpClient same = connect();
  same.send(header('\x21', kClient));
  EXPECT_THAT(same.reply(), StartsWith("421 4.7.0 "));
  SmtpClient other = connect();
  std::string another(kClient);
  another[3] = '\x0A';
  other.send(header('\x21', another));
  EXPECT_THAT(other.reply(), StartsWith("220 "));
}

}  // namespace
}  // namespace fulmar::intake
