// SCRAM keys: how they are written, and that they are those that others derive.
#include "mta/intake/scram_keys.h"

#include <gmock/gmock.h>

#include <array>
#include <vector>

#include "tests/mta/intake/scram_client.h"

namespace fulmar::intake {
namespace {

using testing::HasSubstr;
using testing::Not;

// RFC 7677 §3: user "user", password "pencil".
const std::string kSalt = "W22ZaJ0SNY7soEsUEjb6gQ==";
const std::string kVector =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

std::string octets_of(const ScramKeys::Key& key) {
  return {key.begin(), key.end()};
}

TEST(ScramKeys, the_example_of_RFC_7677) {
  const ScramKeys keys = derive_scram_keys("pencil", *decode_base64(kSalt), 4096).value();
  EXPECT_EQ(to_string(keys), kVector);
  const std::string all =
      "n=user,r=rOprNGfwEbeRWgbNEkqO,"
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const std::string proof = *decode_base64("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  const std::string client_key = exclusive_or(proof, hmac_sha256(octets_of(keys.stored), all));
  EXPECT_EQ(sha256(client_key), octets_of(keys.stored)) << "the proof is right";
  EXPECT_EQ(base64(hmac_sha256(octets_of(keys.server), all)),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(ScramKeys, what_is_written_is_read) {
  const ScramKeys keys = parse_scram_keys(kVector).value();
  EXPECT_EQ(keys.iterations, 4096U);
  EXPECT_EQ(base64(keys.salt), kSalt);
  EXPECT_EQ(to_string(keys), kVector);
}

TEST(ScramKeys, what_is_not_their_form_is_refused_and_not_shown) {
  const auto with = [](const std::string& cost, const std::string& rest) {
    return "SCRAM-SHA-256$" + cost + '$' + rest;
  };
  const std::string salt = ":W22ZaJ0SNY7soEsUEjb6gQ==";
  const std::string key = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=";
  const std::string keys = key + ':' + key;
  const auto salt_of = [](std::size_t octets) { return ':' + base64(std::string(octets, 's')); };
  for (const std::string& good : {with("5000000" + salt, keys), with("4096" + salt_of(8), keys),
                                  with("4096" + salt_of(64), keys)})
    EXPECT_TRUE(parse_scram_keys(good)) << good;
  const std::vector<std::string> bad = {
      "",
      "SCRAM-SHA-256",
      "SCRAM-SHA-256$",
      "scram-sha-256" + kVector.substr(13),
      "SCRAM-SHA-1$" + kVector.substr(14),
      "SCRAM-SHA-256-PLUS$" + kVector.substr(14),
      kVector + ' ',
      kVector + ":1000",
      kVector + '\n',
      kVector.substr(0, kVector.size() - 1),
      with("4095" + salt, keys),
      with("5000001" + salt, keys),
      with("99999999999999999999" + salt, keys),
      with(salt, keys),
      with("+4096" + salt, keys),
      with("04096" + salt, keys),
      with("0x1000" + salt, keys),
      with("4096 " + salt, keys),
      with("4096", keys),
      with("4096:", keys),
      with("4096" + salt_of(7), keys),
      with("4096" + salt_of(65), keys),
      with("4096:W22ZaJ0SNY7soEsUEjb6gQ", keys),
      with("4096:W22ZaJ0SNY7soEsUEjb6gR==", keys),
      with("4096" + salt, key),
      with("4096" + salt, key + ':'),
      with("4096" + salt, ':' + key),
      with("4096" + salt, key + '$' + key),
      with("4096" + salt, key + ':' + base64(std::string(31, 'k'))),
      with("4096" + salt, key + ':' + base64(std::string(33, 'k'))),
      with("4096" + salt, base64(std::string(64, 'k')) + ':' + key),
      with("4096" + salt, "hunter2:" + key),
  };
  for (const std::string& text : bad) {
    const auto parsed = parse_scram_keys(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::syntax);
    EXPECT_THAT(parsed.error().detail, Not(HasSubstr("hunter2")));
    EXPECT_THAT(parsed.error().detail, Not(HasSubstr("WG5d")));
  }
}

TEST(ScramKeys, the_password_is_prepared_where_SASLprep_can) {
  const auto derived = [](const std::string& password) {
    return derive_scram_keys(password, "saltsalt", 4096).value();
  };
  EXPECT_EQ(derived("p\u00e4sse"), derived("pa\u0308sse")) << "composed";
  EXPECT_EQ(derived("a\u00a0b"), derived("a b"));
  EXPECT_EQ(derived("I\u00adX"), derived("IX")) << "RFC 4013 §3";
  EXPECT_NE(derived("user"), derived("USER"));
  EXPECT_NE(derived("\u2713"), derived("\U0001F511")) << "newer than SASLprep knows";
  for (const char* raw : {"\u00ad", "a\u0007b", "\u0627\u0031", "\xFF\xFE"})
    EXPECT_NE(derived(raw), derived("")) << "as it is";
}

constexpr std::array<std::uint8_t, 32> kSecret{1};

TEST(ScramKeys, whoever_does_not_exist_has_the_same_ones_each_time) {
  const ScramCost cost{.iterations = 10'000, .salt_size = 12};
  const ScramKeys keys = stand_in_scram_keys(kSecret, "nobody", cost).value();
  EXPECT_EQ(keys.iterations, 10'000U);
  EXPECT_EQ(keys.salt.size(), 12U);
  EXPECT_EQ(stand_in_scram_keys(kSecret, "nobody", cost).value(), keys);
  const ScramKeys other = stand_in_scram_keys(kSecret, "nobodx", cost).value();
  EXPECT_NE(other.salt, keys.salt);
  EXPECT_NE(other.stored, keys.stored);
  EXPECT_NE(stand_in_scram_keys(std::array<std::uint8_t, 32>{2}, "nobody", cost)->salt, keys.salt)
      << "another secret";
  const ScramKeys longer =
      stand_in_scram_keys(kSecret, "nobody", {.iterations = 4096, .salt_size = 64}).value();
  EXPECT_TRUE(longer.salt.starts_with(keys.salt));
  EXPECT_TRUE(parse_scram_keys(to_string(longer)));
}

TEST(ScramKeys, whoever_does_not_exist_costs_what_one_of_the_others_does) {
  EXPECT_EQ(stand_in_scram_cost(kSecret, "nobody", {}), ScramCost{});
  const ScramCost one{.iterations = 5000, .salt_size = 8};
  const ScramCost two{.iterations = 6000, .salt_size = 9};
  const std::array costs = {one, two, two, two};
  int cheap = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string name = "nobody" + std::to_string(i);
    const ScramCost cost = stand_in_scram_cost(kSecret, name, costs);
    EXPECT_EQ(stand_in_scram_cost(kSecret, name, costs), cost);
    EXPECT_TRUE(cost == one || cost == two);
    cheap += cost == one ? 1 : 0;
  }
  EXPECT_GT(cheap, 60) << "one in four";
  EXPECT_LT(cheap, 140);
}

}  // namespace
}  // namespace fulmar::intake
