#include "mta/intake/incoming_message.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace fulmar::intake {

namespace asio = boost::asio;

IncomingMessage::IncomingMessage(queue::Store& store, queue::Message message,
                                 std::vector<Mailbox> recipients)
    : store_(store), message_(std::move(message)), recipients_(std::move(recipients)) {
  FULMAR_CHECK(!recipients_.empty());
}

asio::awaitable<Result<>> IncomingMessage::append(std::string bytes) {
  header_.add(bytes);
  message_.size += bytes.size();
  std::string_view rest = bytes;
  while (!rest.empty()) {
    // A full chunk stays here until something follows it: the last one goes with the envelope.
    if (chunk_.size() == queue::kChunkSize) {
      queue::PutChunk full{
          .message = message_.id, .index = appended_, .bytes = std::exchange(chunk_, {})};
      ++appended_;  // even if it fails: it may be there
      FULMAR_CO_TRY_VOID(co_await store_.append_chunk(std::move(full)));
    }
    const std::size_t count = std::min(rest.size(), queue::kChunkSize - chunk_.size());
    chunk_ += rest.substr(0, count);
    rest.remove_prefix(count);
  }
  co_return Result<>{};
}

asio::awaitable<Result<AcceptedMessage>> IncomingMessage::commit(smtp::DataFacts facts) {
  FULMAR_CHECK(!chunk_.empty());
  message_.chunks = appended_ + 1;
  message_.eight_bit = facts.eight_bit;
  // RFC 8689 §4.1: beside REQUIRETLS the header field is only content.
  message_.tls_optional = facts.tls_required_no && !message_.requiretls;
  message_.header = header_.whole_fields();
  AcceptedMessage accepted{.message = message_, .deliveries = deliveries(), .body = {}};
  if (appended_ == 0) accepted.body = chunk_;
  queue::Batch batch;
  batch.reserve(accepted.deliveries.size() + 2);
  batch.emplace_back(queue::PutMessage{message_});
  batch.emplace_back(queue::PutChunk{
      .message = message_.id, .index = appended_, .bytes = std::exchange(chunk_, {})});
  for (const queue::Delivery& delivery : accepted.deliveries)
    batch.emplace_back(queue::PutDelivery{delivery});
  FULMAR_CO_TRY_VOID(co_await store_.commit(std::move(batch)));
  co_return accepted;
}

asio::awaitable<void> IncomingMessage::discard() {
  if (appended_ == 0) co_return;
  const auto discarded = co_await store_.discard_body(message_.id, appended_);
  if (!discarded) {
    log_debug("body chunks left for the next start",
              {{"id", message_.id.str()}, {"reason", to_string(discarded.error())}});
  }
}

/// One for each domain, in the order in which they were first named.
std::vector<queue::Delivery> IncomingMessage::deliveries() const {
  std::vector<queue::Delivery> result;
  std::map<MailHost, std::size_t> places;
  for (const Mailbox& recipient : recipients_) {
    const auto [place, added] = places.try_emplace(recipient.host, result.size());
    if (added) {
      queue::Delivery& delivery = result.emplace_back();
      delivery.message = message_.id;
      delivery.destination = recipient.host;
      delivery.arrived = message_.arrived;
      delivery.next_attempt = message_.arrived;
    }
    queue::Recipient& entry = result[place->second].recipients.emplace_back();
    entry.address = recipient;
  }
  return result;
}

}  // namespace fulmar::intake
