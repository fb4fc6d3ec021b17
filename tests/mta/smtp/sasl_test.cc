#include "mta/smtp/sasl.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/base64.h"

namespace fulmar::smtp {
namespace {

using Step = SaslExchange::Step;
using Refusal = SaslExchange::Refusal;

std::string plain(std::string identity, const std::string& user, const std::string& password) {
  return base64(identity.append(1, '\0').append(user).append(1, '\0').append(password));
}

std::string said(const Step& step) {
  if (const auto* challenge = std::get_if<SaslExchange::Challenge>(&step)) {
    return "334 " + challenge->text;
  }
  if (const auto* message = std::get_if<ScramMessage>(&step)) {
    return (message->place == ScramMessage::Place::first ? "first " : "later ") + message->octets;
  }
  if (const auto* who = std::get_if<Credentials>(&step)) return who->user() + ':' + who->password();
  switch (std::get<Refusal>(step)) {
    case Refusal::cancelled:
      return "cancelled";
    case Refusal::malformed:
      return "malformed";
    case Refusal::denied:
      return "denied";
  }
  return "?";
}

TEST(Sasl, AUT_01_plain_with_and_without_an_initial_response) {
  auto one = SaslExchange::find("PLAIN", OfferScram::no);
  EXPECT_EQ(said(one->begin(plain("", "shop", "s3cret"))), "shop:s3cret");
  auto two = SaslExchange::find("PLAIN", OfferScram::no);
  EXPECT_EQ(said(two->begin(std::nullopt)), "334 ");
  EXPECT_EQ(said(two->answer(plain("shop", "shop", "s3cret"))), "shop:s3cret");
}

TEST(Sasl, login_asks_for_name_and_password) {
  auto exchange = SaslExchange::find("LOGIN", OfferScram::no);
  EXPECT_EQ(said(exchange->begin(std::nullopt)), "334 VXNlcm5hbWU6");
  EXPECT_EQ(said(exchange->answer(base64("shop"))), "334 UGFzc3dvcmQ6");
  EXPECT_EQ(said(exchange->answer(base64("s3cret"))), "shop:s3cret");
  auto with_name = SaslExchange::find("LOGIN", OfferScram::no);
  EXPECT_EQ(said(with_name->begin(base64("shop"))), "334 UGFzc3dvcmQ6");
  EXPECT_EQ(said(with_name->answer(base64("s3cret"))), "shop:s3cret");
}

TEST(Sasl, AUT_02_what_is_no_answer) {
  struct Row {
    std::string line;
    std::string want;
  };
  const std::string nul(1, '\0');
  const std::vector<Row> rows = {
      {"*", "cancelled"},
      {"=", "malformed"},
      {"", "malformed"},
      {"AGEAYg", "malformed"},
      {base64("no nul at all"), "malformed"},
      {base64(nul + "one"), "malformed"},
      {plain("", "", "p"), "malformed"},
      {plain("", "u", ""), "malformed"},
      {plain("", "u", "p" + nul + "q"), "malformed"},
      {plain("", "\xFF", "p"), "malformed"},
      {plain("", std::string(256, 'u'), "p"), "malformed"},
      {plain("", "u", std::string(512, 'p')), "malformed"},
      {plain("admin", "u", "p"), "denied"},
      {plain("", std::string(255, 'u'), "p"), std::string(255, 'u') + ":p"},
  };
  for (const Row& row : rows) {
    auto exchange = SaslExchange::find("PLAIN", OfferScram::no);
    ASSERT_EQ(said(exchange->begin(std::nullopt)), "334 ");
    EXPECT_EQ(said(exchange->answer(row.line)), row.want) << row.line;
  }
}

TEST(Sasl, an_empty_initial_response_is_an_equals_sign) {
  EXPECT_EQ(said(SaslExchange::find("PLAIN", OfferScram::no)->begin("=")), "malformed");
  EXPECT_EQ(said(SaslExchange::find("LOGIN", OfferScram::no)->begin("=")), "malformed");
}

TEST(Sasl, SCRAM_is_handed_on_message_by_message) {
  auto one = SaslExchange::find("SCRAM-SHA-256", OfferScram::yes);
  EXPECT_EQ(said(one->begin(base64("n,,n=u,r=1"))), "first n,,n=u,r=1");
  EXPECT_EQ(said(one->answer(base64("c=biws,r=12,p=x"))), "later c=biws,r=12,p=x");
  EXPECT_EQ(said(one->answer("")), "later ") << "to the server's last message";
  auto two = SaslExchange::find("SCRAM-SHA-256", OfferScram::yes);
  EXPECT_EQ(said(two->begin(std::nullopt)), "334 ") << "the client begins";
  EXPECT_EQ(said(two->answer(base64("n,,n=u,r=1"))), "first n,,n=u,r=1");
}

TEST(Sasl, AUT_02_what_is_no_message_of_SCRAM) {
  struct Row {
    std::string line;
    std::string first;
    std::string later;
  };
  const std::string longest(ScramMessage::kMaxOctets, 'x');
  const std::vector<Row> rows = {
      {"*", "cancelled", "cancelled"},
      {"", "malformed", "later "},
      {"=", "malformed", "malformed"},
      {"bixu", "first n,n", "later n,n"},
      {"bix", "malformed", "malformed"},
      {"n,,n=u", "malformed", "malformed"},
      {base64(longest), "first " + longest, "later " + longest},
      {base64(longest + 'x'), "malformed", "malformed"},
  };
  for (const Row& row : rows) {
    auto exchange = SaslExchange::find("SCRAM-SHA-256", OfferScram::yes);
    ASSERT_EQ(said(exchange->begin(std::nullopt)), "334 ");
    EXPECT_EQ(said(exchange->answer(row.line)), row.first) << row.line;
    auto begun = SaslExchange::find("SCRAM-SHA-256", OfferScram::yes);
    ASSERT_EQ(said(begun->begin(base64("n"))), "first n");
    EXPECT_EQ(said(begun->answer(row.line)), row.later) << row.line;
  }
  EXPECT_EQ(said(SaslExchange::find("SCRAM-SHA-256", OfferScram::yes)->begin("=")), "malformed");
}

TEST(Sasl, mechanisms_that_are_not_served) {
  for (const std::string name :
       {"", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "plain", "XOAUTH2", "EXTERNAL"})
    EXPECT_FALSE(SaslExchange::find(name, OfferScram::yes)) << name;
  EXPECT_FALSE(SaslExchange::find("SCRAM-SHA-256", OfferScram::no));
}

}  // namespace
}  // namespace fulmar::smtp
