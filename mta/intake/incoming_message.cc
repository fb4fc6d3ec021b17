#include "mta/intake/incoming_message.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace fulmar::intake {

namespace asio = boost::asio;

namespace {

/// A larger body is never held: those who wait would wait for it.
constexpr std::size_t kMostHeld = 4UL << 20;

}  // namespace

IncomingMessage::IncomingMessage(queue::Store& store, Budget& memory, queue::Message message,
                                 std::vector<Mailbox> recipients)
    : store_(store),
      message_(std::move(message)),
      recipients_(std::move(recipients)),
      share_(memory) {
  FULMAR_CHECK(!recipients_.empty());
}

/// One chunk always.
bool IncomingMessage::may_hold(std::size_t octets) {
  return octets <= queue::kChunkSize || (octets <= kMostHeld && share_.grow_to(octets));
}

asio::awaitable<Result<>> IncomingMessage::append(std::string bytes) {
  header_.add(bytes);
  message_.size += bytes.size();
  if (!streaming_ && may_hold(held_.size() + bytes.size())) {
    held_ += bytes;
    co_return Result<>{};
  }
  if (!std::exchange(streaming_, true)) {
    const std::string so_far = std::exchange(held_, {});
    share_.give_back();
    FULMAR_CO_TRY_VOID(co_await stream(so_far));
  }
  co_return co_await stream(bytes);
}

asio::awaitable<Result<>> IncomingMessage::stream(std::string_view bytes) {
  while (!bytes.empty()) {
    // A full chunk stays here until something follows it: the last one goes with the envelope.
    if (held_.size() == queue::kChunkSize) {
      queue::PutChunk full{
          .message = message_.id, .index = appended_, .bytes = std::exchange(held_, {})};
      ++appended_;  // even if it fails: it may be there
      FULMAR_CO_TRY_VOID(co_await store_.append_chunk(std::move(full)));
    }
    const std::size_t count = std::min(bytes.size(), queue::kChunkSize - held_.size());
    held_ += bytes.substr(0, count);
    bytes.remove_prefix(count);
  }
  co_return Result<>{};
}

/// What the store does not have yet.
void IncomingMessage::put_body(queue::Batch& batch) const {
  std::uint32_t index = appended_;
  for (std::size_t from = 0; from < held_.size(); from += queue::kChunkSize) {
    batch.emplace_back(queue::PutChunk{
        .message = message_.id, .index = index++, .bytes = held_.substr(from, queue::kChunkSize)});
  }
}

/// For the first attempt.
std::shared_ptr<const std::string> IncomingMessage::keep_body() {
  struct Kept {
    std::string octets;
    Budget::Share share;
  };
  if (streaming_ || !share_.grow_to(held_.size())) return nullptr;
  auto kept = std::make_shared<const Kept>(std::move(held_), std::move(share_));
  return {kept, &kept->octets};
}

asio::awaitable<Result<AcceptedMessage>> IncomingMessage::commit(smtp::DataFacts facts) {
  FULMAR_CHECK(!held_.empty());
  queue::Batch batch;
  put_body(batch);
  message_.chunks = appended_ + static_cast<std::uint32_t>(batch.size());
  message_.eight_bit = facts.eight_bit;
  // RFC 8689 §4.1: beside REQUIRETLS the header field is only content.
  message_.tls_optional = facts.tls_required_no && !message_.requiretls;
  message_.header = header_.whole_fields();
  AcceptedMessage accepted{.message = message_, .deliveries = deliveries(), .body = keep_body()};
  batch.emplace_back(queue::PutMessage{message_});
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
