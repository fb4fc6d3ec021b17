#include "queue/recovery.h"

#include <gtest/gtest.h>

#include "queue/codec.h"

namespace fulmar::queue {
namespace {

MessageId id(std::uint8_t number) {
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  bytes.back() = number;
  return MessageId::from_bytes(bytes);
}

const MailHost kHost = Domain::parse("a.example").value();

Delivery delivery(std::uint8_t number) {
  Delivery made;
  made.message = id(number);
  made.destination = kHost;
  made.recipients.resize(1);
  made.recipients[0].address = Mailbox::parse("user@a.example").value();
  return made;
}

Message message(std::uint8_t number) {
  Message made;
  made.id = id(number);
  return made;
}

void feed(RecoveryScan& scan, const Delivery& made) {
  scan.delivery(delivery_key(made.message, made.destination), encode(made));
}
void feed(RecoveryScan& scan, const Message& made) {
  scan.message(message_key(made.id), encode(made));
}

TEST(Recovery, a_delivery_with_its_envelope_goes_on) {
  RecoveryScan scan;
  feed(scan, delivery(1));
  feed(scan, message(1));
  const auto findings = std::move(scan).finish();
  EXPECT_EQ(findings.recovered.deliveries, std::vector{delivery(1)});
  EXPECT_TRUE(findings.recovered.set_aside.empty());
  EXPECT_TRUE(findings.removals.empty());
  EXPECT_TRUE(findings.lost_bodies.empty());
}

TEST(Recovery, an_envelope_without_delivery_is_removed_with_its_body) {
  RecoveryScan scan;
  feed(scan, message(1));
  const auto findings = std::move(scan).finish();
  EXPECT_EQ(findings.lost_bodies, std::vector{id(1)});
  const Edits want = {{Column::messages, message_key(id(1)), std::nullopt}};
  EXPECT_EQ(findings.removals, want);
  EXPECT_EQ(findings.recovered.orphans_removed, 1U);
}

TEST(Recovery, an_open_body_is_removed_unless_its_message_is_there) {
  RecoveryScan scan;
  feed(scan, delivery(1));
  feed(scan, message(1));
  scan.open_body(open_body_key(id(1)));
  scan.open_body(open_body_key(id(2)));
  const auto findings = std::move(scan).finish();
  EXPECT_EQ(findings.lost_bodies, std::vector{id(2)});
  EXPECT_EQ(findings.removals.size(), 2U);
}

TEST(Recovery, the_body_of_a_delivery_whose_envelope_is_lost_stays_even_when_it_is_marked_open) {
  RecoveryScan scan;
  feed(scan, delivery(1));
  scan.open_body(open_body_key(id(1)));
  const auto findings = std::move(scan).finish();
  EXPECT_TRUE(findings.lost_bodies.empty());
  EXPECT_TRUE(findings.removals.empty());
  EXPECT_EQ(findings.recovered.pinned, std::vector{id(1)});
}

TEST(Recovery, a_message_with_a_delivery_set_aside_is_pinned_whatever_its_siblings_do) {
  const MailHost second = Domain::parse("b.example").value();
  const MailHost third = Domain::parse("c.example").value();
  RecoveryScan scan;
  feed(scan, delivery(1));
  scan.delivery(delivery_key(id(1), second), "rubbish");
  scan.delivery(delivery_key(id(1), third), "rubbish");
  feed(scan, delivery(2));  // whose envelope is rubbish
  feed(scan, delivery(3));
  scan.delivery(delivery_key(id(4), kHost), "rubbish");
  scan.delivery("short", "x");
  for (const std::uint8_t number : {1, 3, 4})
    feed(scan, message(number));
  scan.message(message_key(id(2)), "rubbish");
  const auto findings = std::move(scan).finish();
  EXPECT_EQ(findings.recovered.deliveries, (std::vector{delivery(1), delivery(3)}));
  EXPECT_EQ(findings.recovered.pinned, (std::vector{id(1), id(2), id(4)}));
  EXPECT_EQ(findings.recovered.orphans_removed, 0U);
  EXPECT_TRUE(findings.removals.empty());
  EXPECT_TRUE(findings.lost_bodies.empty());
}

TEST(Recovery, a_start_holds_no_history_and_no_words_of_hosts) {
  Delivery full = delivery(1);
  full.attempts = 30;
  full.delay_notices = 1;
  full.arrived = UtcTime(std::chrono::seconds(1));
  full.next_attempt = UtcTime(std::chrono::seconds(2));
  full.history.assign(kMaxAttemptsKept, {UtcTime{}, std::string(8'000, 'x')});
  full.recipients.resize(2, full.recipients[0]);
  full.recipients[0].exposure = Exposure::envelope;
  full.recipients[0].last_failure = make_error(Errc::dane_mismatch, std::string(4'000, 'x'));
  full.recipients[0].last_failure->status.detail = 99;
  Delivery want = full;
  want.history.clear();
  want.recipients[0].last_failure->detail.clear();
  full.recipients[0].last_host = std::string(300, 'x');
  full.recipients[0].last_reply = std::string(4'000, 'x');

  RecoveryScan scan;
  feed(scan, full);
  feed(scan, message(1));
  const auto findings = std::move(scan).finish();
  ASSERT_EQ(findings.recovered.deliveries, std::vector{want});
  const Delivery& kept = findings.recovered.deliveries[0];
  EXPECT_EQ(kept.history.capacity(), 0U);
  const std::size_t nothing = std::string().capacity();
  EXPECT_EQ(kept.recipients[0].last_reply.capacity(), nothing);
  EXPECT_EQ(kept.recipients[0].last_host.capacity(), nothing);
  EXPECT_EQ(kept.recipients[0].last_failure->detail.capacity(), nothing);
}

TEST(Recovery, pitfall_83_what_cannot_be_read_is_set_aside_and_the_rest_goes_on) {
  Delivery no_recipients = delivery(3);
  no_recipients.recipients.clear();
  RecoveryScan scan;
  scan.delivery(delivery_key(id(1), kHost), "rubbish");
  scan.delivery(delivery_key(id(2), kHost), encode(delivery(9)));
  feed(scan, no_recipients);
  feed(scan, delivery(4));  // whose envelope is rubbish
  feed(scan, delivery(5));  // whose envelope is missing
  feed(scan, delivery(6));
  scan.delivery("short", "x");
  for (const std::uint8_t number : {1, 2, 3, 6})
    feed(scan, message(number));
  scan.message(message_key(id(4)), "rubbish");
  const auto findings = std::move(scan).finish();
  EXPECT_EQ(findings.recovered.deliveries, std::vector{delivery(6)});
  std::vector<std::string> keys;
  for (const SetAside& row : findings.recovered.set_aside) {
    keys.push_back(row.key);
    EXPECT_EQ(row.why.code, Errc::corrupt);
  }
  const std::vector<std::string> want = {id(1).str() + " a.example",
                                         id(2).str() + " a.example",
                                         id(3).str() + " a.example",
                                         "73686f7274",
                                         id(4).str(),
                                         id(4).str() + " a.example",
                                         id(5).str() + " a.example"};
  EXPECT_EQ(keys, want);
  EXPECT_TRUE(findings.removals.empty()) << "an unreadable delivery keeps its message";
  EXPECT_TRUE(findings.lost_bodies.empty());
}

TEST(Recovery, records_of_a_later_version_are_set_aside_as_such) {
  std::string later = encode(delivery(1));
  ++later[1];
  RecoveryScan scan;
  scan.delivery(delivery_key(id(1), kHost), later);
  feed(scan, message(1));
  const auto findings = std::move(scan).finish();
  ASSERT_EQ(findings.recovered.set_aside.size(), 1U);
  EXPECT_EQ(findings.recovered.set_aside[0].why.code, Errc::newer_version);
  EXPECT_TRUE(findings.removals.empty());
}

}  // namespace
}  // namespace fulmar::queue
