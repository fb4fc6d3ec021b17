#include "queue/codec.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/queue/random_records.h"

namespace fulmar::queue {
namespace {

TEST(Codec, messages_come_back_as_they_were) {
  RandomRecords records(1);
  for (int i = 0; i < 500; ++i) {
    const Message message = records.message();
    const auto decoded = decode_message(encode(message));
    ASSERT_TRUE(decoded) << to_string(decoded.error());
    EXPECT_EQ(*decoded, message);
  }
}

TEST(Codec, deliveries_come_back_as_they_were) {
  RandomRecords records(2);
  for (int i = 0; i < 500; ++i) {
    const Delivery delivery = records.delivery();
    const auto decoded = decode_delivery(encode(delivery));
    ASSERT_TRUE(decoded) << to_string(decoded.error());
    EXPECT_EQ(*decoded, delivery);
  }
}

TEST(Codec, what_was_shown_without_TLS_comes_back_and_nothing_beyond_it_is_taken) {
  for (const auto exposure : {Exposure::nothing, Exposure::envelope, Exposure::content}) {
    Delivery delivery;
    delivery.recipients.resize(1);
    delivery.recipients[0].exposure = exposure;
    EXPECT_EQ(decode_delivery(encode(delivery)), delivery);
  }
  Delivery delivery;
  delivery.recipients.resize(1);
  delivery.recipients[0].exposure = static_cast<Exposure>(3);
  EXPECT_EQ(decode_delivery(encode(delivery)).error().code, Errc::corrupt);
}

TEST(Codec, redteam_52_how_far_the_message_came_comes_back_and_nothing_beyond_it_is_taken) {
  for (const auto given : {Given::nothing, Given::content, Given::unknown, Given::in_doubt}) {
    Delivery delivery;
    delivery.recipients.resize(1);
    for (Given* each :
         {&delivery.recipients[0].given.latest, &delivery.recipients[0].given.before}) {
      *each = given;
      EXPECT_EQ(decode_delivery(encode(delivery)), delivery);
      *each = static_cast<Given>(4);
      EXPECT_EQ(decode_delivery(encode(delivery)).error().code, Errc::corrupt);
      *each = Given::nothing;
    }
  }
}

TEST(Codec, empty_records_come_back) {
  EXPECT_EQ(decode_message(encode(Message{})), Message{});
  EXPECT_EQ(decode_delivery(encode(Delivery{})), Delivery{});
}

TEST(Codec, every_class_of_failure_comes_back) {
  Delivery delivery;
  for (int code = 0; code <= std::to_underlying(Errc::administrative); ++code) {
    Recipient recipient;
    recipient.last_failure = make_error(static_cast<Errc>(code), "x");
    delivery.recipients.push_back(recipient);
  }
  EXPECT_EQ(decode_delivery(encode(delivery)), delivery);
}

template <class Decode>
void expect_corrupt_when_cut(const std::string& bytes, Decode decode) {
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto decoded = decode(std::string_view(bytes).substr(0, length));
    ASSERT_FALSE(decoded) << length;
    ASSERT_EQ(decoded.error().code, Errc::corrupt) << length;
  }
}

TEST(Codec, a_record_cut_at_any_octet_is_corrupt) {
  RandomRecords records(3);
  for (int i = 0; i < 5; ++i) {
    expect_corrupt_when_cut(encode(records.message()), decode_message);
    expect_corrupt_when_cut(encode(records.delivery()), decode_delivery);
  }
}

TEST(Codec, octets_left_over_are_corrupt) {
  RandomRecords records(4);
  EXPECT_EQ(decode_message(encode(records.message()) + '\0').error().code, Errc::corrupt);
  EXPECT_EQ(decode_delivery(encode(records.delivery()) + 'x').error().code, Errc::corrupt);
}

TEST(Codec, a_record_of_a_later_version_says_so) {
  RandomRecords records(5);
  std::string message = encode(records.message());
  std::string delivery = encode(records.delivery());
  ++message[1];
  ++delivery[1];
  EXPECT_EQ(decode_message(message).error().code, Errc::newer_version);
  EXPECT_EQ(decode_delivery(delivery).error().code, Errc::newer_version);
  // Whatever a later version writes behind its version is nothing to be judged here.
  EXPECT_EQ(decode_message(message.substr(0, 2)).error().code, Errc::newer_version);
  message[1] = 0;
  EXPECT_EQ(decode_message(message).error().code, Errc::corrupt);
}

/// Octets that version 3 put behind a message without envelope id and user, and version 4 behind
/// one that is no notice.
constexpr std::size_t kMessageV3 = 1 + 1 + 4 + 4;
constexpr std::size_t kMessageV4 = 1;

TEST(Codec, a_message_of_version_3_is_about_no_other) {
  RandomRecords records(15);
  for (int i = 0; i < 50; ++i) {
    Message message = records.message();
    message.about.reset();
    std::string bytes = encode(message);
    ASSERT_EQ(bytes[1], 4);
    bytes[1] = 3;
    EXPECT_EQ(decode_message(bytes).error().code, Errc::corrupt) << "the rest is left over";
    bytes.resize(bytes.size() - kMessageV4);
    EXPECT_EQ(decode_message(bytes), message);
  }
}

TEST(Codec, a_message_of_version_2_asks_for_nothing_about_notices) {
  RandomRecords records(13);
  for (int i = 0; i < 50; ++i) {
    Message message = records.message();
    message.envelope_id.clear();
    message.user.clear();
    message.about.reset();
    std::string bytes = encode(message);
    bytes[1] = 2;
    EXPECT_EQ(decode_message(bytes).error().code, Errc::corrupt) << "the rest is left over";
    bytes.resize(bytes.size() - kMessageV3 - kMessageV4);
    message.smtputf8 = false;
    message.ret = DsnReturn::unstated;
    EXPECT_EQ(decode_message(bytes), message);
  }
}

TEST(Codec, a_message_of_version_1_demands_and_waives_nothing) {
  RandomRecords records(10);
  for (int i = 0; i < 50; ++i) {
    Message message = records.message();
    message.envelope_id.clear();
    message.user.clear();
    message.about.reset();
    message.smtputf8 = false;
    message.ret = DsnReturn::unstated;
    std::string bytes = encode(message);
    bytes[1] = 1;
    bytes.resize(bytes.size() - kMessageV3 - kMessageV4);
    EXPECT_EQ(decode_message(bytes).error().code, Errc::corrupt) << "the two flags are left over";
    bytes.resize(bytes.size() - 2);
    message.requiretls = false;
    message.tls_optional = false;
    EXPECT_EQ(decode_message(bytes), message);
  }
}

TEST(Codec, SMU_05_what_goes_into_commands_is_checked_when_it_is_read) {
  Message message;
  message.envelope_id = "QQ314159";
  EXPECT_EQ(decode_message(encode(message)), message);
  message.envelope_id = "a b";
  EXPECT_EQ(decode_message(encode(message)).error().code, Errc::corrupt);
  RandomRecords records(14);
  Delivery delivery = records.delivery();
  delivery.recipients[0].original_recipient = "rfc822;a\r\nRSET";
  EXPECT_EQ(decode_delivery(encode(delivery)).error().code, Errc::corrupt);
}

/// Where an encoded delivery to b.example says that it is held: behind the destination's text and
/// two times, three counts.
constexpr std::size_t kHeldAt = 2 + MessageId::kBytes + 4 + 1 + 9 + 8 + 8 + 4 + 4 + 4;
/// Octets that version 4 put behind a recipient without ORCPT.
constexpr std::size_t kRecipientV4 = 1 + 4;
/// And version 5 behind that.
constexpr std::size_t kRecipientV5 = 1 + 1;
constexpr std::size_t kBehindV3 = kRecipientV4 + kRecipientV5;
constexpr std::size_t kEmptyHistory = 4;

/// To b.example, one recipient that has no wishes, an empty history.
Delivery small_delivery(RandomRecords& records) {
  Delivery delivery = records.delivery();
  delivery.destination = Domain::parse("b.example").value();
  delivery.recipients.resize(1);
  delivery.recipients[0].notify = {};
  delivery.recipients[0].original_recipient.clear();
  delivery.history.clear();
  return delivery;
}

/// What is known of `delivery` when an older program wrote it.
Delivery as_of_before_version_5(Delivery delivery) {
  const Given given = delivery.attempts > 0 ? Given::unknown : Given::nothing;
  delivery.recipients[0].given = {.latest = given, .before = given};
  return delivery;
}

TEST(Codec, redteam_52_of_what_an_older_program_attempted_nobody_knows_how_far_it_came) {
  RandomRecords records(16);
  for (const std::uint32_t attempts : {0U, 1U, 7U}) {
    Delivery delivery = small_delivery(records);
    delivery.attempts = attempts;
    std::string bytes = encode(delivery);
    ASSERT_EQ(bytes[1], 5);
    bytes[1] = 4;
    EXPECT_EQ(decode_delivery(bytes).error().code, Errc::corrupt) << "the rest is left over";
    bytes.erase(bytes.size() - kEmptyHistory - kRecipientV5, kRecipientV5);
    EXPECT_EQ(decode_delivery(bytes), as_of_before_version_5(delivery));
  }
}

TEST(Codec, a_delivery_of_version_3_asks_for_nothing_about_notices) {
  RandomRecords records(15);
  for (int i = 0; i < 50; ++i) {
    const Delivery delivery = small_delivery(records);
    std::string bytes = encode(delivery);
    bytes[1] = 3;
    EXPECT_EQ(decode_delivery(bytes).error().code, Errc::corrupt) << "the rest is left over";
    bytes.erase(bytes.size() - kEmptyHistory - kBehindV3, kBehindV3);
    EXPECT_EQ(decode_delivery(bytes), as_of_before_version_5(delivery));
  }
}

TEST(Codec, a_delivery_of_version_2_is_not_held) {
  RandomRecords records(12);
  for (int i = 0; i < 50; ++i) {
    Delivery delivery = small_delivery(records);
    std::string bytes = encode(delivery);
    ASSERT_EQ(bytes[kHeldAt], delivery.held ? 1 : 0);
    bytes[1] = 2;
    bytes.erase(bytes.size() - kEmptyHistory - kBehindV3, kBehindV3);
    bytes.erase(kHeldAt, 1);
    delivery.held = false;
    EXPECT_EQ(decode_delivery(bytes), as_of_before_version_5(delivery));
  }
}

TEST(Codec, a_delivery_of_version_1_has_failed_since_it_arrived) {
  RandomRecords records(11);
  Delivery delivery = small_delivery(records);
  std::string bytes = encode(delivery);
  bytes[1] = 1;
  EXPECT_EQ(decode_delivery(bytes).error().code, Errc::corrupt) << "the time is left over";
  // The recipient's last fields, and the first host.
  constexpr std::size_t kLater = 9 + kBehindV3;
  bytes.erase(bytes.size() - kEmptyHistory - kLater, kLater);
  bytes.erase(kHeldAt - 4, 4 + 1);
  delivery.first_host = 0;
  delivery.held = false;
  delivery.recipients[0].failing_since = delivery.arrived;
  delivery.recipients[0].one_cause = delivery.recipients[0].last_failure.has_value();
  EXPECT_EQ(decode_delivery(bytes), as_of_before_version_5(delivery));
}

TEST(Codec, REQ_02_what_the_sender_asked_for_comes_back) {
  for (const bool requiretls : {false, true}) {
    for (const bool tls_optional : {false, true}) {
      Message message;
      message.requiretls = requiretls;
      message.tls_optional = tls_optional;
      EXPECT_EQ(decode_message(encode(message)), message);
    }
  }
}

TEST(Codec, one_kind_of_record_is_not_the_other) {
  RandomRecords records(6);
  EXPECT_EQ(decode_message(encode(records.delivery())).error().code, Errc::corrupt);
  EXPECT_EQ(decode_delivery(encode(records.message())).error().code, Errc::corrupt);
}

TEST(Codec, a_wild_count_is_refused_before_memory_is_taken_for_it) {
  Delivery delivery;
  std::string bytes = encode(delivery);
  // The two counts are the last eight octets of an empty delivery.
  for (std::size_t i = bytes.size() - 8; i < bytes.size() - 4; ++i)
    bytes[i] = '\xFF';
  EXPECT_EQ(decode_delivery(bytes).error().code, Errc::corrupt);
}

TEST(Codec, an_address_that_would_end_a_line_is_corrupt) {
  for (const char c : {'\r', '\n', '\0'}) {
    Message message;
    message.sender = Mailbox::parse("abc@a.example").value();
    message.sender->text[1] = c;
    EXPECT_EQ(decode_message(encode(message)).error().code, Errc::corrupt);
    message.sender->text[1] = 'b';
    message.sender->local_part[1] = c;
    EXPECT_EQ(decode_message(encode(message)).error().code, Errc::corrupt);
  }
}

TEST(Codec, any_change_of_one_octet_is_decoded_or_refused_but_never_worse) {
  RandomRecords records(7);
  const std::string bytes = encode(records.delivery());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {1, 0x20, 0x80, 0xFF}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ change);
      const auto decoded = decode_delivery(changed);
      if (decoded) {
        EXPECT_EQ(encode(*decoded), changed) << at;
      }
    }
  }
}

