// One message on its way into the spool: keeps what the envelope needs, and commits all of it at
// once. A body of moderate size is held in memory until then, as long as there is room in a budget
// that all messages share; any other is cut into chunks that go to the spool as they fill, so that
// one chunk is held at a time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "base/result.h"
#include "mta/intake/header_prefix.h"
#include "mta/smtp/server_session.h"
#include "queue/store.h"

namespace fulmar::intake {

/// A message that is safe, and what is to be done with it.
struct AcceptedMessage {
  queue::Message message;
  std::vector<queue::Delivery> deliveries;
  /// All of it, while it is in memory; else null. It has its part of the budget until it goes.
  std::shared_ptr<const queue::BodyChunks> body;
};

class IncomingMessage {
 public:
  /// `message` has what the envelope tells; the rest is filled in: size, chunks, eight_bit,
  /// tls_optional, header, and whether `smtputf8`, as declared, is needed at all. `store` and
  /// `memory` must outlive this, and `memory` the bodies.
  IncomingMessage(queue::Store& store, Budget& memory, queue::Message message,
                  std::vector<smtp::IncomingRecipient> recipients);

  /// The next octets of the body. Errors: the store's; discard() is due then.
  boost::asio::awaitable<Result<>> append(std::string bytes);

  /// Success means that the message is safe (queue/store.h); only then may anybody hear 250.
  /// Errors: the store's; discard() is due then. REQUIRES: something was appended.
  boost::asio::awaitable<Result<AcceptedMessage>> commit(smtp::DataFacts facts);

  /// Takes back the chunks that were stored. A store that cannot even do that removes them at its
  /// next start.
  boost::asio::awaitable<void> discard();

  [[nodiscard]] const queue::Message& message() const { return message_; }
  [[nodiscard]] std::size_t recipients() const { return recipients_.size(); }

 private:
  [[nodiscard]] std::vector<queue::Delivery> deliveries() const;
  [[nodiscard]] bool needs_smtputf8(const smtp::DataFacts& facts) const;
  [[nodiscard]] bool may_hold(std::size_t octets);
  void hold(std::string_view bytes);
  boost::asio::awaitable<Result<>> hand_over_full_chunks();
  void put_body(const queue::BodyChunks* chunks, queue::Batch& batch);
  std::shared_ptr<const queue::BodyChunks> keep_body();

  queue::Store& store_;
  queue::Message message_;
  std::vector<smtp::IncomingRecipient> recipients_;
  HeaderPrefix header_;
  bool streaming_ = false;  ///< Chunks go to the store as they fill.
  queue::BodyChunks held_;  ///< The whole body, or the chunk that is being filled.
  std::size_t held_octets_ = 0;
  Budget::Share share_;         ///< For what is held beyond one chunk.
  std::uint32_t appended_ = 0;  ///< Chunks handed to the store.
};

}  // namespace fulmar::intake
