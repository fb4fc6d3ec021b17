// One message on its way into the spool: cuts the body into chunks, keeps what the envelope needs,
// and commits all of it at once. Holds one chunk at a time, whatever the size of the message.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mta/intake/header_prefix.h"
#include "mta/smtp/server_session.h"
#include "queue/store.h"

namespace fulmar::intake {

/// A message that is safe, and what is to be done with it.
struct AcceptedMessage {
  queue::Message message;
  std::vector<queue::Delivery> deliveries;
  std::string body;  ///< All of it, when it is one chunk; else empty.
};

class IncomingMessage {
 public:
  /// `message` has id, sender, arrived, client, helo and requiretls; the rest is filled in. `store`
  /// must outlive this.
  IncomingMessage(queue::Store& store, queue::Message message, std::vector<Mailbox> recipients);

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

  queue::Store& store_;
  queue::Message message_;
  std::vector<Mailbox> recipients_;
  HeaderPrefix header_;
  std::string chunk_;           ///< At most queue::kChunkSize octets.
  std::uint32_t appended_ = 0;  ///< Chunks handed to the store.
};

}  // namespace fulmar::intake