TEST(Codec, a_clock_gone_wild_does_not_make_a_record_unreadable) {
  Delivery delivery;
  delivery.arrived = UtcTime(std::chrono::milliseconds(-5));
  delivery.next_attempt = UtcTime::max();
  const auto decoded = decode_delivery(encode(delivery));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->arrived, UtcTime{});
  EXPECT_EQ(to_iso8601(decoded->next_attempt), "9999-12-31T23:59:59.999Z");
}

TEST(Codec, keys_sort_by_age_and_chunks_by_position) {
  const auto random = make_seeded_random(8);
  const MessageId older = MessageId::make(UtcTime(std::chrono::milliseconds(1'000)), *random);
  const MessageId newer = MessageId::make(UtcTime(std::chrono::milliseconds(1'001)), *random);
  const MailHost host = Domain::parse("a.example").value();
  const std::vector<std::string> keys = {message_key(older),    chunk_key(older, 0),
                                         chunk_key(older, 1),   chunk_key(older, 255),
                                         chunk_key(older, 256), chunk_key(older, 70'000),
                                         chunk_key(newer, 0),   chunk_key(newer, 0xFFFFFFFF)};
  EXPECT_TRUE(std::ranges::is_sorted(keys));
  EXPECT_LT(delivery_key(older, host), delivery_key(newer, host));
  EXPECT_TRUE(delivery_key(older, host).starts_with(message_key(older)));
}

TEST(Codec, keys_can_be_read_back) {
  RandomRecords records(9);
  for (int i = 0; i < 100; ++i) {
    const Delivery delivery = records.delivery();
    const std::string key = delivery_key(delivery.message, delivery.destination);
    EXPECT_EQ(parse_message_id(key), delivery.message);
    EXPECT_EQ(parse_destination(key), delivery.destination);
  }
  EXPECT_EQ(parse_message_id("short").error().code, Errc::corrupt);
  EXPECT_EQ(parse_destination("twelve octet").error().code, Errc::corrupt);
  EXPECT_EQ(parse_destination("twelve octetdUPPER.example").error().code, Errc::corrupt);
  EXPECT_EQ(parse_destination("twelve octet4abc").error().code, Errc::corrupt);
  EXPECT_EQ(parse_destination("twelve octetx").error().code, Errc::corrupt);
}

}  // namespace
}  // namespace fulmar::queue
