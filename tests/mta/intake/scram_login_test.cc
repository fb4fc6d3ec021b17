// Logins by SCRAM against a users file: what is said to whom, and who must wait.
#include "mta/intake/scram_login.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>

#include "tests/fakes/fake_clock.h"
#include "tests/mta/intake/log_lines.h"
#include "tests/mta/intake/scram_client.h"
#include "tests/mta/intake/users_file.h"

namespace fulmar::intake {
namespace {

using namespace std::chrono_literals;
using testing::MatchesRegex;
using testing::StartsWith;
using testing::UnorderedElementsAre;
using Verdict = ScramLogin::Verdict;

std::string word(Verdict verdict) {
  switch (verdict) {
    case Verdict::accepted:
      return "accepted";
    case Verdict::refused:
      return "refused";
    case Verdict::try_later:
      return "try later";
    case Verdict::malformed:
      return "malformed";
    case Verdict::denied:
      return "denied";
  }
  return "?";
}

/// The challenge, or the verdict in a word.
std::string said(const ScramLogin::Answer& answer) {
  if (const auto* challenge = std::get_if<ScramLogin::Challenge>(&answer)) return challenge->octets;
  return word(std::get<Verdict>(answer));
}

class ScramLoginTest : public testing::Test {
 protected:
  /// The end of a login by `client`, whatever it is. After its step `at`, `change` happens.
  std::string run(ScramClient client, const std::string& from = "192.0.2.1", int at = 0,
                  const std::function<void()>& change = {}) {
    ScramLogin login(*authenticator_, IpAddress::parse(from).value());
    const std::string first = said(login.answer(client.first()));
    if (!first.starts_with("r=")) return first;
    if (at == 1) change();
    const std::string last = said(login.answer(client.last(first)));
    if (!last.starts_with("v=")) return last;
    if (at == 2) change();
    EXPECT_EQ(last, client.server_final) << "the server has shown that it knows the password";
    user_ = login.user();
    return said(login.answer(""));
  }
  /// The server's first message.
  std::string begin(const std::string& message) {
    ScramLogin login(*authenticator_, IpAddress::parse("192.0.2.1").value());
    return said(login.answer(message));
  }
  void pass_time() { clock_.advance(15min); }

