#include "queue/recovery.h"

#include <gtest/gtest.h>

#include <algorithm>

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

struct Found : RecoveryScan::Findings {
  std::vector<Delivery> deliveries;
};

/// The rows of a spool, fed in the order that the scan wants.
class Rows {
 public:
  void delivery(std::string key, std::string value) {
    deliveries_.emplace_back(std::move(key), std::move(value));
  }
  void message(std::string key, std::string value) {
    messages_.emplace_back(std::move(key), std::move(value));
  }
  void open_body(std::string key) { open_bodies_.push_back(std::move(key)); }

  void feed(const Delivery& made) {
    delivery(delivery_key(made.message, made.destination), encode(made));
  }
  void feed(const Message& made) { message(message_key(made.id), encode(made)); }

  Found scan() && {
    std::ranges::sort(messages_);
    Found found;
    RecoveryScan scan([&](const Delivery& made) { found.deliveries.push_back(made); });
    for (const auto& [key, value] : messages_)
      scan.message(key, value);
    for (const auto& [key, value] : deliveries_)
      scan.delivery(key, value);
    for (const std::string& key : open_bodies_)
      scan.open_body(key);
    static_cast<RecoveryScan::Findings&>(found) = std::move(scan).finish();
    return found;
  }

 private:
  std::vector<std::pair<std::string, std::string>> messages_;
  std::vector<std::pair<std::string, std::string>> deliveries_;
  std::vector<std::string> open_bodies_;
};

TEST(Recovery, a_delivery_with_its_envelope_goes_on) {
  Rows rows;
  rows.feed(delivery(1));
  rows.feed(message(1));
  const auto findings = std::move(rows).scan();
  EXPECT_EQ(findings.deliveries, std::vector{delivery(1)});
  EXPECT_TRUE(findings.recovered.set_aside.empty());
  EXPECT_TRUE(findings.removals.empty());
  EXPECT_TRUE(findings.lost_bodies.empty());
}

TEST(Recovery, an_envelope_without_delivery_is_removed_with_its_body) {
  Rows rows;
  rows.feed(message(1));
  const auto findings = std::move(rows).scan();
  EXPECT_EQ(findings.lost_bodies, std::vector{id(1)});
  const Edits want = {{Column::messages, message_key(id(1)), std::nullopt}};
  EXPECT_EQ(findings.removals, want);
  EXPECT_EQ(findings.recovered.orphans_removed, 1U);
}

TEST(Recovery, an_open_body_is_removed_unless_its_message_is_there) {
  Rows rows;
  rows.feed(delivery(1));
  rows.feed(message(1));
  rows.open_body(open_body_key(id(1)));
  rows.open_body(open_body_key(id(2)));
  const auto findings = std::move(rows).scan();
  EXPECT_EQ(findings.lost_bodies, std::vector{id(2)});
  EXPECT_EQ(findings.removals.size(), 2U);
}

TEST(Recovery, the_body_of_a_delivery_whose_envelope_is_lost_stays_even_when_it_is_marked_open) {
  Rows rows;
  rows.feed(delivery(1));
  rows.open_body(open_body_key(id(1)));
  const auto findings = std::move(rows).scan();
  EXPECT_TRUE(findings.lost_bodies.empty());
  EXPECT_TRUE(findings.removals.empty());
  EXPECT_EQ(findings.recovered.pinned, std::vector{id(1)});
}

TEST(Recovery, a_message_with_a_delivery_set_aside_is_pinned_whatever_its_siblings_do) {
  const MailHost second = Domain::parse("b.example").value();
  const MailHost third = Domain::parse("c.example").value();
  Rows rows;
  rows.feed(delivery(1));
  rows.delivery(delivery_key(id(1), second), "rubbish");
  rows.delivery(delivery_key(id(1), third), "rubbish");
  rows.feed(delivery(2));  // whose envelope is rubbish
  rows.feed(delivery(3));
  rows.delivery(delivery_key(id(4), kHost), "rubbish");
  rows.delivery("short", "x");
  for (const std::uint8_t number : {1, 3, 4})
    rows.feed(message(number));
  rows.message(message_key(id(2)), "rubbish");
  const auto findings = std::move(rows).scan();
  EXPECT_EQ(findings.deliveries, (std::vector{delivery(1), delivery(3)}));
  EXPECT_EQ(findings.recovered.pinned, (std::vector{id(1), id(2), id(4)}));
  EXPECT_EQ(findings.recovered.orphans_removed, 0U);
  EXPECT_TRUE(findings.removals.empty());
  EXPECT_TRUE(findings.lost_bodies.empty());
}

TEST(Recovery, pitfall_83_what_cannot_be_read_is_set_aside_and_the_rest_goes_on) {
  Delivery no_recipients = delivery(3);
  no_recipients.recipients.clear();
  Rows rows;
  rows.delivery(delivery_key(id(1), kHost), "rubbish");
  rows.delivery(delivery_key(id(2), kHost), encode(delivery(9)));
  rows.feed(no_recipients);
  rows.feed(delivery(4));  // whose envelope is rubbish
  rows.feed(delivery(5));  // whose envelope is missing
  rows.feed(delivery(6));
  rows.delivery("short", "x");
  for (const std::uint8_t number : {1, 2, 3, 6})
    rows.feed(message(number));
  rows.message(message_key(id(4)), "rubbish");
  const auto findings = std::move(rows).scan();
  EXPECT_EQ(findings.deliveries, std::vector{delivery(6)});
  std::vector<std::string> keys;
  for (const SetAside& row : findings.recovered.set_aside) {
    keys.push_back(row.key);
    EXPECT_EQ(row.why.code, Errc::corrupt);
  }
  const std::vector<std::string> want = {id(4).str(),
                                         id(1).str() + " a.example",
                                         id(2).str() + " a.example",
                                         id(3).str() + " a.example",
                                         id(4).str() + " a.example",
                                         id(5).str() + " a.example",
                                         "73686f7274"};
  EXPECT_EQ(keys, want);
  EXPECT_TRUE(findings.removals.empty()) << "an unreadable delivery keeps its message";
  EXPECT_TRUE(findings.lost_bodies.empty());
}

TEST(Recovery, records_of_a_later_version_are_set_aside_as_such) {
  std::string later = encode(delivery(1));
  ++later[1];
  Rows rows;
  rows.delivery(delivery_key(id(1), kHost), later);
  rows.feed(message(1));
  const auto findings = std::move(rows).scan();
  ASSERT_EQ(findings.recovered.set_aside.size(), 1U);
  EXPECT_EQ(findings.recovered.set_aside[0].why.code, Errc::newer_version);
  EXPECT_TRUE(findings.removals.empty());
}

}  // namespace
}  // namespace fulmar::queue
