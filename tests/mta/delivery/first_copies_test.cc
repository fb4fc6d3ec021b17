// What is kept of messages that were just accepted.
#include "mta/delivery/first_copies.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/fakes/fake_clock.h"

namespace fulmar::delivery {
namespace {

class FirstCopiesTest : public ::testing::Test {
 protected:
  queue::Message message() {
    queue::Message message;
    message.id = MessageId::make(UtcTime{}, *random_);
    message.size = 5;
    return message;
  }
  static queue::Delivery to(const queue::Message& message, std::string_view domain) {
    queue::Delivery delivery;
    delivery.message = message.id;
    delivery.destination = Domain::parse(domain).value();
    delivery.recipients.resize(1);
    return delivery;
  }
  static queue::DeliveryKey key(const queue::Delivery& delivery) {
    return {delivery.message, delivery.destination};
  }

  fakes::FakeClock clock_;
  std::unique_ptr<Random> random_ = make_seeded_random(3);
};

TEST_F(FirstCopiesTest, each_delivery_gets_its_copy_once_and_all_share_the_body) {
  FirstCopies copies(clock_);
  const queue::Message mail = message();
  const auto a = to(mail, "a.example");
  const auto b = to(mail, "b.example");
  copies.keep(mail, {a, b}, std::make_shared<const queue::BodyChunks>(1, "hello"));
  const auto first = copies.take(key(b));
  const auto second = copies.take(key(a));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->delivery, b);
  EXPECT_EQ(first->message, mail);
  EXPECT_EQ(second->delivery, a);
  EXPECT_EQ(second->message, mail);
  EXPECT_EQ(*first->body, queue::BodyChunks{"hello"});
  EXPECT_EQ(first->body, second->body);
  EXPECT_FALSE(copies.take(key(a)).has_value());
  EXPECT_EQ(copies.octets(), 0U);
}

TEST_F(FirstCopiesTest, what_is_not_there_is_read_elsewhere) {
  FirstCopies copies(clock_);
  const queue::Message mail = message();
  copies.keep(mail, {to(mail, "a.example")}, std::make_shared<const queue::BodyChunks>(1, "hello"));
  EXPECT_FALSE(copies.take(key(to(mail, "b.example"))).has_value());
  EXPECT_FALSE(copies.take(key(to(message(), "a.example"))).has_value());
}

TEST_F(FirstCopiesTest, a_body_that_is_too_long_to_be_kept_is_to_be_read) {
  FirstCopies copies(clock_);
  const queue::Message mail = message();
  const auto delivery = to(mail, "a.example");
  copies.keep(mail, {delivery}, nullptr);
  const auto copy = copies.take(key(delivery));
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->body, nullptr);
}

TEST_F(FirstCopiesTest, memory_is_bounded_and_who_came_first_is_kept) {
  FirstCopies copies(clock_, 10'000);
  std::vector<queue::Delivery> deliveries;
  for (int i = 0; i < 20; ++i) {
    const queue::Message mail = message();
    deliveries.push_back(to(mail, "a.example"));
    copies.keep(mail, {deliveries.back()}, nullptr);
    EXPECT_LE(copies.octets(), 10'000U);
  }
  EXPECT_TRUE(copies.take(key(deliveries.front())).has_value());
  EXPECT_FALSE(copies.take(key(deliveries.back())).has_value());
  const queue::Message next = message();
  copies.keep(next, {to(next, "a.example")}, nullptr);
  EXPECT_TRUE(copies.take(key(to(next, "a.example"))).has_value()) << "there is room again";
}

TEST_F(FirstCopiesTest, what_stands_for_long_makes_room_and_gives_its_body_back) {
  FirstCopies copies(clock_);
  auto body = std::make_shared<const queue::BodyChunks>(1, "hello");
  const queue::Message old = message();
  copies.keep(old, {to(old, "slow.example")}, body);
  EXPECT_EQ(body.use_count(), 2);
  clock_.advance(std::chrono::seconds(30));
  const queue::Message next = message();
  copies.keep(next, {to(next, "a.example")}, nullptr);
  EXPECT_EQ(body.use_count(), 1);
  EXPECT_FALSE(copies.take(key(to(old, "slow.example"))).has_value());
  EXPECT_TRUE(copies.take(key(to(next, "a.example"))).has_value());
}

}  // namespace
}  // namespace fulmar::delivery
