#include "queue/message.h"

#include <gtest/gtest.h>

#include "base/ascii.h"
#include "queue/codec.h"

namespace fulmar::queue {
namespace {

Delivery refused_at_length(std::size_t recipients, const std::string& words) {
  Delivery delivery;
  delivery.recipients.resize(recipients);
  for (Recipient& recipient : delivery.recipients) {
    recipient.last_reply = words;
    recipient.last_failure = make_error(Errc::connect_failed, words);
  }
  return delivery;
}

TEST(BoundTexts, a_record_of_long_replies_has_a_bound) {
  struct Case {
    std::size_t recipients;
    std::size_t want;  ///< Octets of each text.
  };
  const Case cases[] = {{1, 4096}, {16, 4096}, {17, 3855}, {100, 655}, {218, 300}, {1'000, 300}};
  for (const Case& row : cases) {
    Delivery delivery = refused_at_length(row.recipients, std::string(10'000, 'x'));
    bound_texts(delivery);
    for (const Recipient& recipient : delivery.recipients) {
      ASSERT_EQ(recipient.last_reply, std::string(row.want - 5, 'x') + "[...]") << row.recipients;
      ASSERT_EQ(recipient.last_failure->detail, recipient.last_reply) << row.recipients;
    }
    const Delivery once = delivery;
    bound_texts(delivery);
    EXPECT_EQ(delivery, once) << "what is short enough is left alone";
  }
}

TEST(BoundTexts, the_largest_delivery_stays_a_record_of_reasonable_size) {
  Delivery delivery = refused_at_length(1'000, std::string(60'000, 'x'));
  bound_texts(delivery);
  EXPECT_LT(encode(delivery).size(), 700'000U);
}

TEST(BoundTexts, short_texts_stay_verbatim) {
  Delivery delivery = refused_at_length(1'000, "450-4.2.0 one\n450 4.2.0 two\xFF\x01");
  delivery.recipients[1] = {};
  delivery.recipients[2].last_reply = std::string(300, 'x');
  const Delivery before = delivery;
  bound_texts(delivery);
  EXPECT_EQ(delivery, before);
  Delivery none;
  bound_texts(none);
  EXPECT_EQ(none, Delivery{});
}

TEST(BoundTexts, no_character_is_cut_in_two) {
  // 2, 3 and 4 octets.
  for (const std::string character : {"\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x90\xA6"}) {
    for (std::size_t shift = 0; shift < character.size(); ++shift) {
      std::string words(shift, 'x');
      while (words.size() < 6'000)
        words += character;
      Delivery delivery = refused_at_length(1, words);
      bound_texts(delivery);
      const std::string& reply = delivery.recipients[0].last_reply;
      EXPECT_TRUE(is_valid_utf8(reply)) << shift;
      EXPECT_TRUE(reply.ends_with("[...]"));
      EXPECT_LE(reply.size(), 4096U);
      EXPECT_GT(reply.size(), 4096U - character.size());
    }
  }
}

TEST(BoundTexts, octets_that_are_no_characters_are_cut_at_the_bound) {
  Delivery delivery = refused_at_length(1, std::string(10'000, '\x80'));
  bound_texts(delivery);
  EXPECT_EQ(delivery.recipients[0].last_reply, std::string(4091, '\x80') + "[...]");
}

}  // namespace
}  // namespace fulmar::queue