  const std::string lines_ =
      scram_line("shop", "secret") + scram_line("b\u00fccher", "p\u00e4sse") +
      scram_line("a,b=c", "comma") + scram_line(std::string(255, 'n'), "long");
  fakes::FakeClock clock_;
  UsersFile file_{lines_};
  std::unique_ptr<Authenticator> authenticator_ =
      Authenticator::create(file_.path(), ScramSecret{}, clock_).value();
  std::string user_;
};

TEST_F(ScramLoginTest, a_user_with_the_right_password_is_accepted_and_nobody_else) {
  struct Case {
    ScramClient client;
    std::string want;
  };
  const Case cases[] = {
      {{}, "accepted"},
      {{.header = "y,,"}, "accepted"},
      {{.header = "n,a=shop,"}, "accepted"},
      {{.header = "n,a=,"}, "accepted"},
      {{.user = "b\u00fccher", .password = "p\u00e4sse"}, "accepted"},
      {{.user = "a=2Cb=3Dc", .password = "comma", .header = "n,a=a=2Cb=3Dc,"}, "accepted"},
      {{.user = std::string(255, 'n'), .password = "long"}, "accepted"},
      {{.nonce = std::string(1500, 'n')}, "accepted"},
      {{.password = "Secret"}, "refused"},
      {{.password = ""}, "refused"},
      {{.user = "Shop"}, "refused"},
      {{.user = "nobody"}, "refused"},
      {{.user = "bu\u0308cher", .password = "p\u00e4sse"}, "refused"},
      {{.header = "n,a=admin,"}, "denied"},
      {{.user = "nobody", .header = "n,a=shop,"}, "denied"},
      // Lies about the channel, and about the exchange.
      {{.header = "n,,", .bound = "y,,"}, "refused"},
      {{.header = "y,,", .bound = "n,,"}, "refused"},
      {{.bound = "p=tls-unique,,"}, "refused"},
      {{.bound = "n,,x"}, "refused"},
      {{.more_nonce = "x"}, "refused"},
      {{.header = "p=tls-unique,,"}, "malformed"},
      {{.header = "p=tls-exporter,,"}, "malformed"},
      {{.header = "x,,"}, "malformed"},
      {{.user = ""}, "malformed"},
      {{.user = "\xFF"}, "malformed"},
      {{.user = "\u00ad"}, "malformed"},
      {{.user = "a\u0007"}, "malformed"},
      {{.user = std::string(256, 'n')}, "malformed"},
      {{.nonce = ""}, "malformed"},
      {{.nonce = std::string("a\0b", 3)}, "malformed"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(run(each.client), each.want) << each.client.first() << ' ' << each.client.bound;
    pass_time();
  }
  EXPECT_EQ(run({.user = "a=2Cb=3Dc", .password = "comma"}), "accepted");
  EXPECT_EQ(user_, "a,b=c");
}

TEST_F(ScramLoginTest, first_messages_that_are_none) {
  for (const std::string message :
       {"n", "n,", "n,,", "n,,n=shop", "n,,r=1", "n,,r=1,n=shop", "n,,m=x,n=shop,r=1",
        ",,n=shop,r=1", "n,x,n=shop,r=1", "nn,,n=shop,r=1", "{}"})
    EXPECT_EQ(begin(message), "malformed") << message;
}

TEST_F(ScramLoginTest, the_octets_of_a_nonce_are_not_looked_at) {
  EXPECT_THAT(begin("n,,n=shop,r=1\r\n\x01\xFF"), StartsWith("r=1"));
}

TEST_F(ScramLoginTest, last_messages_that_are_none) {
  struct Case {
    std::string text;  // '%' stands for the nonce
    std::string want;
  };
  const std::string proof = ",p=" + base64(std::string(32, 'p'));
  const Case cases[] = {
      {"c=biws,r=%" + proof, "refused"},
      {"c=biws,r=" + proof, "malformed"},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO" + proof, "refused"},
      {"c=biws,r=%", "malformed"},
      {"c=biws,r=%,p=", "malformed"},
      {"c=biws,r=%,p=" + base64(std::string(31, 'p')), "malformed"},
      {"c=biws,r=%,p=" + base64(std::string(33, 'p')), "malformed"},
      {"c=biws,r=%,p=%%%", "malformed"},
      {"c=biws,r=%" + proof + ",x=y", "malformed"},
      {"c=,r=%" + proof, "malformed"},
      {"c=!,r=%" + proof, "malformed"},
      {"r=%,c=biws" + proof, "malformed"},
      {"c=biws,r=%,x=y" + proof, "refused"},
      {std::string("c=biws,r=%\0", 11) + proof, "malformed"},
      {"", "malformed"},
      {"*", "malformed"},
  };
  for (const Case& each : cases) {
    for (const std::string user : {"shop", "nobody"}) {
      ScramLogin login(*authenticator_, IpAddress::parse("192.0.2.1").value());
      const std::string first = said(login.answer(ScramClient{.user = user}.first()));
      std::string text = each.text;
      if (const auto at = text.find('%'); at != std::string::npos)
        text.replace(at, 1, scram_value(first, 'r'));
      EXPECT_EQ(said(login.answer(text)), each.want) << user << ": " << each.text;
      pass_time();
    }
  }
}

TEST_F(ScramLoginTest, the_answer_to_the_servers_last_message_is_empty) {
  ScramClient client;
  ScramLogin login(*authenticator_, IpAddress::parse("192.0.2.1").value());
  const std::string first = said(login.answer(client.first()));
  EXPECT_EQ(said(login.answer(client.last(first))), client.server_final);
  EXPECT_EQ(said(login.answer("x")), "malformed");
}

TEST_F(ScramLoginTest, a_proof_is_good_for_one_exchange) {
  ScramClient client;
  const IpAddress address = IpAddress::parse("192.0.2.1").value();
  ScramLogin one(*authenticator_, address);
  ScramLogin other(*authenticator_, address);
  const std::string proof = client.last(said(one.answer(client.first())));
  EXPECT_NE(said(other.answer(client.first())), "malformed");
  EXPECT_EQ(said(other.answer(proof)), "refused") << "overheard";
}

TEST_F(ScramLoginTest, whoever_does_not_exist_looks_like_the_others) {
  const std::string seen = begin("n,,n=nobody,r=1");
  EXPECT_THAT(seen, MatchesRegex("r=1[!-+.-~-]+,s=[A-Za-z0-9+/]+=*,i=4096"));
  EXPECT_EQ(scram_value(begin("n,,n=nobody,r=1"), 's'), scram_value(seen, 's')) << "each time";
  EXPECT_NE(scram_value(begin("n,,n=nobody,r=1"), 'r'), scram_value(seen, 'r'));
  EXPECT_NE(scram_value(begin("n,,n=another,r=1"), 's'), scram_value(seen, 's'));
  const std::string known = begin("n,,n=shop,r=1");
  EXPECT_EQ(scram_value(known, 's').size(), scram_value(seen, 's').size());
  EXPECT_EQ(scram_value(known, 'i'), scram_value(seen, 'i'));
  EXPECT_EQ(scram_value(known, 'r').size(), scram_value(seen, 'r').size());
  ASSERT_TRUE(authenticator_->reload(file_.path()));
  EXPECT_EQ(scram_value(begin("n,,n=nobody,r=1"), 's'), scram_value(seen, 's'));
  authenticator_ = Authenticator::create(file_.path(), ScramSecret{}, clock_).value();
  EXPECT_EQ(scram_value(begin("n,,n=nobody,r=1"), 's'), scram_value(seen, 's'))
      << "redteam_42: a restart does not tell";
  authenticator_ = Authenticator::create(file_.path(), ScramSecret{1}, clock_).value();
  EXPECT_NE(scram_value(begin("n,,n=nobody,r=1"), 's'), scram_value(seen, 's'));
}

TEST_F(ScramLoginTest, redteam_42_no_cost_tells_who_exists) {
  file_.write(scram_line("a", "one", 5000, "12345678") + scram_line("b", "two", 6000, "123456789"));
  ASSERT_TRUE(authenticator_->reload(file_.path()));
  std::set<std::string> costs;
  for (int i = 0; i < 40; ++i)
    costs.insert(scram_value(begin("n,,n=nobody" + std::to_string(i) + ",r=1"), 'i'));
  EXPECT_THAT(costs, UnorderedElementsAre("5000", "6000"));
}

TEST_F(ScramLoginTest, redteam_43_a_long_name_is_refused_before_anything_is_made_of_it) {
  // Each of these letters becomes 33 octets; 20 ms of work, for somebody unknown.
  std::string name;
  for (int i = 0; i < 86; ++i)
    name += "\uFDFA";
  EXPECT_EQ(begin("n,,n=" + name + ",r=1"), "malformed");
  EXPECT_EQ(begin("n,,n=" + std::string(256, 'x') + ",r=1"), "malformed");
}

TEST_F(ScramLoginTest, redteam_44_signs_of_the_form_are_undone_before_the_name_is_looked_at) {
  file_.write(scram_line("\u05D0,\u05D1", "secret"));
  ASSERT_TRUE(authenticator_->reload(file_.path()));
  EXPECT_THAT(begin("n,,n=\u05D0=2C\u05D1,r=1"), StartsWith("r=1"));
  for (const std::string wrong : {"a=b", "a=", "a=2", "a=2c", "=2C=", "=3d"}) {
    EXPECT_EQ(begin("n,,n=" + wrong + ",r=1"), "malformed") << "RFC 5802 5.1: " << wrong;
  }
}

TEST_F(ScramLoginTest, redteam_45_a_user_taken_away_meanwhile_does_not_get_in) {
  for (const std::string& lines : {scram_line("other", "secret"), scram_line("shop", "another")}) {
    for (const bool proven : {false, true}) {
      file_.write(lines_);
      ASSERT_TRUE(authenticator_->reload(file_.path()));
      const auto change = [&] {
        file_.write(lines);
        ASSERT_TRUE(authenticator_->reload(file_.path()));
      };
      EXPECT_EQ(run({}, "192.0.2.1", proven ? 2 : 1, change), "refused");
    }
  }
}

TEST_F(ScramLoginTest, a_user_without_keys_is_as_good_as_none) {
  file_.write(lines_ + user_line("old", "secret"));
  ASSERT_TRUE(authenticator_->reload(file_.path()));
  EXPECT_FALSE(authenticator_->users()->all_have_scram()) << "it is not offered any more";
  EXPECT_EQ(run({.user = "old"}), "refused");
  EXPECT_EQ(run({}), "accepted") << "who was offered it before";
}

TEST_F(ScramLoginTest, AUT_03_after_five_failures_nothing_from_there_is_looked_at) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(run({.password = "wrong"}), "refused");
  EXPECT_EQ(run({}), "try later") << "not even the right one";
  EXPECT_EQ(begin(ScramClient{}.first()), "try later") << "no salt is told";
  EXPECT_EQ(run({}, "192.0.2.2"), "accepted");
  EXPECT_EQ(run({.user = "a=2Cb=3Dc", .password = "comma"}), "accepted") << "another name";
  clock_.advance(1s);
  EXPECT_EQ(run({}), "accepted");
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(run({.password = "wrong"}), "refused") << "a new run";
  EXPECT_EQ(run({}), "accepted");
}

TEST_F(ScramLoginTest, exchanges_that_began_together_do_not_all_count_as_the_first) {
  constexpr int kLogins = 20;
  std::vector<std::unique_ptr<ScramLogin>> logins;
  std::vector<std::string> first;
  for (int i = 0; i < kLogins; ++i) {
    logins.push_back(
        std::make_unique<ScramLogin>(*authenticator_, IpAddress::parse("192.0.2.1").value()));
    first.push_back(said(logins.back()->answer(ScramClient{}.first())));
  }
  ScramClient wrong{.password = "wrong"};
  int refused = 0;
  for (std::size_t i = 0; i < logins.size(); ++i)
    refused += said(logins[i]->answer(wrong.last(first[i]))) == "refused" ? 1 : 0;
  EXPECT_EQ(refused, 5);
}

TEST_F(ScramLoginTest, at_the_end_of_the_program_nothing_is_looked_at) {
  ScramClient client;
  ScramLogin login(*authenticator_, IpAddress::parse("192.0.2.1").value());
  const std::string first = said(login.answer(client.first()));
  authenticator_->stop();
  EXPECT_EQ(said(login.answer(client.last(first))), "try later");
  EXPECT_EQ(begin(client.first()), "try later");
}

}  // namespace
}  // namespace fulmar::intake
