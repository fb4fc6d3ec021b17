// Messages and deliveries with arbitrary contents, the same for the same seed.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "queue/message.h"

namespace fulmar::queue {

class RandomRecords {
 public:
  explicit RandomRecords(std::uint64_t seed) : random_(make_seeded_random(seed)) {}

  Message message() {
    Message message;
    message.id = id();
    if (coin()) message.sender = mailbox();
    message.arrived = time();
    message.size = random_->next();
    message.chunks = static_cast<std::uint32_t>(random_->next());
    message.eight_bit = coin();
    message.requiretls = coin();
    message.tls_optional = coin();
    message.smtputf8 = coin();
    message.ret = static_cast<DsnReturn>(random_->below(3));
    message.envelope_id = encode_xtext(text(30));
    message.user = text(30);
    if (coin()) message.about = MessageId::make(time(), *random_);
    message.client = text(80);
    message.helo = text(80);
    message.header = text(2'000);
    return message;
  }

  Delivery delivery() {
    Delivery delivery;
    delivery.message = id();
    delivery.destination = host();
    delivery.arrived = time();
    delivery.next_attempt = time();
    delivery.attempts = static_cast<std::uint32_t>(random_->next());
    delivery.delay_notices = static_cast<std::uint32_t>(random_->next());
    delivery.first_host = static_cast<std::uint32_t>(random_->next());
    delivery.held = coin();
    const std::uint64_t recipients = 1 + random_->below(4);
    for (std::uint64_t i = 0; i < recipients; ++i)
      delivery.recipients.push_back(recipient());
    const std::uint64_t attempts = random_->below(kMaxAttemptsKept + 1);
    for (std::uint64_t i = 0; i < attempts; ++i)
      delivery.history.push_back({time(), text(300)});
    return delivery;
  }

  MessageId id() { return MessageId::make(time(), *random_); }

  /// Any octets at all.
  std::string text(std::size_t most) {
    std::string octets;
    for (std::uint64_t left = random_->below(most + 1); left > 0; --left) {
      octets += static_cast<char>(random_->below(256));
    }
    return octets;
  }

 private:
  bool coin() { return random_->below(2) == 1; }

  UtcTime time() { return UtcTime(std::chrono::milliseconds(random_->below(4'000'000'000'000))); }

  MailHost host() {
    switch (random_->below(4)) {
      case 0:
        return IpAddress::parse("192.0.2." + std::to_string(random_->below(256))).value();
      case 1:
        return IpAddress::parse("2001:db8::" + std::to_string(random_->below(9'999))).value();
      case 2:
        return Domain::parse(
                   "b\xC3\xBC"  // "bü"
                   "cher" +
                   std::to_string(random_->below(1'000)) + ".example")
            .value();
      default:
        return Domain::parse("host" + std::to_string(random_->below(1'000)) + ".example").value();
    }
  }

  Mailbox mailbox() {
    const MailHost at = host();
    return Mailbox::parse("user" + std::to_string(random_->below(1'000'000)) + '@' + to_string(at))
        .value();
  }

  Recipient recipient() {
    Recipient recipient{
        .address = mailbox(), .last_failure = {}, .last_host = {}, .last_reply = {}};
    recipient.notify = *parse_notify(coin() ? "NEVER" : "DELAY,SUCCESS");
    if (coin()) recipient.notify = {};
    if (coin()) recipient.original_recipient = "rfc822;" + encode_xtext("x" + text(40));
    recipient.exposure = static_cast<Exposure>(random_->below(3));
    recipient.given = {.latest = static_cast<Given>(random_->below(4)),
                       .before = static_cast<Given>(random_->below(4))};
    if (coin()) {
      const auto code =
          static_cast<Errc>(random_->below(std::to_underlying(Errc::administrative) + 1));
      recipient.last_failure = make_error(code, text(100));
      recipient.last_failure->retry = static_cast<Retry>(random_->below(3));
      recipient.last_failure->status.detail = static_cast<std::uint16_t>(random_->below(1'000));
    }
    recipient.failing_since = UtcTime{std::chrono::milliseconds(random_->below(1ULL << 40))};
    recipient.one_cause = coin();
    recipient.last_host = text(60);
    recipient.last_reply = text(500);
    return recipient;
  }

  std::unique_ptr<Random> random_;
};

}  // namespace fulmar::queue
